"""CheckBalance, as a caller hears it."""

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
