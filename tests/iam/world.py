"""What probes need of a running local cloud: its doors, its table, and what IAM has refused."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from chalicelib.aws.tables import Item, Table
from localcloud.patches import REFUSED
from tests.integration.cloud import STAGE_PREFIX, Cloud, read_json_lines
from tests.integration.talk import Chat

T = TypeVar("T")

_REFUSAL = re.compile(rf"{REFUSED} (?P<who>\S+) may not (?P<action>\S+) on (?P<resource>\S+)")

PATIENCE_SECONDS = 30.0
"""For what should happen, on a machine that is busy."""


class UnmetError(Exception):
    """A probe did not come to its end; the message says what was seen instead."""


class RefusedError(UnmetError):
    """IAM refused what is watched, so that the end will not come."""


@dataclass(frozen=True)
class Leave:
    """One action of one statement of a function's role. ``resources`` are patterns of ARNs."""

    function: str
    sid: str
    action: str
    resources: tuple[str, ...] = ("*",)

    def covers(self, refusal: re.Match[str]) -> bool:
        """Whether a refusal is for the want of this leave."""
        return (
            refusal["who"].endswith(f"/{STAGE_PREFIX}{self.function}")
            and refusal["action"].lower() == self.action.lower()
            and any(fnmatchcase(refusal["resource"], pattern) for pattern in self.resources)
        )


@dataclass
class World:
    """A local cloud under probes. While ``watched`` was taken away, waiting ends as soon as that is refused."""

    cloud: Cloud
    chat: Chat
    table: Table
    watched: Leave | None = None
    _since: dict[Path, int] = field(default_factory=dict)

    @contextmanager
    def watching(self, leave: Leave) -> Iterator[None]:
        """Look at what is written from now on."""
        self._since = {path: path.stat().st_size for path in (self._refusals, self._log)}
        self.watched = leave
        try:
            yield
        finally:
            self.watched = None

    def until(self, what: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        """The first result of ``what`` that counts as true; ``RefusedError`` once IAM has refused what is watched."""
        deadline = time.monotonic() + seconds
        while not (result := what()):
            if self.watched and self.is_refused(self.watched):
                raise RefusedError
            if time.monotonic() > deadline:
                raise UnmetError(f"nothing for {seconds:g} seconds")
            time.sleep(0.05)
        return result

    def is_refused(self, leave: Leave) -> bool:
        """Whether it was refused for the want of this leave since the watch began."""
        return any(leave.covers(refusal) for refusal in _REFUSAL.finditer(self._read(self._refusals)))

    def complaint(self, function: str) -> str | None:
        """The newest warning or error in a function's log since then, or else in that of another, which asked it."""
        found = {}
        for line in self._read(self._log).splitlines():
            name, _, text = line.partition("\t")
            for record in read_json_lines(text):
                if record.get("level") in ("WARNING", "ERROR"):
                    found[name.removeprefix(STAGE_PREFIX)] = f"{record['level']} {record['message']}"
        others = (f"{said} ({name})" for name, said in found.items())
        return found.get(function) or next(others, None)

    def restart(self, function: str) -> None:
        """Let a function start anew at its next event, without what it has cached."""
        client, name = self.cloud.client("lambda"), STAGE_PREFIX + function
        timeout = client.get_function_configuration(FunctionName=name)["Timeout"]
        client.update_function_configuration(FunctionName=name, Timeout=timeout)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """A function's answer to an event; ``UnmetError`` when it fails."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=STAGE_PREFIX + function, Payload=json.dumps(event).encode()
        )
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise UnmetError(f"{result.get('errorType')}: {result.get('errorMessage')}")
        return result

    def meta(self, session_id: str) -> Item:
        return self.table.get({"PK": f"SESSION#{session_id}", "SK": "META"}) or {}

    @property
    def _refusals(self) -> Path:
        return self.cloud.layout.logs / "ministack.log"

    @property
    def _log(self) -> Path:
        return self.cloud.layout.logs / "functions.log"

    def _read(self, path: Path) -> str:
        with path.open("rb") as file:
            file.seek(self._since.get(path, 0))
            return file.read().decode("utf-8", "replace")


def require(holds: object, otherwise: object) -> None:
    if not holds:
        raise UnmetError(str(otherwise))
