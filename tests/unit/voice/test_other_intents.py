"""Help, SpeakToAgent, the fallback, what is unknown; and how often anything is asked."""

import pytest

from tests.unit.voice.fake_bank import ANA
from tests.unit.voice.telephone import Caller, Line


def test_help(line: Line) -> None:
    line.break_table()

    caller = line.call().say("Help")

    assert caller.action == "ElicitIntent"
    assert "transfer money" in caller.heard


def test_a_person_is_always_there(line: Line) -> None:
    line.break_table()

    caller = line.call().say("SpeakToAgent")

    assert caller.is_with_agent
    assert caller.answer["sessionState"]["intent"]["state"] == "Fulfilled"


def test_a_goodbye_ends_the_call(line: Line) -> None:
    line.break_table()

    caller = line.call().say("FallbackIntent").say("Goodbye")

    assert caller.action == "Close"
    assert not caller.is_with_agent
    assert caller.heard == "Thank you for calling. Goodbye."


def test_a_goodbye_to_a_question_lets_it_go_first(line: Line) -> None:
    caller = line.call().say("CheckBalance").say("Goodbye")

    assert (caller.action, caller.heard) == ("ElicitIntent", "What else can I do for you?")
    assert caller.say("Goodbye").action == "Close"


def test_an_unknown_intent_is_for_a_person(line: Line) -> None:
    caller = line.call().say("OpenAccount")

    assert caller.is_with_agent
    assert "cannot help with that myself" in caller.heard


def test_the_route_of_an_earlier_turn_is_not_kept(line: Line) -> None:
    caller = line.call(attributes={"route": "agent", "campaign": "spring"}).say("Help")

    assert caller.attributes == {"campaign": "spring"}


class TestFallback:
    def test_twice_it_asks_then_it_gives_up(self, line: Line) -> None:
        caller = line.call()
        for _ in range(3):
            assert caller.say("FallbackIntent").action == "ElicitIntent"

        assert caller.say("FallbackIntent").is_with_agent

    def test_silence(self, line: Line) -> None:
        caller = line.call(mode="Speech", intent="FallbackIntent").stay_silent()

        assert "I heard nothing. You can say" in caller.heard

    def test_what_is_understood_between_begins_anew(self, line: Line) -> None:
        caller = line.call().say("FallbackIntent").say("FallbackIntent").say("Help")
        assert "asked" not in caller.attributes

        assert caller.say("FallbackIntent").say("FallbackIntent").action == "ElicitIntent"


class TestAskingAgain:
    @pytest.mark.parametrize("fail", [Caller.mumble, Caller.stay_silent, lambda caller: caller.give("nonsense")])
    def test_a_slot_is_asked_for_three_times_then_a_person_comes(self, line: Line, fail: object) -> None:
        assert callable(fail)
        caller = line.call().say("VerifyCaller")
        assert caller.attributes == {"asked": "CustomerNumber:1"}
        fail(caller)
        fail(caller)
        assert caller.elicited == "CustomerNumber"

        fail(caller)

        assert caller.is_with_agent
        assert caller.attributes == {"route": "agent"}

    def test_it_says_why(self, line: Line) -> None:
        caller = line.call().say("VerifyCaller")

        assert caller.mumble().heard.startswith("Sorry, I did not get that. Please tell me")
        assert caller.stay_silent().heard.startswith("I heard nothing. Please tell me")

    def test_a_confirmation_is_asked_for_three_times_too(self, line: Line) -> None:
        caller = line.call().say("ReportLostCard").prove("10020031", "0042").mumble().stay_silent()
        assert caller.action == "ConfirmIntent"

        assert caller.mumble().is_with_agent

    @pytest.mark.parametrize("value", ["Pin:-5", "CustomerNumber:99", "CustomerNumber:", ":", "x" * 9999, "\ud800:1"])
    def test_a_forged_count_is_no_count(self, line: Line, value: str) -> None:
        caller = line.call(attributes={"asked": value}).say("VerifyCaller")

        assert caller.elicited == "CustomerNumber"
        assert caller.attributes == {"asked": "CustomerNumber:1"}

    def test_each_slot_has_its_own(self, line: Line) -> None:
        caller = line.call().say("VerifyCaller").mumble().give(ANA)

        assert caller.attributes == {"asked": "Pin:1"}
