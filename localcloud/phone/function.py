"""The deployed codehook and the stand-in for the bank, as a call and its script reach them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from localcloud.layout import STAGE
from localcloud.phone.responses import CodehookError
from localcloud.processes import StartError

CODEHOOK = f"frontdesk-{STAGE}-lex_codehook"


@dataclass(frozen=True)
class DeployedFunction:
    """Calls the codehook through ``client``, one of Lambda."""

    client: Any

    def __call__(self, event: dict[str, Any]) -> Any:
        answer = self.client.invoke(FunctionName=CODEHOOK, Payload=json.dumps(event).encode())
        result = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            reason = result.get("errorMessage") if isinstance(result, dict) else result
            raise CodehookError(f"{reason}")
        return result


@dataclass(frozen=True)
class BankControl:
    """What a script may have the bank do, at the address of its stand-in."""

    url: str | None

    def __call__(self, word: str, options: Mapping[str, Any]) -> None:
        if self.url is None:
            raise StartError("This local cloud has no stand-in for the bank: leave out the script's lines of the bank.")
        path, body = ("/control", {"fault": word, **options})
        if word in ("reset", "unlock"):
            path, body = (f"/control/{word}", {})
        try:
            answer = requests.post(self.url + path, json=body, timeout=10)
        except requests.RequestException as error:
            raise StartError(f"The bank does not answer; it may be restarting: {error}") from error
        if not answer.ok:
            raise StartError(f"The bank does not do {word!r}: {answer.text}")
