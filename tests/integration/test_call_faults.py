"""Two hundred calls, ten at a time, while the bank fails at random: no money comes or goes, each transfer that was
confirmed is made once or not at all, and what its caller heard is what the ledger says.

What callers want and which faults there are follow from the seed; which caller meets which fault does not.
"""

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

import pytest
import requests

from infra.languages import read_languages
from localcloud.bank.faults import FAULTS
from localcloud.bank.samples import SampleAccount, SampleCard, SampleCustomer
from localcloud.phone.call import Call, show_input, spoken
from localcloud.phone.definition import Bot, read_bots
from localcloud.phone.events import Input
from localcloud.phone.function import DeployedFunction
from tests.integration.cloud import Cloud, eventually
from tests.integration.customers import add_customers
from tests.unit.localcloud.bank.asking import Client

CALLS = 200
AT_ONCE = 10
LAST = 50
"""So many calls meet a bank that takes no transfers, or is as good as dead, so that breakers open."""

ERRANDS = 3
"""What a caller wants in one call."""

LATE_SECONDS = 5.5
"""The longest that a fault keeps the bank: more than a transfer is waited for."""

LATE = ("slow", "stall", "drip", "pending")
DEAD: dict[str, Any] = {
    "faults": ["drop", "drop-after", "fail", "error", "error-after", "rubbish"],
    "probability": 0.5,
}
THROTTLED: dict[str, Any] = {"faults": ["throttle"], "path": "/transfers", "method": "POST"}
"""For long enough that a second try meets it too: then the transfer has certainly not been made."""

BREAKING = tuple(fault for fault in FAULTS if fault != "normal")
KINDS = ("checking", "savings")
YES, NO = Input("yes"), Input("no")

OUTCOMES = {
    "Done: ": "completed",
    "cannot say yet": "pending",
    "not enough money": "refused",
    "The bank did not accept": "refused",
    "does not allow": "refused",
    "and nothing was moved. I am putting you through": "unavailable",
    "nothing was transferred": "denied",
    "I will not make that transfer": "denied",
}
"""What callers hear of a transfer, and what that means."""

NOT_MOVED = {"refused", "unavailable"}

LEAST = {
    "completed": 100,
    "pending": 10,
    "repeated": 5,
    "cleared up": 1,
    "refused": 10,
    "unavailable": 1,
    "denied": 20,
    "same again": 20,
    "over the limit": 10,
    "balance": 40,
    "blocked": 20,
    "served": 80,
    "person": 5,
}
"""Without so many of each it would prove little."""

Cents = int
Entry = dict[str, Any]


def customers() -> list[SampleCustomer]:
    return [
        SampleCustomer(
            f"cus_faults{number}",
            f"{55_000_000 + number}",
            f"{7_100 + number}",
            (
                SampleAccount(
                    f"acc_faults{number}c",
                    "checking",
                    f"{3_000 + number}",
                    4_000_00,
                    SampleCard(f"card_faults{number}", f"{5_000 + number}"),
                ),
                SampleAccount(f"acc_faults{number}s", "savings", f"{4_000 + number}", 6_000_00),
            ),
        )
        for number in range(12)
    ]


@dataclass
class Transfer:
    """A transfer of which a caller said once or more often that it be done. ``heard`` is what they were told then."""

    cents: Cents
    source: str
    target: str
    heard: list[str] = field(default_factory=list)


