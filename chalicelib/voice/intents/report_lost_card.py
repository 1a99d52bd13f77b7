"""ReportLostCard: block a card, whatever stands in the way. Who cannot be helped here is put through to a person."""

from collections.abc import Sequence

from chalicelib.voice import slots
from chalicelib.voice.bank import BankUnavailableError, Card
from chalicelib.voice.bot import CARD
from chalicelib.voice.catalogue import catalogue
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, ask, confirm, done, go_on, to_agent
from chalicelib.voice.slots import scalar
from chalicelib.voice.speech import Digits, say
from chalicelib.voice.teller import KINDS, Teller, known_accounts
from chalicelib.voice.verification import Proven, require


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    if teller.call.is_locked:
        return person()
    if turn.confirmation == "Denied":
        return done("denied", say("card_kept"))
    proven = require(turn, teller)
    if not isinstance(proven, Proven):
        return person() if proven.to_agent else proven
    if turn.confirmation == "Confirmed" and turn.slots.get(CARD.name):
        return go_on()
    card = _which(turn, teller, proven)
    if isinstance(card, Reply):
        return card
    return confirm(say("confirm_block", last_four=Digits((card.last4,))), {CARD.name: scalar(card.last4)})


def fulfill(turn: Turn, teller: Teller) -> Reply:
    """Block the card that was confirmed, and no other; in any doubt, a person makes sure."""
    proven = require(turn, teller)
    if teller.call.is_locked or turn.confirmation != "Confirmed" or not isinstance(proven, Proven):
        return handle_dialog(turn, teller)
    card = _which(turn, teller, proven, is_chosen=True)
    if isinstance(card, Reply):
        return card
    try:
        teller.bank.block_card(card.id, teller.deadline)
    except BankUnavailableError:
        return to_agent("block_in_doubt", say("block_in_doubt"))
    return done("blocked", say("card_blocked", last_four=Digits((card.last4,))))


def person() -> Reply:
    return to_agent("lost_card_agent", say("lost_card_agent"))


def _which(turn: Turn, teller: Teller, proven: Proven, *, is_chosen: bool = False) -> Card | Reply:
    """The card that is meant, or what to say about it; a single card is meant unless one must be ``is_chosen``."""
    accounts = known_accounts(teller, proven.customer_id)
    cards = {account.card.id: (account.type, account.card) for account in accounts if account.card}
    active = [card for _, card in cards.values() if not card.blocked]
    if not cards:
        return person()
    said = turn.slots.get(CARD.name)
    matching = _matching(turn, list(cards.values()), said)
    if len(matching) > 1:
        return person()
    if matching:
        (card,) = matching
        return _already(card) if card.blocked else card
    if not active:
        return _already(*(card for _, card in cards.values()))
    if len(active) == 1 and not is_chosen:
        return active[0]
    reasons = [say("no_such_card")] if said else []
    return ask(CARD, *reasons, prompt=say("choose_card", cards=Digits(tuple(card.last4 for card in active))))


def _matching(turn: Turn, cards: Sequence[tuple[str, Card]], said: slots.Slot | None) -> Sequence[Card]:
    """The cards with the digits that were said, else those of the account that was named."""
    digits = slots.digits(said)
    if digits and len(digits) == CARD.digits:
        return [card for _, card in cards if card.last4 == digits]
    named = None if digits else slots.choice(said, KINDS, catalogue(turn.locale).synonyms["AccountType"])
    return [card for kind, card in cards if kind == named]


def _already(*cards: Card) -> Reply:
    return done("blocked_before", say("card_blocked_before", last_four=Digits(tuple(card.last4 for card in cards))))
