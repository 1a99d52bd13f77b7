"""What an intent decides: the next step of a call, before it has words in a language or a shape that Lex knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chalicelib.voice.bot import Slot as BotSlot
from chalicelib.voice.lex_response import State
from chalicelib.voice.slots import Slot
from chalicelib.voice.speech import Say, say

Action = Literal["ElicitSlot", "ElicitIntent", "ConfirmIntent", "Delegate", "Close"]


@dataclass(frozen=True)
class Reply:
    """A step. ``asks`` is what re-prompts are counted by, the slot where one is asked for.

    ``changes`` are slots to be filled, or emptied with None. ``choices`` are kinds of accounts, which a written chat
    shows as buttons. ``confirming`` is the token of what a yes is for. ``outcome`` is the word for the step in logs and
    metrics, one of a small set.
    """

    action: Action
    says: tuple[Say, ...]
    outcome: str
    asks: str = ""
    changes: Mapping[str, Slot | None] = field(default_factory=dict, repr=False)
    choices: tuple[str, ...] = ()
    confirming: str = ""
    state: State = "InProgress"
    to_agent: bool = False


def ask(slot: BotSlot, *reasons: Say, prompt: Say | None = None, choices: tuple[str, ...] = ()) -> Reply:
    """Ask for a slot, which is emptied; after the reasons for asking again, if any."""
    words = (*reasons, prompt or Say(slot.ask))
    outcome = "asked_again" if reasons else "asked"
    return Reply("ElicitSlot", words, outcome, asks=slot.name, changes={slot.name: None}, choices=choices)


def confirm(question: Say, token: str, changes: Mapping[str, Slot | None] | None = None) -> Reply:
    """Ask for a yes or a no; ``token`` is ``confirmation.token`` of what is read back."""
    return Reply(
        "ConfirmIntent", (question,), "confirming", asks="confirmation", changes=changes or {}, confirming=token
    )


def go_on(token: str) -> Reply:
    """Everything is there and confirmed: let Lex call for the fulfilment, which needs the token once more."""
    return Reply("Delegate", (), "delegated", confirming=token, state="ReadyForFulfillment")


def done(outcome: str, *words: Say) -> Reply:
    """Say how it went, and ask what else there is to do."""
    return Reply("ElicitIntent", (*words, say("anything_else")), outcome)


def to_agent(outcome: str, *words: Say, state: State = "Failed") -> Reply:
    """End the bot's part: the contact flow hands over to a queue. The words must say so."""
    return Reply("Close", words, outcome, state=state, to_agent=True)
