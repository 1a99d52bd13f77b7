"""Who calls: proofs, wrong ones, and what proves nothing."""

import pytest

from tests.unit.voice.fake_bank import ANA, LUIS
from tests.unit.voice.telephone import Line


def test_number_and_pin_are_proof(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove()

    assert caller.heard == "Thank you, now I know who you are. What else can I do for you?"


@pytest.mark.parametrize(("number", "pin"), [("1002 0030", "12 34"), ("1-0-0-2-0-0-3-0#", "1.2.3.4"), (ANA, "1234#")])
def test_digits_count_however_they_are_separated(line: Line, number: str, pin: str) -> None:
    assert line.call(mode="DTMF").say("VerifyCaller").prove(number, pin).action == "ElicitIntent"


@pytest.mark.parametrize(
    "number", ["1002003", "100200300", "customer", "\uff11\uff10\uff10\uff12\uff10\uff10\uff13\uff10"]
)
def test_what_is_no_customer_number_never_reaches_the_bank(line: Line, number: str) -> None:
    caller = line.call().say("VerifyCaller").give(number)

    assert (caller.elicited, caller.slots["CustomerNumber"]) == ("CustomerNumber", None)
    assert "eight digits" in caller.heard
    assert line.bank.asked == []


def test_what_is_no_pin_is_no_attempt(line: Line) -> None:
    caller = line.call().say("VerifyCaller").give(ANA).give("12345")

    assert caller.elicited == "Pin"
    assert "four digits" in caller.heard
    assert (line.bank.asked, line.stored()) == ([], [])


def test_the_pin_goes_back_in_no_response_and_the_number_only_until_the_proof(line: Line) -> None:
    caller = line.call().say("CheckBalance").give(ANA)
    assert caller.slots["CustomerNumber"]["value"]["interpretedValue"] == ANA

    caller.give("1234")

    assert caller.elicited == "AccountType"
    assert (caller.slots["CustomerNumber"], caller.slots["Pin"]) == (None, None)


def test_three_wrong_pins_end_in_a_person_whatever_is_asked_then(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove(pin="9999")
    assert caller.elicited == "CustomerNumber"
    assert "do not go together" in caller.heard
    assert caller.prove(pin="9998").elicited == "CustomerNumber"

    assert caller.prove(LUIS, "9997").is_with_agent

    asked = len(line.bank.asked)
    for intent in ("CheckBalance", "TransferFunds", "VerifyCaller", "FallbackIntent"):
        assert caller.say(intent, CustomerNumber=ANA, Pin="1234").is_with_agent
        assert "could not make sure who is calling" in caller.heard
    assert caller.say("SpeakToAgent").is_with_agent
    assert caller.say("ReportLostCard").is_with_agent
    assert "block your card" in caller.heard
    assert caller.say("Help").action == "ElicitIntent"
    assert len(line.bank.asked) == asked


def test_being_right_between_does_not_give_new_attempts(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove(pin="9999").prove(pin="9998").prove()
    assert caller.action == "ElicitIntent"
    line.clock.now += 16 * 60

    assert caller.say("VerifyCaller").prove(LUIS, "9997").is_with_agent


def test_a_number_that_the_bank_has_locked_locks_the_call(line: Line) -> None:
    line.bank.wrong_pins[ANA] = 3

    assert line.call().say("VerifyCaller").prove().is_with_agent


def test_an_attempt_counts_before_the_bank_is_asked(line: Line) -> None:
    for _ in range(3):
        line.bank.faults = ["lost"]
        caller = line.call()
        caller.session_id = "one"
        assert caller.say("VerifyCaller").prove().is_with_agent

    assert caller.say("VerifyCaller").prove().is_with_agent
    assert line.bank.asked == ["verify"] * 3


def test_an_attempt_that_never_reached_the_bank_does_not_count(line: Line) -> None:
    for _ in range(4):
        line.bank.faults = ["down"]
        caller = line.call()
        caller.session_id = "one"
        assert caller.say("VerifyCaller").prove().is_with_agent

    assert caller.say("VerifyCaller").prove().action == "ElicitIntent"


def test_a_lock_is_over_with_the_call(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove(pin="9999").prove(pin="9998").prove(pin="9997")
    line.bank.wrong_pins.clear()
    line.clock.now += 3601

    assert caller.say("VerifyCaller").prove().action == "ElicitIntent"
    assert [int(item["attempts"]["N"]) for item in line.stored()] == [0]


@pytest.mark.parametrize("name", ["authenticated", "verified", "customer_id", "verified_at"])
def test_session_attributes_prove_nothing(line: Line, name: str) -> None:
    caller = line.call(attributes={name: "true", "customerNumber": ANA})

    caller.say("CheckBalance", AccountType="checking")

    assert caller.elicited == "CustomerNumber"
    assert caller.attributes[name] == "true"


def test_another_call_knows_nothing_of_it(line: Line) -> None:
    line.call().say("VerifyCaller").prove()

    assert line.call().say("CheckBalance").elicited == "CustomerNumber"


def test_without_a_session_id_nothing_can_be_remembered(line: Line) -> None:
    caller = line.call()
    caller.session_id = ""

    assert caller.say("CheckBalance").is_with_agent


def test_with_the_table_down_a_person_takes_over(line: Line) -> None:
    line.break_table()

    caller = line.call().say("CheckBalance")

    assert caller.is_with_agent
    assert "cannot reach our systems" in caller.heard


def test_with_the_table_down_in_the_middle_the_bank_is_not_asked(line: Line) -> None:
    caller = line.call().say("VerifyCaller").give(ANA)
    line.break_table(after=1)

    assert caller.give("1234").is_with_agent
    assert line.bank.asked == []


def test_the_same_turn_twice_is_no_harm(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove()

    assert caller.again().action == "ElicitIntent"
    assert line.bank.asked == ["verify"]
