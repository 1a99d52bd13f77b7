"""TransferFunds: what is read back, what moves, and what is said when nobody knows."""

from decimal import Decimal

import pytest

from chalicelib.voice.transfers import fingerprint
from tests.unit.voice.fake_bank import ANA, LUIS
from tests.unit.voice.telephone import Caller, Line

PRINT = fingerprint("cus_ana", "checking", "savings", Decimal(250))


def ask_for(line: Line, amount: str = "250", source: str = "checking", target: str = "savings") -> Caller:
    """A caller who has proven themselves, and hears a transfer read back."""
    return repeat(line.call().say("VerifyCaller").prove(), amount, source, target)


def repeat(caller: Caller, amount: str = "250", source: str = "checking", target: str = "savings") -> Caller:
    return caller.say("TransferFunds", FromAccount=source, ToAccount=target, TransferAmount=amount)


class TestAsking:
    def test_everything_in_order_then_read_back(self, line: Line) -> None:
        caller = line.call().say("TransferFunds")
        assert caller.elicited == "FromAccount"
        assert caller.give("checking").elicited == "ToAccount"
        assert caller.give("savings").elicited == "TransferAmount"
        assert caller.give("250").elicited == "CustomerNumber"

        caller.prove()

        assert caller.action == "ConfirmIntent"
        assert caller.heard == (
            "I am about to transfer $250.00 from your checking account ending in 4321 to your savings account ending "
            "in 8765. Shall I do it? Please say yes or no."
        )
        assert line.bank.moved == []

    @pytest.mark.parametrize(
        ("amount", "reason"),
        [
            ("10000.01", "$10,000.00 at most"),
            ("25000", "$10,000.00 at most"),
            ("0", "one cent"),
            ("0.00", "one cent"),
            ("0.005", "one cent"),
            ("10.005", "whole cents"),
            ("much", "did not get the amount"),
            ("-5", "did not get the amount"),
            ("1e3", "did not get the amount"),
            ("NaN", "did not get the amount"),
            ("\u0661\u0660", "did not get the amount"),
        ],
    )
    def test_an_amount_that_cannot_be_is_asked_for_again_with_the_reason(
        self, line: Line, amount: str, reason: str
    ) -> None:
        caller = ask_for(line, amount)

        assert (caller.elicited, caller.slots["TransferAmount"]) == ("TransferAmount", None)
        assert reason in caller.heard

    @pytest.mark.parametrize(
        ("amount", "heard"),
        [("10000", "$10,000.00"), ("0.01", "$0.01"), ("12.5", "$12.50"), ("1,204.50", "$1,204.50"), ("$7", "$7.00")],
    )
    def test_amounts_that_can_be(self, line: Line, amount: str, heard: str) -> None:
        caller = ask_for(line, amount)

        assert caller.action == "ConfirmIntent"
        assert f"transfer {heard} from" in caller.heard

    def test_from_an_account_to_itself(self, line: Line) -> None:
        caller = ask_for(line, target="checking")

        assert caller.elicited == "ToAccount"
        assert "has to go to another one" in caller.heard

    def test_accounts_by_key(self, line: Line) -> None:
        caller = ask_for(line, source="2", target="1")

        assert "from your savings account ending in 8765 to your checking account ending in 4321" in caller.heard

    def test_what_is_no_account(self, line: Line) -> None:
        caller = line.call().say("TransferFunds").give("piggy bank")

        assert caller.elicited == "FromAccount"
        assert "did not get which account" in caller.heard

    def test_an_account_the_customer_does_not_have(self, line: Line) -> None:
        caller = repeat(line.call().say("VerifyCaller").prove(LUIS, "0042"), target="credit")

        assert caller.elicited == "ToAccount"
        assert caller.heard.startswith("You have no credit account with us.")
        assert caller.give("savings").action == "ConfirmIntent"

    def test_only_one_account_at_all(self, line: Line) -> None:
        del line.bank.accounts_of["cus_ana"][1:]

        assert ask_for(line).is_with_agent

    def test_in_spanish(self, line: Line) -> None:
        caller = line.call(mode="Speech", locale="es_US").say("VerifyCaller").prove(LUIS, "0042")

        repeat(caller, "1.01", "corriente", "ahorros")

        assert "Voy a transferir 1 dólar con 1 centavo de su cuenta corriente" in caller.heard


