import base64
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ops.person import person
from ops.stage import Stage

EMAIL = "aiko@example.com"
ORDERS = [{"order_id": "1", "updated_at": "2026-11-20T12:00:00+00:00"}, {"order_id": "2", "updated_at": "2026-11-19"}]


class NotFoundError(Exception):
    """Lambda's own."""


class Exceptions:
    ResourceNotFoundException = NotFoundError


@dataclass
class FakeLambda:
    """Answers as ``manage_events`` does, one thing a page."""

    asked: list[str] = field(default_factory=list)
    exceptions: type[Exceptions] = field(default=Exceptions)

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - botocore's own spelling
        request = json.loads(Payload)
        self.asked.append(request["action"])
        place = int(request.get("cursor", 0))
        cursor = str(place + 1) if place == 0 else None
        answers: dict[str, Any] = {
            "count_person": {"events": 2, "orders": 2},
            "list_person_orders": {"orders": [ORDERS[place]], "cursor": cursor},
            "list_person_events": {"events": [{"source": "github", "external_id": str(place)}], "cursor": cursor},
            "show_event": {"body": base64.b64encode('{"a":"\\ud800 \x9b\u202e"}'.encode()).decode()},
            "erase_person": {"events": 2, "orders": 2},
        }
        return {"Payload": io.BytesIO(json.dumps(answers[request["action"]]).encode())}


def run(client: FakeLambda, *arguments: str, typed: str = "", code: int = 0) -> Result:
    result = CliRunner().invoke(person, arguments, obj=Stage("dev", None, {"lambda": client}), input=typed)
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def test_an_export_has_every_page(tmp_path: Path) -> None:
    output = tmp_path / "person.json"

    printed = run(FakeLambda(), "export", EMAIL).stdout
    run(FakeLambda(), "export", EMAIL, "--output", str(output))

    exported = json.loads(printed)
    assert exported["orders"] == ORDERS[::-1]
    assert [event["body"] for event in exported["events"]] == [{"a": "\ud800 \x9b\u202e"}] * 2
    assert not {"\x9b", "\u202e"} & set(printed)
    assert output.read_text(encoding="utf-8") == printed


def test_a_file_that_cannot_be_written_is_said_at_once() -> None:
    client = FakeLambda()

    result = run(client, "export", EMAIL, "--output", "/nonexist/x", code=1)

    assert result.stderr == "Error: /nonexist/x cannot be written: No such file or directory.\n"
    assert client.asked == []


def test_erasing_asks_only_how_much_there_is() -> None:
    client = FakeLambda()

    assert "2 events and 2 orders" in run(client, "erase", EMAIL, typed="n\n", code=1).stderr
    assert client.asked == ["count_person"]
    run(client, "erase", EMAIL, "--yes")
    assert client.asked[1:] == ["count_person", "erase_person"]
