"""The codehook's edges: what is no event, what breaks inside, how long it may take, and what it tells of itself."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import app
from chalicelib.voice.bank import Verdict
from chalicelib.voice.deadline import Deadline
from tests.builders import load_event
from tests.unit.voice.fake_bank import ANA, FakeBank
from tests.unit.voice.telephone import Line

ROOT = Path(app.__file__).parent


@dataclass
class Context:
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class TestWhatIsNoEvent:
    @pytest.mark.parametrize("event", [None, [], "", "{}", 7, {}, {"sessionState": []}, {"Records": []}])
    def test_rubbish_gets_a_flat_answer_that_says_what_to_do(self, line: Line, event: Any) -> None:
        answer = line.codehook.handle(event)

        assert answer["code"] == "not_lex_event"
        assert "code hook of a Lex V2 bot" in answer["message"]

    def test_connect_is_told_which_block_to_use(self, line: Line, capsys: pytest.CaptureFixture[str]) -> None:
        answer = line.codehook.handle(load_event("connect_invoke_lambda"))

        assert all(isinstance(text, str) for text in answer.values())
        assert "'Get customer input' block" in answer["message"]
        logged = capsys.readouterr().out
        assert '"level":"ERROR"' in logged
        assert "+15550100" not in logged


class TestWhatBreaks:
    def test_an_error_of_our_own_is_apologised_for_and_logged_without_its_text(
        self, line: Line, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = replace(line, bank=_Buggy())

        caller = line.call().say("CheckBalance").prove()

        assert caller.is_with_agent
        assert "something went wrong on our side" in caller.heard
        logged = capsys.readouterr().out
        assert '"error":"KeyError"' in logged
        assert "verify:" in logged
        assert ANA not in logged

    def test_even_without_words_somebody_answers(self, line: Line) -> None:
        line.bank.accounts_of["cus_ana"][0] = replace(line.bank.accounts_of["cus_ana"][0], last4=None)  # type: ignore[arg-type]

        caller = line.call(mode="Speech").say("CheckBalance", AccountType="checking").prove()

        assert caller.is_with_agent
        assert caller.heard == "I am sorry, something went wrong. I am putting you through to a colleague."


class TestTime:
    @pytest.mark.parametrize(
        ("context", "seconds"),
        [(None, [5.5]), (object(), [5.5]), (Context(30_000), [5.5]), (Context(5_000), [3.8]), (Context(500), [])],
    )
    def test_a_turn_has_six_seconds_or_what_the_function_has_left(
        self, line: Line, context: Any, seconds: list[float]
    ) -> None:
        """The last half of a second belongs to the table; without any time nobody is asked."""
        bank = _Watching()
        codehook = replace(line.codehook, bank=bank)
        caller = replace(line, bank=bank).call().say("VerifyCaller").give(ANA)
        event = caller.last_event
        event["sessionState"]["intent"]["slots"] |= {"Pin": {"value": {"interpretedValue": "1234"}}}
        line.timer.now = 100

        codehook.handle(event, context)

        assert bank.left == pytest.approx(seconds)

    def test_a_deadline_is_never_negative(self, line: Line) -> None:
        line.timer.now = 10

        assert Deadline(line.timer, 3).left() == 0


class _Buggy(FakeBank):
    def verify(self, number: str, pin: str, deadline: Deadline) -> Verdict:
        raise KeyError(number, pin)


@dataclass
class _Watching(FakeBank):
    def __post_init__(self) -> None:
        self.left: list[float] = []

    def verify(self, number: str, pin: str, deadline: Deadline) -> Verdict:
        self.left.append(deadline.left())
        return super().verify(number, pin, deadline)


class TestWhatItTells:
    def test_a_turn_is_one_line_and_one_metric(self, line: Line, capsys: pytest.CaptureFixture[str]) -> None:
        caller = line.call(mode="DTMF", locale="es_MX", attributes={"campaign": "spring-of-secrets"})

        caller.say("CheckBalance")

        turn, metric = map(json.loads, capsys.readouterr().out.splitlines())
        expected = {
            "message": "voice turn",
            "intent": "CheckBalance",
            "source": "DialogCodeHook",
            "input_mode": "DTMF",
            "locale": "es_US",
            "action": "ElicitSlot",
            "slot": "CustomerNumber",
            "outcome": "asked",
        }
        assert turn.items() >= expected.items()
        assert set(turn) - set(expected) == {"level", "location", "timestamp", "service", "milliseconds"}
        assert metric["VoiceTurns"] == [1]
        assert (metric["intent"], metric["outcome"]) == ("CheckBalance", "asked")

    def test_names_that_are_not_ours_are_not_repeated(self, line: Line, capsys: pytest.CaptureFixture[str]) -> None:
        line.call(locale="tlh_10020030").say("Secret10020030")

        assert ANA not in capsys.readouterr().out


def test_importing_the_app_brings_none_of_it() -> None:
    script = "import sys, app; print([name for name in sys.modules if name.startswith('chalicelib.voice')])"

    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_answering_needs_no_heavy_library() -> None:
    script = (
        "import sys, chalicelib.voice.codehook; "
        "print([name for name in ('requests', 'boto3', 'jwt', 'psycopg') if name in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
