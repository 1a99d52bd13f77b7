"""CheckBalance, as a caller hears it."""

from dataclasses import replace

import pytest

from tests.unit.voice.fake_bank import LUIS
from tests.unit.voice.telephone import Line


def test_a_balance_is_told_to_who_proves_who_they_are(line: Line) -> None:
    caller = line.call().say("CheckBalance").prove()

    assert caller.elicited == "AccountType"
    caller.give("checking")

    assert caller.action == "ElicitIntent"
    assert caller.heard == (
        "Your checking account ending in 4321 holds $1,204.50, as of November 20, 2026. What else can I do for you?"
    )


def test_it_is_spoken_as_people_speak(line: Line) -> None:
    caller = line.call(mode="Speech").say("CheckBalance", AccountType="checking").prove()

    assert (
        '<speak>Your checking account ending in <say-as interpret-as="digits">4321</say-as> holds '
        '1,204 dollars and 50 cents, as of <say-as interpret-as="date" format="mdy">11/20/2026</say-as>.</speak>'
    ) in caller.heard


def test_only_what_the_customer_has_is_offered(line: Line) -> None:
    caller = line.call().say("CheckBalance").prove(LUIS, "0042")

    assert "checking account (1) or savings account (2)?" in caller.heard
    buttons = caller.answer["messages"][-1]["imageResponseCard"]["buttons"]
    assert buttons == [
        {"text": "checking account", "value": "checking"},
        {"text": "savings account", "value": "savings"},
    ]

    caller.give("credit")

    assert caller.elicited == "AccountType"
    assert caller.heard.startswith("You have no credit account with us.")


def test_no_question_about_the_only_account(line: Line) -> None:
    line.bank.accounts_of["cus_ana"] = line.bank.accounts_of["cus_ana"][:1]

    caller = line.call().say("CheckBalance").prove()

    assert "$1,204.50" in caller.heard


@pytest.mark.parametrize("said", ["2", "Savings", "savings account", " saving "])
def test_an_account_is_named_by_key_or_synonym(line: Line, said: str) -> None:
    caller = line.call(mode="DTMF").say("CheckBalance").prove().give(said)

    assert "15,300 dollars, as of" in caller.heard


def test_what_is_owed_is_called_so(line: Line) -> None:
    caller = line.call().say("CheckBalance", AccountType="credit").prove()

    assert "On your credit account ending in 5566 you owe $230.10" in caller.heard


def test_two_accounts_of_a_kind_are_for_a_person(line: Line) -> None:
    accounts = line.bank.accounts_of["cus_ana"]
    accounts.append(replace(accounts[0], id="acc_9", last4="0000"))

    assert line.call().say("CheckBalance", AccountType="checking").prove().is_with_agent


def test_no_account_at_all_is_for_a_person(line: Line) -> None:
    line.bank.accounts_of["cus_ana"] = []

    assert line.call().say("CheckBalance").prove().is_with_agent


def test_the_proof_lasts_for_the_call_but_not_for_ever(line: Line) -> None:
    caller = line.call().say("VerifyCaller").prove()

    line.clock.now += 14 * 60
    assert "$1,204.50" in caller.say("CheckBalance", AccountType="checking").heard

    line.clock.now += 2 * 60
    assert caller.say("CheckBalance", AccountType="checking").elicited == "CustomerNumber"


def test_it_is_told_in_spanish(line: Line) -> None:
    caller = line.call(mode="Speech", locale="es_US").say("CheckBalance").prove(LUIS, "0042").give("cuenta de ahorros")

    assert (
        '<speak>Su cuenta de ahorros terminada en <say-as interpret-as="digits">9753</say-as> tiene 640 dólares, '
        'a fecha de <say-as interpret-as="date" format="dmy">20/11/2026</say-as>.</speak>'
    ) in caller.heard


def test_a_fulfilment_relies_on_nothing_that_was_said_before(line: Line) -> None:
    caller = line.call().say("CheckBalance", AccountType="checking")
    caller.last_event["invocationSource"] = "FulfillmentCodeHook"

    assert caller.again().elicited == "CustomerNumber"


def test_with_the_bank_down_a_person_takes_over(line: Line) -> None:
    line.bank.is_down = True

    caller = line.call().say("CheckBalance").prove()

    assert caller.is_with_agent
    assert caller.heard.startswith("I cannot reach our systems at the moment")