@dataclass
class Caller:
    """Somebody with a few errands. ``amounts`` are nobody else's, so that each transfer is known by its own."""

    call: Call
    customer: SampleCustomer
    chance: Random
    amounts: Iterator[Cents]
    transfers: list[Transfer] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        self.said += spoken(self.call.begin())
        for _ in range(ERRANDS):
            if self.call.has_ended:
                break
            self.chance.choices([self._transfer, self.ask_for_balance, self._lost_card], [6, 2, 1])[0]()
        self.counts["person" if self.call.has_ended else "served"] += 1

    @property
    def transcript(self) -> str:
        return "\n".join(self.said)

    def ask_for_balance(self) -> None:
        heard = self._say(Input(f"what is the balance of my {self.chance.choice(KINDS)} account"))
        self.counts["balance"] += "holds" in heard

    def _lost_card(self) -> None:
        heard = self._say(Input("I lost my card"))
        if self._is_asked("ConfirmIntent"):
            heard = self._say(self.chance.choices([YES, NO], [3, 1])[0])
            assert re.search("is blocked|stays as it is|putting you through", heard), self.transcript
        if "Nobody can pay" in heard or "blocked already" in heard:
            self.counts["blocked"] += 1

    def _transfer(self) -> None:
        """A transfer, and again while its end is not known; now and then the same once more when it is."""
        source, target = self.chance.sample(KINDS, 2)
        cents = next(self.amounts)
        if self.chance.random() < 0.1:
            cents += 9_000_00  # more than there is
        wanted = Transfer(cents, source, target)
        outcome = self._ask_for(wanted)
        while not self.call.has_ended:
            if outcome == "pending" and self.chance.random() < 0.85:
                self.counts["repeated"] += 1
                outcome = self._ask_for(wanted)
                self.counts["cleared up"] += outcome in ("completed", "refused")
            elif outcome == "completed" and self.chance.random() < 0.15:
                self.counts["same again"] += 1
                wanted = Transfer(cents, source, target)
                outcome = self._ask_for(wanted)
            else:
                return

    def _ask_for(self, wanted: Transfer) -> str | None:
        """Go through with a transfer; what was heard of it in the end, None if it never came to that."""
        amount = f"{wanted.cents / 100:.2f}"
        if is_over := self.chance.random() < 0.1:
            amount = f"1{wanted.cents / 100:08.2f}"
        heard = self._say(Input(f"transfer {amount} dollars from {wanted.source} to {wanted.target}"), wanted)
        self.counts["over the limit"] += is_over
        while self._is_asked("ConfirmIntent"):
            assert wanted.cents in _amounts(heard), self.transcript
            assert ("once and not twice" in heard) == bool(wanted.heard), self.transcript
            agrees = self.chance.random() < 0.85
            heard = self._say(YES if agrees else NO, wanted)
            if self._is_asked("ConfirmIntent"):  # in between the caller had to prove again who they are
                continue
            return self._note(wanted, heard, agrees=agrees)
        return None

    def _note(self, wanted: Transfer, heard: str, *, agrees: bool) -> str:
        outcomes = {meaning for words, meaning in OUTCOMES.items() if words in heard}
        assert len(outcomes) == 1, self.transcript
        (outcome,) = outcomes
        assert outcome == "denied" or wanted.cents in _amounts(heard) or outcome == "unavailable", self.transcript
        if agrees or wanted.heard:
            assert outcome != "denied", self.transcript
            if not wanted.heard:
                self.transfers.append(wanted)
            wanted.heard.append(outcome)
        self.counts[outcome] += 1
        return outcome

    def _say(self, said: Input, wanted: Transfer | None = None) -> str:
        """Say something, and answer what the bot needs to know; what was heard at last."""
        heard = self._hear(said)
        while slot := self._asked.get("slotToElicit"):
            heard = self._hear(self._answer(slot, wanted))
        return heard

    def _answer(self, slot: str, wanted: Transfer | None) -> Input:
        match slot:
            case "CustomerNumber":
                return Input(self.customer.number, keypad=True)
            case "Pin":
                return Input(self.customer.pin, keypad=True)
            case "TransferAmount" if wanted:
                return Input(f"{wanted.cents / 100:.2f}")
        raise AssertionError(f"Nobody should be asked for {slot}:\n{self.transcript}")

    def _hear(self, said: Input) -> str:
        heard = self.call.hear(said)
        self.said += [show_input(said), *spoken(heard)]
        assert heard, self.transcript
        assert "the codehook failed" not in " ".join(heard), self.transcript
        assert "something went wrong" not in " ".join(heard), self.transcript
        assert not heard[0].startswith("("), self.transcript
        return " ".join(heard)

    def _is_asked(self, action: str) -> bool:
        return bool(self._asked["type"] == action)

    @property
    def _asked(self) -> dict[str, Any]:
        return dict(self.call.exchanges[-1].answer["sessionState"]["dialogAction"])


