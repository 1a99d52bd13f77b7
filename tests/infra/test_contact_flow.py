"""The contact flow of the documentation: every block leads somewhere, and every error to a person."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.languages import read_languages
from infra.packaging import ROOT

FLOW = json.loads(Path(ROOT / "docs" / "contact-flow.json").read_text(encoding="utf-8"))
ACTIONS: dict[str, dict[str, Any]] = {action["Identifier"]: action for action in FLOW["Actions"]}


def ways(action: dict[str, Any]) -> Iterator[str]:
    transitions = action["Transitions"]
    if "NextAction" in transitions:
        yield transitions["NextAction"]
    for other in (*transitions.get("Conditions", ()), *transitions.get("Errors", ())):
        yield other["NextAction"]


def test_every_block_is_reached_and_leads_to_one_that_is_there() -> None:
    reached, waiting = set(), [FLOW["StartAction"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += ways(ACTIONS[name])

    assert reached == ACTIONS.keys() == FLOW["Metadata"]["ActionMetadata"].keys()


@pytest.mark.parametrize(("route", "to"), [("agent", "queue"), (None, "hang-up")])
def test_the_route_that_the_codehook_sets_leads_to_the_queue(route: str | None, to: str) -> None:
    compare = ACTIONS["route"]
    assert compare["Parameters"]["ComparisonValue"] == "$.Lex.SessionAttributes.route"

    chosen = [
        condition["NextAction"]
        for condition in compare["Transitions"]["Conditions"]
        if condition["Condition"] == {"Operator": "Equals", "Operands": [route]}
    ]

    (otherwise,) = [error["NextAction"] for error in compare["Transitions"]["Errors"]]
    assert (chosen or [otherwise]) == [to]


def test_a_bot_that_fails_leads_to_a_person() -> None:
    errors = {error["ErrorType"]: error["NextAction"] for error in ACTIONS["bot"]["Transitions"]["Errors"]}

    assert errors["NoMatchingError"] == errors["InputTimeLimitExceeded"] == "queue"


def test_the_flow_greets_and_speaks_as_the_bot_does() -> None:
    (english,) = [language for language in read_languages() if language.locale == "en_US"]

    assert ACTIONS["voice"]["Parameters"]["TextToSpeechVoice"] == english.voice["id"]
    assert ACTIONS["language"]["Parameters"]["LanguageCode"] == english.locale.replace("_", "-")
    assert ACTIONS["bot"]["Parameters"]["Text"] == english.messages["greeting"]
