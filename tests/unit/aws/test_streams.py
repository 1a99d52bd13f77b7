import json
import time
from typing import Any

import pytest

from chalicelib.aws.streams import Change, answer_changes, for_each, read_changes


def record(number: int, kind: str = "MODIFY", **image: Any) -> dict[str, Any]:
    change = {"SequenceNumber": str(number), "Keys": {"PK": {"S": f"SESSION#s{number}"}, "SK": {"S": "META"}}}
    return {"eventName": kind, "dynamodb": change | image}


def test_a_record_becomes_a_change() -> None:
    event = {"Records": [record(7, NewImage={"summarise": {"BOOL": True}, "seq": {"N": "12"}}), record(8, "REMOVE")]}

    assert read_changes(event) == [
        Change("7", "MODIFY", {"PK": "SESSION#s7", "SK": "META"}, {"summarise": True, "seq": 12}),
        Change("8", "REMOVE", {"PK": "SESSION#s8", "SK": "META"}, None),
    ]


@pytest.mark.parametrize(
    ("failed", "first"),
    [
        ([], None),
        (["9", "10"], "9"),
        (["100", "99"], "99"),
        (["4421584500000000017450439092"], "4421584500000000017450439092"),
    ],
)
def test_the_shard_goes_on_from_the_lowest_number(failed: list[str], first: str | None) -> None:
    expected = [{"itemIdentifier": first}] if first else []

    assert answer_changes(failed) == {"batchItemFailures": expected}


def test_those_that_fail_are_named_and_the_others_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    changes = read_changes({"Records": [record(number) for number in range(10)]})
    done: list[str] = []

    def handle(change: Change) -> None:
        if change.sequence_number in ("3", "5"):
            raise ValueError("poison")
        done.append(change.sequence_number)

    assert sorted(for_each(changes, handle)) == ["3", "5"]
    assert sorted(done) == ["0", "1", "2", "4", "6", "7", "8", "9"]
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((line["sequence_number"], str(line["key"])) for line in logged) == [
        (change.sequence_number, str(change.key)) for change in (changes[3], changes[5])
    ]


def test_a_slow_one_does_not_hold_up_the_others() -> None:
    changes = read_changes({"Records": [record(number) for number in range(10)]})
    started = time.monotonic()

    for_each(changes, lambda change: time.sleep(0.3))

    assert time.monotonic() - started < 2
