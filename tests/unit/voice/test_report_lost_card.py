"""ReportLostCard: always answered, and a card is blocked or a person does it."""

import pytest

from tests.unit.voice.fake_bank import LUIS
from tests.unit.voice.telephone import Caller, Line


def report(line: Line) -> Caller:
    """A customer with one card that is not blocked, who hears which."""
    return line.call().say("ReportLostCard").prove(LUIS, "0042")


def test_one_card_is_confirmed_and_blocked(line: Line) -> None:
    caller = report(line)

    assert caller.action == "ConfirmIntent"
    assert "block your card ending in 1357" in caller.heard
    assert not line.bank.is_blocked("card_4")
    assert caller.confirm().heard.startswith("Your card ending in 1357 is blocked.")
    assert line.bank.is_blocked("card_4")


def test_the_same_fulfilment_twice(line: Line) -> None:
    caller = report(line).confirm()

    assert "is blocked already" in caller.again().heard


def test_no_leaves_it(line: Line) -> None:
    assert report(line).deny().heard.startswith("All right, your card stays as it is.")
    assert not line.bank.is_blocked("card_4")


@pytest.mark.parametrize("said", ["7788", "7 7 8 8"])
def test_several_cards(line: Line, said: str) -> None:
    caller = line.call().say("ReportLostCard").prove()
    assert caller.elicited == "CardLastFour"
    assert "ending in 9876 or 7788" in caller.heard

    caller.give(said).confirm()

    assert line.bank.is_blocked("card_3")
    assert not line.bank.is_blocked("card_1")


def test_digits_that_are_no_card(line: Line) -> None:
    caller = line.call().say("ReportLostCard").prove().give("0000")

    assert caller.elicited == "CardLastFour"
    assert caller.heard.startswith("You have no card with us that fits.")


def test_a_card_that_is_blocked_already(line: Line) -> None:
    line.bank.block_card("card_4", None)  # type: ignore[arg-type]

    assert report(line).heard.startswith("Your card ending in 1357 is blocked already.")


def test_the_other_one_after_the_first(line: Line) -> None:
    caller = line.call().say("ReportLostCard").prove().give("9876").confirm()

    caller.say("ReportLostCard").confirm()

    assert line.bank.is_blocked("card_3")


def test_no_card_at_all(line: Line) -> None:
    caller = line.call().say("ReportLostCard").prove("10020032", "9999")

    assert caller.is_with_agent


def test_a_yes_without_a_question_blocks_nothing(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove().say("ReportLostCard")
    caller.last_event["invocationSource"] = "FulfillmentCodeHook"
    caller.last_event["sessionState"]["intent"]["confirmationState"] = "Confirmed"

    assert caller.again().elicited == "CardLastFour"
    assert not line.bank.is_blocked("card_1")


@pytest.mark.parametrize("source", ["DialogCodeHook", "FulfillmentCodeHook"])
@pytest.mark.parametrize("said", ["7788", "9876"])
def test_a_yes_to_a_card_that_was_not_read_back_only_asks(line: Line, source: str, said: str) -> None:
    caller = line.call().say("ReportLostCard").prove().give("9876")
    if said == "9876":
        caller.attributes = {}
    caller.slots["CardLastFour"] = {"value": {"interpretedValue": said}}
    caller.confirmation = "Confirmed"
    caller.last_event = caller._event(source, "yes")

    assert caller.again().action == "ConfirmIntent"
    assert f"ending in {said}" in caller.heard
    assert not line.bank.is_blocked("card_1")
    assert not line.bank.is_blocked("card_3")


def test_a_question_for_a_card_is_no_question_for_a_transfer(line: Line) -> None:
    caller = line.call().say("ReportLostCard").prove().give("9876")
    confirming = caller.attributes["confirming"]
    caller.say("TransferFunds", FromAccount="1", ToAccount="2", TransferAmount="1")
    caller.attributes["confirming"] = confirming

    assert caller.confirm().action == "ConfirmIntent"
    assert line.bank.moved == []


class TestWhenItCannotBeDoneHere:
    def test_not_proven(self, line: Line) -> None:
        caller = line.call().say("ReportLostCard")
        for _ in range(3):
            caller.stay_silent()

        assert caller.is_with_agent

    def test_locked(self, line: Line) -> None:
        caller = line.call().say("ReportLostCard").prove(pin="1").give("4321").prove(pin="4322").prove(pin="4323")

        assert caller.is_with_agent
        assert "block your card" in caller.heard
        assert caller.say("ReportLostCard").is_with_agent
        assert "block your card" in caller.heard

    def test_bank_down(self, line: Line) -> None:
        line.bank.is_down = True

        caller = line.call().say("ReportLostCard").prove()

        assert caller.is_with_agent
        assert "a colleague right away, who will block your card" in caller.heard

    def test_table_down(self, line: Line) -> None:
        line.break_table()

        caller = line.call().say("ReportLostCard")

        assert caller.is_with_agent
        assert "block your card" in caller.heard

    @pytest.mark.parametrize("fault", ["down", "lost_after"])
    def test_in_doubt(self, line: Line, fault: str) -> None:
        caller = report(line)
        line.bank.faults = ["", fault]

        caller.confirm()

        assert caller.is_with_agent
        assert "could not make sure that your card is blocked" in caller.heard
