"""ReportLostCard: block a card, whatever stands in the way. Who cannot be helped here is put through to a person."""

from chalicelib.voice import slots
from chalicelib.voice.bank import BankUnavailableError, Card
from chalicelib.voice.bot import CARD
from chalicelib.voice.confirmation import given, is_confirmed, token
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, ask, confirm, done, go_on, to_agent
from chalicelib.voice.slots import scalar
from chalicelib.voice.speech import Digits, say
from chalicelib.voice.teller import Teller, known_accounts
from chalicelib.voice.verification import Proven, require


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    if teller.call.is_locked:
        return person()
    if turn.confirmation == "Denied":
        return done("denied", say("card_kept"))
    proven = require(turn, teller)
    if not isinstance(proven, Proven):
        return person() if proven.to_agent else proven
    if _is_confirmed(turn, proven):
        return go_on(given(turn))
    return _ask_to_confirm(turn, teller, proven)


def fulfill(turn: Turn, teller: Teller) -> Reply:
    """Block the card that was read back and confirmed, and no other; in any doubt, a person makes sure."""
    if teller.call.is_locked or turn.confirmation != "Confirmed":
        return handle_dialog(turn, teller)
    proven = require(turn, teller)
    if not isinstance(proven, Proven):
        return person() if proven.to_agent else proven
    if not _is_confirmed(turn, proven):
        return _ask_to_confirm(turn, teller, proven)
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


def _ask_to_confirm(turn: Turn, teller: Teller, proven: Proven) -> Reply:
    card = _which(turn, teller, proven)
    if isinstance(card, Reply):
        return card
    question = say("confirm_block", last_four=Digits((card.last4,)))
    mark = token(proven.call, CARD.name, proven.customer_id, card.last4)
    return confirm(question, mark, {CARD.name: scalar(card.last4)})


def _is_confirmed(turn: Turn, proven: Proven) -> bool:
    """Whether the yes was for the card that the slot holds, by the four digits that were read back."""
    last_four = slots.digits(turn.slots.get(CARD.name)) or ""
    return is_confirmed(turn, proven.call, CARD.name, proven.customer_id, last_four)


def _which(turn: Turn, teller: Teller, proven: Proven, *, is_chosen: bool = False) -> Card | Reply:
    """The card that is meant, or what to say about it; a single card is meant unless one must be ``is_chosen``."""
    cards = [account.card for account in known_accounts(teller, proven.customer_id) if account.card]
    active = [card for card in cards if not card.blocked]
    said = turn.slots.get(CARD.name)
    matching = [card for card in cards if card.last4 == slots.digits(said)]
    if not cards or len(matching) > 1:
        return person()
    if matching:
        return _already(*matching) if matching[0].blocked else matching[0]
    if not active:
        return _already(*cards)
    if len(active) == 1 and not is_chosen:
        return active[0]
    reasons = [say("no_such_card")] if said else []
    return ask(CARD, *reasons, prompt=say("choose_card", cards=Digits(tuple(card.last4 for card in active))))


def _already(*cards: Card) -> Reply:
    return done("blocked_before", say("card_blocked_before", last_four=Digits(tuple(card.last4 for card in cards))))
