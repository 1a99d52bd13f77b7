"""TransferFunds: money from one account of a customer's to another, once, after they heard it read back and said yes.

The reference, the bank's idempotency key, is fixed when the confirmation is asked for, and kept under a fingerprint of
the transfer. Money is sent in ``fulfill`` alone. A transfer whose end is not known keeps its reference: who asks for it
again has it looked after, and no second one is ever sent.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from chalicelib import telemetry
from chalicelib.errors import UnavailableError
from chalicelib.voice.bank import Account, BankUnavailableError
from chalicelib.voice.calls import STEP_UP_SECONDS, Transfer
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, confirm, done, go_on, to_agent
from chalicelib.voice.speech import Accounts, Digits, Money, Value, say
from chalicelib.voice.teller import Teller, fingerprint, known_accounts
from chalicelib.voice.transfer_request import TransferRequest, choose_accounts, read_request
from chalicelib.voice.verification import Proven, locked, require

ATTEMPTS = 3
"""How often a transfer's record is looked at again, where another delivery of the same turn was faster."""

_REFUSALS = frozenset({"insufficient_funds", "limit_exceeded"})


@dataclass(frozen=True)
class _Wanted:
    """A request whose customer is known. ``print`` is its fingerprint, ``known`` what the call remembers of it."""

    request: TransferRequest
    customer_id: str
    print: str
    known: Transfer | None


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    if turn.confirmation == "Denied":
        return _deny(turn, teller)
    request = read_request(turn)
    if isinstance(request, Reply):
        return request
    proven = require(turn, teller, STEP_UP_SECONDS)
    if isinstance(proven, Reply):
        return proven
    wanted = _want(request, proven)
    if turn.confirmation == "Confirmed" and wanted.known:
        return go_on()
    accounts = choose_accounts(request, known_accounts(teller, proven.customer_id))
    if isinstance(accounts, Reply):
        return accounts
    return _ask_to_confirm(turn, teller, wanted, *accounts)


def fulfill(turn: Turn, teller: Teller) -> Reply:
    """Send what was confirmed, if all that was true then is true still; else go back to asking."""
    request, call = read_request(turn), teller.call
    if turn.confirmation == "Confirmed" and isinstance(request, TransferRequest) and call.customer_id:
        wanted = _want(request, Proven(call.customer_id, call))
        if wanted.known and wanted.known.is_settled and call.is_verified(teller.clock()):
            return _report(wanted, wanted.known.status, wanted.known.code)
        if wanted.known and call.is_verified(teller.clock(), STEP_UP_SECONDS):
            return _send(turn, teller, wanted, wanted.known)
    return handle_dialog(turn if turn.confirmation == "Denied" else replace(turn, confirmation="None"), teller)


def _want(request: TransferRequest, proven: Proven) -> _Wanted:
    found = fingerprint(proven.customer_id, request.source, request.target, request.amount)
    return _Wanted(request, proven.customer_id, found, proven.call.transfers.get(found))


def _ask_to_confirm(turn: Turn, teller: Teller, wanted: _Wanted, source: Account, target: Account) -> Reply:
    """Read the transfer back, with a reference kept for it: that of one like it which waits or is on its way."""
    known = wanted.known
    if known is None or known.is_settled or not (known.is_sent or _is_between(known, source, target)):
        fresh = Transfer(teller.make_id(), source.id, target.id)
        if teller.calls.prepare(turn.session_id, wanted.customer_id, wanted.print, fresh):
            known = fresh
        else:
            call = teller.calls.find(turn.session_id)
            if call.is_locked:
                return locked()
            known = call.transfers.get(wanted.print)
    if known is None or known.is_settled:
        raise UnavailableError("The call changes too fast at the moment.")
    return confirm(
        say(
            "confirm_pending_transfer" if known.is_sent else "confirm_transfer",
            **_values(wanted),
            source_last_four=Digits((source.last4,)),
            target_last_four=Digits((target.last4,)),
        )
    )


def _is_between(known: Transfer, source: Account, target: Account) -> bool:
    return (known.source_id, known.target_id) == (source.id, target.id)


def _deny(turn: Turn, teller: Teller) -> Reply:
    """Say that nothing was moved, if that is so: what was sent before cannot be denied any more."""
    request, call = read_request(turn), teller.call
    if isinstance(request, TransferRequest) and call.customer_id:
        wanted = _want(request, Proven(call.customer_id, call))
        known = wanted.known
        if known and known.is_sent:
            return _report(wanted, known.status, known.code)
        if known and not teller.calls.drop(turn.session_id, wanted.customer_id, wanted.print, known):
            return _report(wanted, "pending", None)
    return done("denied", say("transfer_denied"))


def _send(turn: Turn, teller: Teller, wanted: _Wanted, known: Transfer) -> Reply:
    """Note that it is sent, send it, note what became of it, and say so."""
    for _ in range(ATTEMPTS):
        if teller.calls.begin(turn.session_id, wanted.customer_id, wanted.print, known):
            return _carry_out(turn, teller, wanted, replace(known, tries=known.tries + 1))
        call = teller.calls.find(turn.session_id)
        if call.is_locked:
            return locked()
        found = call.transfers.get(wanted.print)
        if found is None:
            return handle_dialog(replace(turn, confirmation="None"), replace(teller, call=call))
        if found.is_settled:
            return _report(wanted, found.status, found.code)
        known = found
    return _report(wanted, "pending", None)


def _carry_out(turn: Turn, teller: Teller, wanted: _Wanted, sent: Transfer) -> Reply:
    try:
        outcome = teller.bank.transfer(
            sent.reference, sent.source_id, sent.target_id, wanted.request.amount, teller.deadline
        )
    except BankUnavailableError:
        return _not_sent(turn, teller, wanted, sent)
    try:
        teller.calls.settle(turn.session_id, wanted.print, sent.reference, outcome.status, outcome.code)
    except UnavailableError:
        telemetry.logger.warning("transfer's outcome not noted")
    return _report(wanted, outcome.status, outcome.code)


def _not_sent(turn: Turn, teller: Teller, wanted: _Wanted, sent: Transfer) -> Reply:
    """The bank got nothing from this try. That nothing was moved is certain only if there was no other, or will be."""
    if sent.tries == 1:
        with suppress(UnavailableError):
            if teller.calls.drop(turn.session_id, wanted.customer_id, wanted.print, sent):
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
