"""Random calls of one customer, two at a time, over a bank and a table that fail at random.

What was heard is what the ledger says, at the end too.
"""

import contextlib
import io
import random
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from chalicelib.errors import UnavailableError
from chalicelib.voice.transfers import fingerprint
from tests.unit.voice.fake_bank import ANA
from tests.unit.voice.telephone import Caller, Line

WAYS = (("checking", "savings"), ("savings", "checking"))
AMOUNTS = ("700.25", "2000")


@dataclass
class Heard:
    """What a caller was told of each reference, and how often they said yes."""

    line: Line
    completed: set[str] = field(default_factory=set)
    not_moved: set[str] = field(default_factory=set)
    confirmed: int = 0

    def note(self, reference: str, text: str) -> None:
        if "Done:" in text:
            self.completed.add(reference)
            assert reference not in self.not_moved
        elif any(words in text for words in ("nothing was", "Nothing was moved", "will not make that transfer")):
            self.not_moved.add(reference)
            assert reference not in self.completed

    def compare(self, total: Decimal) -> None:
        moved = [reference for reference, *_ in self.line.bank.moved]
        assert self.line.bank.total == total
        assert len(set(moved)) == len(moved) <= self.confirmed
        assert self.completed <= set(moved)
        assert not self.not_moved & set(moved)


@pytest.mark.parametrize("seed", range(25))
def test_what_was_heard_agrees_with_the_ledger(line: Line, seed: int) -> None:
    chance = random.Random(seed)
    heard, total = Heard(line), line.bank.total
    callers = [line.call(), line.call()]
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(45):
            place = chance.randrange(2)
            caller = callers[place]
            _step(line, caller, chance, heard)
            line.mend_table()
            line.clock.now += chance.choice([1, 1, 5, 5, 30, 60])
            if caller.is_with_agent:
                callers[place] = line.call()
            heard.compare(total)
        line.bank.faults.clear()


def _step(line: Line, caller: Caller, chance: random.Random, heard: Heard) -> None:
    """One thing a caller may do, with whatever faults there are this time."""
    if not caller.answer or (caller.action == "ElicitIntent" and chance.random() < 0.9):
        source, target = chance.choice(WAYS)
        slots = {"FromAccount": source, "ToAccount": target, "TransferAmount": chance.choice(AMOUNTS)}
        caller.say("TransferFunds", **slots)
        return
    if caller.elicited == "CustomerNumber":
        caller.prove(ANA, "1234")
        return
    reference = _reference(line, caller)
    _break(line, chance)
    if caller.action == "ConfirmIntent" and reference:
        if chance.random() < 0.75:
            heard.confirmed += 1
            caller.confirm()
            line.bank.faults = []
        else:
            caller.deny()
        heard.note(reference, caller.heard)
        line.mend_table()
        if chance.random() < 0.3:
            heard.note(reference, caller.again().heard)
    elif chance.random() < 0.5:
        caller.mumble()
    else:
        caller.again()


def _break(line: Line, chance: random.Random) -> None:
    line.bank.faults = [
        fault for fault in chance.choices(["", "", "", "down", "lost_before", "lost_after", "lost_after"]) if fault
    ]
    if chance.random() < 0.25:
        line.break_table(after=chance.randint(0, 5))


def _reference(line: Line, caller: Caller) -> str | None:
    """The reference under which the transfer now being confirmed would be sent."""
    slots = {name: slot["value"]["interpretedValue"] for name, slot in caller.slots.items() if slot}
    if slots.keys() < {"FromAccount", "ToAccount", "TransferAmount"}:
        return None
    found = fingerprint("cus_ana", slots["FromAccount"], slots["ToAccount"], Decimal(slots["TransferAmount"]))
    with contextlib.suppress(UnavailableError):
        known = line.transfers.find(found)
        return known.reference if known else None
    return None
