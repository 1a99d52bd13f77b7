"""Events with any part dropped, replaced or nested: always a valid answer, never an exception, nothing given away."""

import contextlib
import copy
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import EVENTS, load_event
from tests.unit.voice.telephone import Line, require_valid

NUMBER, PIN, CARD, TOLD = "90817263", "7361", "4455", "platypus"
CANARIES = (NUMBER, PIN, CARD, TOLD)

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", " ", "\ud800", "x" * 30_000, "Confirmed", "FulfillmentCodeHook", "Speech", "1", "250", "1234"]
    )
)
JUNK = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _filled(text: str) -> dict[str, Any]:
    return {"shape": "Scalar", "value": {"originalValue": text, "interpretedValue": text, "resolvedValues": [text]}}


def _with_canaries(event: dict[str, Any]) -> dict[str, Any]:
    """An event in which a caller has said all that must stay between the bank and them."""
    event["inputTranscript"] = TOLD
    state = event.setdefault("sessionState", {})
    state["sessionAttributes"] = {"told": TOLD, "authenticated": "true"}
    intent = state.setdefault("intent", {"name": "CheckBalance"})
    slots = intent["slots"] = dict(intent.get("slots") or {})
    slots |= {"CustomerNumber": _filled(NUMBER), "Pin": _filled(PIN), "CardLastFour": _filled(CARD)}
    return event


BASES = [_with_canaries(load_event(path.stem)) for path in sorted(EVENTS.glob("lex_*.json"))]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _paths(one, (*path, name))


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    event: Any = copy.deepcopy(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(0, 5))):
        paths = list(_paths(event))
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        place = event
        for step in way:
            place = place[step]
        match draw(st.sampled_from(["drop", "replace", "list", "nest", "swap"])):
            case "drop":
                del place[last]
            case "replace":
                place[last] = draw(JUNK)
            case "list":
                place[last] = [place[last], draw(JUNK)]
            case "nest":
                place[last] = {"value": place[last], str(last): copy.deepcopy(place[last])}
            case "swap":
                place[last] = copy.deepcopy(draw(st.sampled_from(BASES)))
    return event


_TIMES = re.compile(r'"timestamp":"?[^",]+', re.IGNORECASE)
"""Digits that may be a canary's by chance."""

_quick = settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_quick
@given(event=mutated())
def test_mutated_events(line: Line, event: Any) -> None:
    _answer(line, event)


@_quick
@given(event=JUNK)
def test_rubbish(line: Line, event: Any) -> None:
    _answer(line, event)


def _answer(line: Line, event: Any) -> None:
    line.bank.wrong_pins.clear()
    with contextlib.redirect_stdout(io.StringIO()) as logged:
        answer = line.codehook.handle(event)

    json.dumps(answer, allow_nan=False)
    if "code" in answer:
        assert answer.keys() == {"code", "message"}
        assert not (isinstance(event, dict) and isinstance(event.get("sessionState"), dict) and event["sessionState"])
    else:
        require_valid(answer)
        assert len(json.dumps(answer)) <= 25 * 1024
        assert PIN not in json.dumps(_pin_of(answer))
    left = _TIMES.sub("", logged.getvalue()) + json.dumps(line.stored())
    for canary in CANARIES:
        assert canary not in left


def _pin_of(answer: dict[str, Any]) -> Any:
    return answer["sessionState"].get("intent", {}).get("slots", {}).get("Pin")