def _amounts(heard: str) -> set[Cents]:
    """The amounts in what was heard."""
    found = re.findall(r"([\d,]+) dollars?(?: and (\d+) cents?)?", heard)
    return {int(whole.replace(",", "")) * 100 + int(cents or 0) for whole, cents in found}


def _draw(chance: Random) -> dict[str, Any]:
    """How the bank fails for a moment: mostly with transfers, for a call gets no further without the rest.

    Lookups fail twice at most, and then nothing for a while: a third failure in a row would open the breaker of a
    function process, which then sends most calls to a person, since MiniStack prefers whichever process is free first.
    """
    faults, seed = chance.sample(BREAKING, 4), chance.randrange(1_000_000)
    common = {"faults": faults, "seed": seed, "seconds": chance.choice([0.2, 1.0])}
    posts = {"path": "/transfers", "method": "POST"}
    settings: list[dict[str, Any]] = [
        {"faults": LATE, "seed": seed, "seconds": LATE_SECONDS, "times": 2, **posts},
        {**common, **posts, "probability": 0.5},
        {**common, "path": "/transfers", "times": 2},
        {**common, "path": "/cards", "times": 2},
        {**common, "times": 1},
        THROTTLED,
        {"faults": ["normal"]},
    ]
    return chance.choices(settings, [6, 4, 3, 1, 1, 2, 1])[0]


@contextmanager
def failing(bank: Client, chance: Random, ended: Sequence[Caller]) -> Iterator[None]:
    """Let the bank fail in another way every moment, and worse when most calls have ``ended``."""
    over, last = threading.Event(), cycle([THROTTLED, DEAD])

    def fail() -> None:
        while not over.is_set():
            setting = _draw(chance) if len(ended) < CALLS - LAST else next(last)
            requests.post(f"{bank.url}/control", json=setting, timeout=30).raise_for_status()
            over.wait(2.5 if setting == THROTTLED else chance.uniform(0.2, 1.2))
            if "times" in setting and "method" not in setting:
                bank.fault("normal")
                over.wait(0.4)

    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(fail)
        try:
            yield
        finally:
            over.set()
        failing.result()
    bank.fault("normal")


@pytest.fixture(scope="module")
def bot() -> Bot:
    return read_bots(read_languages())["en_US"]


@pytest.fixture
def bank(cloud: Cloud, bot: Bot) -> Iterator[Client]:
    """The bank, which has our customers too. Before and after, no breaker keeps a function process from asking it."""
    cloud.command("bank", "reset")
    add_customers(cloud.layout.bank, customers())
    eventually(lambda: all_are_served(cloud, bot), seconds=40)
    yield Client(str(cloud.endpoints.bank))
    cloud.command("bank", "normal")
    eventually(lambda: all_are_served(cloud, bot), seconds=40)
    cloud.command("bank", "reset")


def settled_books(bank: Client) -> dict[str, Any]:
    """The books when all that came late has been done."""

    def settled() -> dict[str, Any] | None:
        found = bank.books()
        return found if all(one["status"] != "pending" for one in found["transfers"]) else None

    time.sleep(LATE_SECONDS + 0.5)
    return eventually(settled, seconds=20) or {}


def all_are_served(cloud: Cloud, bot: Bot) -> bool:
    """Whether no function process leaves the bank alone, because it failed until just now."""
    function, customer = DeployedFunction(cloud.client("lambda")), customers()[0]
    callers = [Caller(Call(bot, function), customer, Random(number), iter(())) for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(Caller.ask_for_balance, callers))
    return not any(caller.call.has_ended for caller in callers)


