"""The doctor's look at the two ends of the chat: its WebSocket API, and the model."""

import base64
from collections.abc import Iterator
from typing import Any

import requests

from ops.findings import Finding, Level, finding
from ops.stage import Stage

ASKED = "--ask-model asks it for one word, which costs a few tokens."


def check_websocket(stage: Stage) -> Iterator[Finding]:
    """Knock without a ticket. Whoever is refused for that has met the API, its stage, and our function behind it."""
    address = stage.variables("api_handler")["WEBSOCKET_URL"]
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"frontdesk-doctor").decode(),
    }
    with requests.Session() as session:
        session.trust_env = not stage.emulator
        try:
            # Anything below 400 would be a socket that is let in; nothing is read from it.
            answer = session.get(
                address.replace("ws", "http", 1), headers=headers, timeout=15, stream=True, allow_redirects=False
            )
            status = answer.status_code
            answer.close()
        except requests.RequestException as error:
            yield Finding(
                Level.BAD, "WebSocket", f"{address} does not answer ({type(error).__name__}): is it deployed?"
            )
            return
    refusals = (401, 403) if stage.emulator else (401,)
    yield finding(
        "WebSocket",
        status in refusals,
        f"{address} lets nobody in without a ticket",
        f"{address} answers {status} to a socket without a ticket: see websocket_connect's log.",
    )


def check_model(stage: Stage, *, asking: bool = False) -> Iterator[Finding]:
    """Whether the model is there; with ``asking`` whether it answers."""
    model = stage.variables("answer_messages")["MODEL_ID"]
    if asking:
        stage.model_client().converse(
            modelId=model,
            messages=[{"role": "user", "content": [{"text": "Hi"}]}],
            inferenceConfig={"maxTokens": 1},
        )
        yield Finding(Level.GOOD, "model", f"{model} answers")
    elif stage.emulator:
        yield _stand_in(stage)
    else:
        _look_up(stage.client("bedrock"), model)
        yield Finding(Level.GOOD, "model", f"{model} is offered here; {ASKED}")


def _look_up(bedrock: Any, model: str) -> None:
    """Whether Bedrock offers a model to this account and region, which costs nothing; ``ClientError`` when not."""
    if "inference-profile" in model or model.partition(":")[0].count(".") > 1:  # such as eu.anthropic.claude-…
        bedrock.get_inference_profile(inferenceProfileIdentifier=model)
    else:
        bedrock.get_foundation_model(modelIdentifier=model)


def _stand_in(stage: Stage) -> Finding:
    """The stand-in's own word, which uses up none of the faults that are set for the next answers."""
    address = stage.model_address()
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(f"{address}/control", timeout=5)
            answer.raise_for_status()
        except requests.RequestException:
            again = "It may be restarting: try again in a moment. .localcloud/logs/model.log says more."
            return Finding(Level.BAD, "model", f"{address} does not answer. {again}")
    fault = answer.json()["fault"]
    if fault != "normal":
        undo = "`python -m localcloud model normal` ends that."
        return Finding(Level.NOTE, "model", f"{address} answers, and is told to fail ({fault}): {undo}")
    return Finding(Level.GOOD, "model", f"{address} answers, the stand-in for Bedrock")
