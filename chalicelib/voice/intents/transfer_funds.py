"""TransferFunds: money from one account of a customer's to another, once, after they heard it read back and said yes.

The reference, the bank's idempotency key, is fixed when the confirmation is asked for, and kept under a fingerprint of
the transfer. Money is sent in ``fulfill`` alone, and only for the reference that this call's yes was for. A transfer
whose end is not known keeps its reference: who asks for it again, in this call or in another, has it looked after, and
no second one is sent.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from chalicelib import telemetry
from chalicelib.errors import UnavailableError
from chalicelib.voice.bank import Account, BankUnavailableError
from chalicelib.voice.calls import STEP_UP_SECONDS, Call
from chalicelib.voice.confirmation import given, is_confirmed, token
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, confirm, done, go_on, to_agent
from chalicelib.voice.speech import Accounts, Digits, Money, Value, say
from chalicelib.voice.teller import Teller, known_accounts
from chalicelib.voice.transfer_request import TransferRequest, choose_accounts, read_request
from chalicelib.voice.transfers import Transfer, fingerprint
from chalicelib.voice.verification import locked, require

ATTEMPTS = 3
"""How often a transfer's record is looked at again, where another turn was faster."""

_REFUSALS = frozenset({"insufficient_funds", "limit_exceeded"})


@dataclass(frozen=True)
class _Wanted:
    """A request whose customer is known. ``print`` is its fingerprint, ``known`` what is remembered of it."""

    request: TransferRequest
    customer_id: str
    print: str
    known: Transfer | None

    def is_confirmed(self, turn: Turn, call: Call) -> bool:
        """Whether the yes was for the transfer that is known now, not for one before it."""
        return self.known is not None and is_confirmed(turn, call, self.known.reference)


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    if turn.confirmation == "Denied":
        return _deny(turn, teller)
    request = read_request(turn)
    if isinstance(request, Reply):
        return request
    proven = require(turn, teller, STEP_UP_SECONDS)
    if isinstance(proven, Reply):
        return proven
    wanted = _want(request, proven.customer_id, teller)
    if wanted.is_confirmed(turn, proven.call):
        return go_on(given(turn))
    accounts = choose_accounts(request, known_accounts(teller, proven.customer_id))
    if isinstance(accounts, Reply):
        return accounts
    return _ask_to_confirm(teller, proven.call, wanted, *accounts)


def fulfill(turn: Turn, teller: Teller) -> Reply:
    """Send what was confirmed, if all that was true then is true still; else go back to asking."""
    request, call = read_request(turn), teller.call
    if turn.confirmation == "Confirmed" and isinstance(request, TransferRequest) and call.customer_id:
        wanted = _want(request, call.customer_id, teller)
        if wanted.known and wanted.is_confirmed(turn, call):
            if wanted.known.is_settled and call.is_verified(teller.clock()):
                return _report(wanted, wanted.known.status, wanted.known.code)
            if call.is_verified(teller.clock(), STEP_UP_SECONDS):
                return _send(turn, teller, wanted, wanted.known)
    return handle_dialog(turn, teller) if turn.confirmation == "Denied" else _begin_anew(turn, teller)


def _begin_anew(turn: Turn, teller: Teller) -> Reply:
    return handle_dialog(replace(turn, confirmation="None"), teller)


def _want(request: TransferRequest, customer_id: str, teller: Teller) -> _Wanted:
    found = fingerprint(customer_id, request.source, request.target, request.amount)
    return _Wanted(request, customer_id, found, teller.transfers.find(found))


def _ask_to_confirm(teller: Teller, call: Call, wanted: _Wanted, source: Account, target: Account) -> Reply:
    """Read the transfer back, with a reference kept for it: that of one like it which waits or is on its way."""
    known = wanted.known
    if not (known and _is_open_between(known, source, target)):
        fresh = Transfer(teller.make_id(), source.id, target.id)
        known = fresh if teller.transfers.prepare(wanted.print, fresh) else teller.transfers.find(wanted.print)
    if not (known and _is_open_between(known, source, target)):
        raise UnavailableError("The transfer changes too fast at the moment.")
    question = say(
        "confirm_pending_transfer" if known.is_sent else "confirm_transfer",
        **_values(wanted),
        source_last_four=Digits((source.last4,)),
        target_last_four=Digits((target.last4,)),
    )
    return confirm(question, token(call, known.reference))


def _is_open_between(known: Transfer, source: Account, target: Account) -> bool:
    """Whether it has not ended, and is between these very accounts, which are going to be read back."""
    return not known.is_settled and (known.source_id, known.target_id) == (source.id, target.id)


def _deny(turn: Turn, teller: Teller) -> Reply:
    """Say that nothing was moved, if that is so: what was sent before cannot be denied any more."""
    request, call = read_request(turn), teller.call
    if isinstance(request, TransferRequest) and call.customer_id:
        wanted = _want(request, call.customer_id, teller)
        known = wanted.known
        if known and known.is_sent:
            return _report(wanted, known.status, known.code)
        if known and not teller.transfers.drop(wanted.print, known):
            return _report(wanted, "pending", None)
    is_certain = call.customer_id and not call.has_sent
    return done("denied", say("transfer_denied") if is_certain else say("transfer_not_made"))


def _send(turn: Turn, teller: Teller, wanted: _Wanted, known: Transfer) -> Reply:
    """Note that it is sent, send it, note what became of it, and say so."""
    if not teller.calls.note_sending(turn.session_id, wanted.customer_id):
        call = teller.calls.find(turn.session_id)
        return locked() if call.is_locked else _begin_anew(turn, replace(teller, call=call))
    for _ in range(ATTEMPTS):
        if teller.transfers.begin(wanted.print, known):
            return _carry_out(teller, wanted, replace(known, tries=known.tries + 1))
        found = teller.transfers.find(wanted.print)
        if found is None or found.reference != known.reference:
            return _begin_anew(turn, teller)
        if found.is_settled:
            return _report(wanted, found.status, found.code)
        known = found
    return _report(wanted, "pending", None)


def _carry_out(teller: Teller, wanted: _Wanted, sent: Transfer) -> Reply:
    try:
        outcome = teller.bank.transfer(
            sent.reference, sent.source_id, sent.target_id, wanted.request.amount, teller.deadline
        )
    except BankUnavailableError:
        return _not_sent(teller, wanted, sent)
    try:
        teller.transfers.settle(wanted.print, sent.reference, outcome.status, outcome.code)
    except UnavailableError:
        telemetry.logger.warning("transfer's outcome not noted")
    return _report(wanted, outcome.status, outcome.code)


def _not_sent(teller: Teller, wanted: _Wanted, sent: Transfer) -> Reply:
    """The bank got nothing from this try. That nothing was moved is certain only if there was no other, or will be."""
    if sent.tries == 1:
        with suppress(UnavailableError):
            if teller.transfers.drop(wanted.print, sent):
                return to_agent("transfer_unavailable", say("transfer_unavailable"))
    return _report(wanted, "pending", None)


def _report(wanted: _Wanted, status: str, code: str | None) -> Reply:
    if status == "completed":
        return done("transferred", say("transfer_completed", **_values(wanted)))
    if status == "refused":
        reason = code if code in _REFUSALS else "other"
        return done("refused", say(f"transfer_refused_{reason}", **_values(wanted)))
    return done("pending", say("transfer_pending", **_values(wanted)))


def _values(wanted: _Wanted) -> dict[str, Value]:
    request = wanted.request
    return {
        "amount": Money(request.amount),
        "source": Accounts((request.source,)),
        "target": Accounts((request.target,)),
    }