class TestStepUp:
    def test_an_old_proof_is_not_enough(self, line: Line) -> None:
        caller = line.call().say("VerifyCaller").prove()
        line.clock.now += 120

        repeat(caller)

        assert caller.elicited == "CustomerNumber"
        assert "make sure again that it is you" in caller.heard
        assert caller.prove().action == "ConfirmIntent"

    def test_it_must_be_fresh_when_the_money_moves_too(self, line: Line) -> None:
        caller = ask_for(line)
        line.clock.now += 121

        caller.confirm()

        assert caller.elicited == "CustomerNumber"
        assert line.bank.moved == []
        assert caller.prove().action == "ConfirmIntent"
        assert "Done" in caller.confirm().heard

    def test_somebody_else_may_prove_themselves_but_gets_their_own_accounts(self, line: Line) -> None:
        caller = ask_for(line)
        line.clock.now += 121
        caller.confirm().prove(LUIS, "0042")

        assert "ending in 2468" in caller.heard


class TestConfirming:
    def test_yes_moves_it_once(self, line: Line) -> None:
        caller = ask_for(line).confirm()

        assert caller.heard.startswith("Done: $250.00 went from your checking account to your savings account.")
        assert line.bank.moved == [("reference1", "acc_1", "acc_2", Decimal("250.00"))]

    def test_no_moves_nothing(self, line: Line) -> None:
        caller = ask_for(line).deny()

        assert caller.heard.startswith("All right, nothing was transferred.")
        assert line.bank.moved == []
        assert line.transfers.find(PRINT) is None

    def test_neither_is_asked_again_with_the_same_reference(self, line: Line) -> None:
        caller = ask_for(line).mumble()

        assert caller.action == "ConfirmIntent"
        assert caller.heard.startswith("Sorry, I did not get that.")
        caller.confirm()
        assert [reference for reference, *_ in line.bank.moved] == ["reference1"]

    def test_a_new_one_of_the_same_kind_gets_a_new_reference(self, line: Line) -> None:
        caller = ask_for(line).confirm()

        repeat(caller).confirm()

        assert [reference for reference, *_ in line.bank.moved] == ["reference1", "reference2"]

    def test_the_same_fulfilment_twice_says_the_same_and_moves_once(self, line: Line) -> None:
        caller = ask_for(line).confirm()
        first = caller.answer

        assert caller.again().answer == first
        assert len(line.bank.moved) == 1

    def test_what_was_not_read_back_is_not_sent(self, line: Line) -> None:
        caller = ask_for(line)
        caller.slots["TransferAmount"] = {"value": {"interpretedValue": "9000"}}

        caller.confirm()

        assert caller.action == "ConfirmIntent"
        assert "$9,000.00" in caller.heard
        assert line.bank.moved == []

    def test_an_amount_that_lex_understood_as_something_else_is_asked_for_again(self, line: Line) -> None:
        caller = line.call().say("VerifyCaller").prove().say("TransferFunds", FromAccount="1", ToAccount="2")
        caller.slots["TransferAmount"] = {
            "value": {"interpretedValue": "some", "resolvedValues": ["30"], "originalValue": "13"}
        }

        caller.mumble()

        assert caller.elicited == "TransferAmount"
        assert "did not get the amount" in caller.heard

    def test_a_fulfilment_without_a_yes_only_asks(self, line: Line) -> None:
        caller = ask_for(line)
        caller.last_event["invocationSource"] = "FulfillmentCodeHook"

        assert caller.again().action == "ConfirmIntent"
        assert line.bank.moved == []

    def test_a_yes_of_another_call_is_none(self, line: Line) -> None:
        caller = ask_for(line)
        caller.session_id = "elsewhere"

        assert caller.confirm().elicited == "CustomerNumber"
        assert line.bank.moved == []


