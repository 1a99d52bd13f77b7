"""What a caller wants transferred: from where, to where and how much, as far as the slots say it and it is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.voice import slots
from chalicelib.voice.bank import Account
from chalicelib.voice.bot import AMOUNT, FROM_ACCOUNT, TO_ACCOUNT
from chalicelib.voice.bot import Slot as BotSlot
from chalicelib.voice.catalogue import catalogue
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, ask, to_agent
from chalicelib.voice.speech import Accounts, Money, say
from chalicelib.voice.teller import KINDS, of_kind, offer

LEAST = Decimal("0.01")
MOST = Decimal(10_000)


@dataclass(frozen=True)
class TransferRequest:
    """``source`` and ``target`` are different kinds of accounts, ``amount`` is 0.01 to 10,000 with two decimals."""

    source: str
    target: str
    amount: Decimal


def read_request(turn: Turn) -> TransferRequest | Reply:
    """What the slots ask for, or the question for the first that is missing or not allowed."""
    source, target = _kind(turn, FROM_ACCOUNT), _kind(turn, TO_ACCOUNT)
    if source is None:
        return _ask_kind(turn, FROM_ACCOUNT)
    if target is None:
        return _ask_kind(turn, TO_ACCOUNT)
    if source == target:
        return ask(TO_ACCOUNT, say("same_account", account=Accounts((source,))))
    amount = _amount(turn)
    return amount if isinstance(amount, Reply) else TransferRequest(source, target, amount)


def _amount(turn: Turn) -> Decimal | Reply:
    amount = slots.amount(turn.slots.get(AMOUNT.name))
    if amount is None:
        return ask(AMOUNT, *([say("amount_unclear")] if turn.slots.get(AMOUNT.name) else []))
    if amount > MOST:
        return ask(AMOUNT, say("amount_too_large", most=Money(MOST)))
    if amount < LEAST:
        return ask(AMOUNT, say("amount_too_small"))
    if amount != amount.quantize(LEAST):
        return ask(AMOUNT, say("amount_too_fine"))
    return amount.quantize(LEAST)


def choose_accounts(request: TransferRequest, accounts: Sequence[Account]) -> tuple[Account, Account] | Reply:
    """The customer's two accounts that are meant."""
    chosen: list[Account] = []
    for slot, kind in ((FROM_ACCOUNT, request.source), (TO_ACCOUNT, request.target)):
        matching = of_kind(accounts, kind)
        if len(matching) > 1:
            return to_agent("several_accounts", say("several_accounts"))
        if not matching:
            return _offer(slot, kind, accounts)
        chosen += matching
    return chosen[0], chosen[1]


def _offer(slot: BotSlot, kind: str, accounts: Sequence[Account]) -> Reply:
    choice = offer(accounts)
    if len(choice.kinds) < 2:
        return to_agent("no_account", say("too_few_accounts"))
    prompt = say("choose_account", accounts=choice)
    return ask(slot, say("no_such_account", account=Accounts((kind,))), prompt=prompt, choices=choice.kinds)


def _ask_kind(turn: Turn, slot: BotSlot) -> Reply:
    return ask(slot, *([say("account_unclear")] if turn.slots.get(slot.name) else []), choices=KINDS)


def _kind(turn: Turn, slot: BotSlot) -> str | None:
    return slots.choice(turn.slots.get(slot.name), KINDS, catalogue(turn.locale).synonyms[slot.type])