def call_all(cloud: Cloud, bot: Bot, seed: int, ended: list[Caller]) -> None:
    """Make all calls, and list each when it has ended."""
    function = DeployedFunction(cloud.client("lambda"))
    known = customers()
    amounts = Random(seed).sample(range(1_01, 500_00), CALLS * 20)
    callers = [
        Caller(Call(bot, function), Random(f"{seed}-{number}").choice(known), Random(f"{seed}/{number}"), iter(own))
        for number, own in ((number, amounts[number * 20 : (number + 1) * 20]) for number in range(CALLS))
    ]

    def make(caller: Caller) -> None:
        caller.run()
        ended.append(caller)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(make, callers))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [20_261])
def test_what_callers_hear_is_what_the_ledger_says(cloud: Cloud, bot: Bot, bank: Client, seed: int) -> None:
    before = bank.books()
    callers: list[Caller] = []
    with failing(bank, Random(seed), callers):
        call_all(cloud, bot, seed, callers)
    after = settled_books(bank)

    assert len(callers) == CALLS
    assert after["total_cents"] == before["total_cents"]
    assert balances(after) == moved(balances(before), after["transfers"])
    assert disagreements(callers, after["transfers"]) == []
    assert blocked_for(callers) <= {one["id"] for one in after["cards"] if one["status"] == "blocked"}
    counts = sum((caller.counts for caller in callers), Counter[str]())
    assert {name: counts[name] for name, least in LEAST.items() if counts[name] < least} == {}, counts


def balances(found: dict[str, Any]) -> dict[str, Cents]:
    return {account["id"]: account["cents"] for account in found["accounts"]}


def moved(start: dict[str, Cents], transfers: Sequence[Entry]) -> dict[str, Cents]:
    """What accounts hold after all completed transfers, each counted once."""
    cents = dict(start)
    for one in transfers:
        if one["status"] == "completed":
            cents[one["from"]] -= one["cents"]
            cents[one["to"]] += one["cents"]
    return cents


def blocked_for(callers: Sequence[Caller]) -> set[str]:
    """The cards of which somebody heard that they are blocked."""
    cards = [(caller, account.card) for caller in callers for account in caller.customer.accounts]
    return {card.id for caller, card in cards if card and caller.counts["blocked"]}


def disagreements(callers: Sequence[Caller], ledger: Sequence[Entry]) -> list[str]:
    """Where the ledger has other transfers than their callers were told."""
    entries: dict[tuple[str, str, Cents], list[Entry]] = defaultdict(list)
    for one in ledger:
        entries[one["from"], one["to"], one["cents"]].append(one)
    found: list[str] = []
    for caller in callers:
        accounts = {account.type: account.id for account in caller.customer.accounts}
        wanted: dict[tuple[str, str, Cents], list[Transfer]] = defaultdict(list)
        for transfer in caller.transfers:
            wanted[accounts[transfer.source], accounts[transfer.target], transfer.cents].append(transfer)
        for key, transfers in wanted.items():
            made = entries.pop(key, [])
            if not _agree(transfers, made):
                found.append(f"{made}\n{[transfer.heard for transfer in transfers]}\n{caller.transcript}")
    return found + [f"nobody confirmed {made}" for made in entries.values()]


def _agree(transfers: Sequence[Transfer], made: Sequence[Entry]) -> bool:
    """Whether transfers of the same amount, one after the other, are in the ledger as their caller was told."""
    completed = sum(one["status"] == "completed" for one in made)
    sure = sum("completed" in transfer.heard for transfer in transfers)
    unsure = sum(set(transfer.heard) == {"pending"} for transfer in transfers)
    contradicted = any("completed" in one.heard and NOT_MOVED & set(one.heard) for one in transfers)
    return not contradicted and len(made) <= len(transfers) and sure <= completed <= sure + unsure