class TestWhatAYesIsFor:
    """It is for the transfer that was read back last in this call, whichever events are late, replayed or forged."""

    def test_a_late_fulfilment_does_not_send_the_next_of_the_kind(self, line: Line) -> None:
        caller = ask_for(line).confirm()
        late = caller.last_event

        repeat(caller)
        line.codehook.handle(late)

        assert [reference for reference, *_ in line.bank.moved] == ["reference1"]
        assert "Done" in caller.confirm().heard
        assert [reference for reference, *_ in line.bank.moved] == ["reference1", "reference2"]

    def test_nor_do_a_late_yes_and_its_fulfilment(self, line: Line) -> None:
        caller = ask_for(line).confirm()
        fulfilment = caller.last_event
        repeat(caller)

        answer = line.codehook.handle({**fulfilment, "invocationSource": "DialogCodeHook"})

        assert answer["sessionState"]["dialogAction"]["type"] == "ConfirmIntent"
        line.codehook.handle(fulfilment)
        assert len(line.bank.moved) == 1

    def test_a_yes_delivered_twice_is_one(self, line: Line) -> None:
        caller = ask_for(line).confirm()

        answer = line.codehook.handle({**caller.last_event, "invocationSource": "DialogCodeHook"})

        assert answer["sessionState"]["dialogAction"]["type"] == "Delegate"
        assert "Done" in caller.again().heard
        assert len(line.bank.moved) == 1

    @pytest.mark.parametrize("source", ["DialogCodeHook", "FulfillmentCodeHook"])
    @pytest.mark.parametrize("forged", [{}, {"confirming": ""}, {"confirming": "0" * 24}, {"confirming": "é"}])
    def test_without_its_token_it_only_asks(self, line: Line, source: str, forged: dict[str, str]) -> None:
        caller = ask_for(line)
        caller.attributes = forged
        caller.confirmation = "Confirmed"

        caller.last_event = caller._event(source, "yes")

        assert caller.again().action == "ConfirmIntent"
        assert line.bank.moved == []

    def test_a_yes_in_another_call_of_the_customer_is_none(self, line: Line) -> None:
        caller, other = ask_for(line), line.call().say("VerifyCaller").prove()
        caller.session_id = other.session_id

        assert caller.confirm().action == "ConfirmIntent"
        assert line.bank.moved == []

    def test_the_token_tells_nothing_and_goes_with_the_question(self, line: Line) -> None:
        caller = ask_for(line)
        assert len(caller.attributes["confirming"]) == 24
        assert "reference1" not in str(caller.answer)

        assert "confirming" not in caller.deny().attributes


class TestAnotherCall:
    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    def test_looks_after_what_nobody_knows_the_end_of(self, line: Line, fault: str) -> None:
        caller = ask_for(line)
        line.bank.faults = [fault]
        assert "I cannot say yet" in caller.confirm().heard
        line.clock.now += 3600

        caller = ask_for(line)

        assert caller.heard.startswith("You asked for this before, and I do not know yet how that ended")
        assert "Done" in caller.confirm().heard
        assert [reference for reference, *_ in line.bank.moved] == ["reference1"]

    def test_begins_anew_after_an_end(self, line: Line) -> None:
        ask_for(line).confirm()

        caller = ask_for(line)

        assert "I am about to transfer" in caller.heard
        caller.confirm()
        assert [reference for reference, *_ in line.bank.moved] == ["reference1", "reference2"]

    def test_that_denies_does_not_undo_what_was_sent(self, line: Line) -> None:
        caller, other = ask_for(line), ask_for(line)
        caller.confirm()

        assert "Done" in other.deny().heard

    def test_that_denies_takes_the_question_away(self, line: Line) -> None:
        caller, other = ask_for(line), ask_for(line)
        other.deny()

        assert caller.confirm().action == "ConfirmIntent"
        assert line.bank.moved == []
        assert "Done" in caller.confirm().heard

    def test_of_another_customer_has_nothing_to_do_with_it(self, line: Line) -> None:
        line.bank.faults = ["", "", "lost_after"]
        ask_for(line).confirm()

        caller = repeat(line.call().say("VerifyCaller").prove(LUIS, "0042"))

        assert "I am about to transfer" in caller.heard


class TestDenying:
    def test_after_another_was_made_only_this_one_is_not(self, line: Line) -> None:
        caller = ask_for(line).confirm()

        repeat(caller, "1").deny()

        assert caller.heard.startswith("All right, I will not make that transfer.")

    def test_after_another_is_pending_only_this_one_is_not(self, line: Line) -> None:
        caller = ask_for(line)
        line.bank.faults = ["lost_after"]
        repeat(caller.confirm(), "1").deny()

        assert caller.heard.startswith("All right, I will not make that transfer.")

    def test_what_cannot_be_read_after_another_was_made(self, line: Line) -> None:
        caller = repeat(ask_for(line).confirm(), "1")
        caller.slots["TransferAmount"] = None

        assert caller.deny().heard.startswith("All right, I will not make that transfer.")

    def test_in_a_call_that_nobody_knows(self, line: Line) -> None:
        caller = line.call().say("TransferFunds")

        assert caller.deny().heard.startswith("All right, I will not make that transfer.")


