"""The doctor's look at the chat's two ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.chat_checks import check_model, check_websocket
from ops.doctor import findings
from ops.findings import Level
from ops.stage import Stage

PROFILE, PLAIN = "eu.anthropic.claude-haiku-4-5-20251001-v1:0", "amazon.nova-lite-v1:0"


class FakeAws:
    """Lambda, with the variables of every function, and Bedrock."""

    def __init__(self, *, refuses: bool = False, **variables: str) -> None:
        self.refuses, self.variables, self.asked = refuses, variables, list[tuple[str, Any]]()

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"Environment": {"Variables": self.variables}}

    def get_foundation_model(self, **arguments: Any) -> None:
        self._note("foundation", arguments)

    def get_inference_profile(self, **arguments: Any) -> None:
        self._note("profile", arguments)

    def converse(self, **arguments: Any) -> None:
        self._note("converse", arguments)

    def _note(self, what: str, arguments: dict[str, Any]) -> None:
        self.asked.append((what, arguments))
        if self.refuses:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no such model"}}, what)


def stage_of(aws: FakeAws) -> Stage:
    return Stage("dev", None, dict.fromkeys(("lambda", "bedrock", "bedrock-runtime"), aws))


@pytest.mark.parametrize(("model", "what"), [(PROFILE, "profile"), (PLAIN, "foundation")])
def test_whether_a_model_is_offered_is_looked_up_for_nothing(model: str, what: str) -> None:
    aws = FakeAws(MODEL_ID=model)

    (finding,) = check_model(stage_of(aws))

    assert finding.level is Level.GOOD
    assert "--ask-model" in finding.text
    assert [asked for asked, _ in aws.asked] == [what]


def test_on_request_it_is_asked_for_one_word() -> None:
    aws = FakeAws(MODEL_ID=PLAIN)

    (finding,) = check_model(stage_of(aws), asking=True)

    ((what, arguments),) = aws.asked
    assert (what, arguments["modelId"], arguments["inferenceConfig"]) == ("converse", PLAIN, {"maxTokens": 1})
    assert finding.text == f"{PLAIN} answers"


@pytest.mark.parametrize("asking", [True, False])
def test_a_model_that_is_not_there_is_seen(asking: bool) -> None:
    aws = FakeAws(refuses=True, MODEL_ID=PROFILE)

    (finding,) = findings("model", lambda stage: check_model(stage, asking=asking), stage_of(aws))

    assert finding.level is Level.BAD
    assert "no such model" in finding.text


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers every request so; its address, and the headers that it heard."""
    heard = list[dict[str, str]]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.server_port}/api", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "level"), [(401, Level.GOOD), (403, Level.BAD), (502, Level.BAD), (200, Level.BAD)])
def test_a_socket_without_a_ticket_must_be_refused(status: int, level: Level) -> None:
    with answering(status) as (address, heard):
        (finding,) = check_websocket(stage_of(FakeAws(WEBSOCKET_URL=address)))

    assert finding.level is level
    assert heard[0]["Upgrade"] == "websocket"


def test_a_socket_that_nobody_answers_is_seen() -> None:
    (finding,) = check_websocket(stage_of(FakeAws(WEBSOCKET_URL="ws://127.0.0.1:1")))

    assert (finding.level, finding.subject) == (Level.BAD, "WebSocket")
