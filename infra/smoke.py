"""A first look at what was deployed: does it answer, with this version, and are its event sources at work?"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests

from chalicelib import __version__
from infra.deploying import Deployment

PATIENCE_SECONDS = 60.0
"""For a new API, or an event source that is being enabled."""

_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "c21va2UgdGVzdCBvbmx5IQ==",
}


class _WrongError(Exception):
    """What was seen in place of what was to be."""


@dataclass
class Smoke:
    """The tests of a deployment."""

    deployment: Deployment
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self) -> Iterator[tuple[str, str | None]]:
        """Each test's name, and what is wrong; None when nothing is."""
        deadline = self.clock() + PATIENCE_SECONDS
        for name, test in (
            ("HTTP answers with this version", self._health),
            ("a socket without a ticket is refused", self._socket),
            ("the schema is this version's, or newer", self._schema),
            ("every event source is enabled", self._event_sources),
        ):
            yield name, self._repeat(test, deadline)

    def _repeat(self, test: Callable[[], None], deadline: float) -> str | None:
        while True:
            try:
                test()
            except (_WrongError, requests.RequestException) as wrong:
                if self.clock() > deadline:
                    return str(wrong)
                self.sleep(1.0)
            else:
                return None

    def _health(self) -> None:
        url = f"{self.deployment.addresses.http}/health"
        answer = requests.get(url, timeout=30)
        wanted = {"version": __version__, "stage": self.deployment.stage.name}
        if answer.status_code != 200 or not wanted.items() <= answer.json().items():
            raise _WrongError(f"{url} answers {answer.status_code} {answer.text[:200]}")

    def _socket(self) -> None:
        """401 on AWS; MiniStack shows every refusal as 403."""
        url = self.deployment.addresses.websocket.replace("ws", "http", 1)
        answer = requests.get(url, params={"ticket": "none"}, headers=_UPGRADE, timeout=30)
        if answer.status_code not in (401, 403):
            raise _WrongError(f"{url} answers {answer.status_code}")

    def _schema(self) -> None:
        name = self.deployment.stage.deployed_name("manage_events")
        client = self.deployment.target.client("lambda")
        answer = client.invoke(FunctionName=name, Payload=json.dumps({"action": "describe"}).encode())
        told: Any = json.loads(answer["Payload"].read())
        schema = told.get("schema")
        if not schema or schema["current"] < schema["newest"]:
            raise _WrongError(f"{name} answers {json.dumps(schema or told)[:400]}")

    def _event_sources(self) -> None:
        client = self.deployment.target.client("lambda")
        for _, identifier in self.deployment.app.resources("AWS::Lambda::EventSourceMapping"):
            mapping = client.get_event_source_mapping(UUID=identifier)
            if mapping["State"] != "Enabled":
                raise _WrongError(f"that of {mapping['EventSourceArn']} is {mapping['State']}")