class TestOutcomes:
    def test_not_enough_money(self, line: Line) -> None:
        caller = ask_for(line, "1204.51").confirm()

        assert "not enough money on your checking account to transfer $1,204.51" in caller.heard
        assert caller.again().heard == caller.heard
        line.bank.balances["acc_1"] += 1
        assert "Done" in repeat(caller, "1204.51").confirm().heard

    @pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
    def test_an_end_that_nobody_knows_is_called_so_and_looked_after(self, line: Line, fault: str) -> None:
        caller = ask_for(line)
        line.bank.faults = [fault]

        caller.confirm()

        assert caller.action == "ElicitIntent"
        assert "I cannot say yet whether your transfer of $250.00 went through." in caller.heard
        assert "Ask for it again within the hour, in this call or another" in caller.heard

        repeat(caller)
        assert caller.action == "ConfirmIntent"
        assert caller.heard.startswith("You asked for this before, and I do not know yet how that ended")
        assert "Done" in caller.confirm().heard
        assert [reference for reference, *_ in line.bank.moved] == ["reference1"]

    def test_what_is_on_its_way_cannot_be_denied_any_more(self, line: Line) -> None:
        caller = ask_for(line)
        line.bank.faults = ["lost_after"]
        repeat(caller.confirm())

        assert "I cannot say yet" in caller.deny().heard

    def test_it_is_remembered_over_other_transfers(self, line: Line) -> None:
        caller = ask_for(line)
        line.bank.faults = ["lost_after"]
        caller.confirm()
        repeat(caller, "1").confirm()

        repeat(caller).confirm()

        assert [amount for *_, amount in line.bank.moved] == [250, 1]

    def test_with_the_bank_down_nothing_was_moved_and_nothing_will_be(self, line: Line) -> None:
        caller = ask_for(line)
        line.bank.faults = ["down"]

        caller.confirm()

        assert caller.is_with_agent
        assert "nothing was moved" in caller.heard
        assert caller.again().action != "Close"
        assert line.bank.moved == []

    def test_with_the_bank_down_on_the_second_try_nobody_knows_still(self, line: Line) -> None:
        caller = ask_for(line)
        line.bank.faults = ["lost_after"]
        repeat(caller.confirm())
        line.bank.faults = ["down"]

        assert "I cannot say yet" in caller.confirm().heard

    @pytest.mark.parametrize("noted", [0, 1])
    def test_with_the_table_down_nothing_is_sent(self, line: Line, noted: int) -> None:
        caller = ask_for(line)
        line.break_table(after=4 + noted)  # call and transfer are read, and again for the fulfilment

        assert caller.confirm().is_with_agent
        assert line.bank.moved == []

    def test_with_the_table_down_after_sending_the_truth_is_told_all_the_same(self, line: Line) -> None:
        caller = ask_for(line)
        line.break_table(after=6)

        assert "Done" in caller.confirm().heard
        line.mend_table()
        repeat(caller)
        assert caller.heard.startswith("You asked for this before")
        assert "Done" in caller.confirm().heard
        assert len(line.bank.moved) == 1

    def test_with_bank_and_table_down_nobody_knows(self, line: Line) -> None:
        caller = ask_for(line)
        line.bank.faults = ["down"]
        line.break_table(after=6)

        assert "I cannot say yet" in caller.confirm().heard

    def test_a_locked_call_sends_nothing(self, line: Line) -> None:
        caller = ask_for(line)
        line.calls.lock(caller.session_id)

        assert caller.confirm().is_with_agent
        assert line.bank.moved == []


def test_nothing_of_it_is_stored_but_ids_and_fingerprints(line: Line) -> None:
    ask_for(line).confirm()

    stored = str(line.stored())
    for secret in (ANA, "1234'", "4321", "8765", "250", "checking", "savings"):
        assert secret not in stored, secret
