"""What is known of a transfer after the bank was asked to make it: done, refused, not done, or in doubt.

The bank keeps one transfer, or its refusal, under each ``Idempotency-Key``. So the same transfer may be posted again,
and be looked up. After a POST:

====================================================== ================= ====================================
what came of it                                        at first          when an earlier POST is in doubt
====================================================== ================= ====================================
200 or 201 with this very transfer                     its status        its status
422 with a code                                        refused           refused: kept under the key
409 ``idempotency_conflict``                           refused           refused: the key is another transfer's
400 or 404 with a code                                 refused           in doubt: judged before the key is
401, 429                                               not done          in doubt
nothing was sent: no name, no connection, no TLS,
no time, no key, breaker open                          not done          in doubt
connection lost after it began to be sent              in doubt          in doubt
no whole answer in time                                in doubt          in doubt
5xx, also 503; 3xx; any other 4xx                      in doubt          in doubt
2xx that is malformed, or about another transfer       in doubt          in doubt
====================================================== ================= ====================================

Whatever is in doubt is looked up, ``GET /transfers/{key}``: 200 with this very transfer gives its status; 404 does not
end the doubt, for the POST may still be on its way; nor does anything else. While time is left, what is not done or in
doubt is then posted once more. At the end what is in doubt is pending, and what is not done raises
``BankUnavailableError``. Once the breaker is open nothing more can be asked: that is the end, too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

from chalicelib.voice.bank_answers import MalformedAnswerError, is_code, read_amount, read_json
from chalicelib.voice.exchange import Answer, BankUnavailableError, Request

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


@dataclass(frozen=True)
class TransferOutcome:
    """How a transfer ended. ``code`` is the bank's word for why it refused, None otherwise.

    A pending one may have been made, may be made yet, or not at all.
    """

    status: Literal["completed", "pending", "refused"]
    code: str | None = None


PENDING = TransferOutcome("pending")


@dataclass(frozen=True)
class Finding:
    """What one request told: an outcome, or if not, whether the transfer may have been made.

    ``pause`` is what the bank asks for before the next request, in seconds; there is none after one that ``is_last``.
    """

    outcome: TransferOutcome | None = None
    is_in_doubt: bool = False
    pause: float = 0.0
    is_last: bool = False


@dataclass(frozen=True)
class Order:
    """A transfer as it is asked for."""

    reference: str
    source_id: str
    target_id: str
    amount: str
    currency: str

    @classmethod
    def of(cls, reference: str, source_id: str, target_id: str, amount: Decimal, currency: str) -> "Order":
        """``ValueError``, which quotes nothing, for what can be no transfer."""
        if not _REFERENCE.fullmatch(reference):
            raise ValueError("A reference has 1 to 128 letters, digits, dots, colons, dashes and underscores.")
        if not (amount.is_finite() and 0 < amount < 10**12 and amount == round(amount, 2)):
            raise ValueError("An amount is above zero, with two decimals at most.")
        return cls(reference, source_id, target_id, f"{amount:.2f}", currency)

    @property
    def post(self) -> Request:
        """The request that makes it, the same bytes each time."""
        body = {"from": self.source_id, "to": self.target_id, "amount": self.amount, "currency": self.currency}
        return Request("make_transfer", "POST", "/transfers", body, {"Idempotency-Key": self.reference})

    @property
    def lookup(self) -> Request:
        return Request("find_transfer", "GET", f"/transfers/{quote(self.reference, safe='')}")

    def is_told_in(self, transfer: Mapping[str, Any]) -> bool:
        """Whether an answer tells of this transfer and no other."""
        return (
            transfer.get("key") == self.reference
            and transfer.get("from") == self.source_id
            and transfer.get("to") == self.target_id
            and transfer.get("currency") == self.currency
            and isinstance(transfer.get("amount"), str)
            and read_amount(transfer["amount"]) == Decimal(self.amount)
        )


def judge_post(order: Order, answer: Answer, *, is_in_doubt: bool) -> Finding:
    """What an answer to a POST tells, when an earlier POST is in doubt or none is.

    ``MalformedAnswerError`` when it should tell and does not; the transfer is in doubt then.
    """
    match answer.status:
        case 200 | 201:
            return Finding(_read_transfer(order, answer))
        case 422:
            return _refusal(answer)
        case 409 if _read_code(answer) == "idempotency_conflict":
            return _refusal(answer)
        case 400 | 404 if not is_in_doubt:
            return _refusal(answer)
        case 401 | 429:
            # A key that is refused was read anew already.
            return Finding(pause=answer.retry_after, is_last=answer.status == 401)
    return Finding(is_in_doubt=True, pause=answer.retry_after)


def judge_lookup(order: Order, answer: Answer) -> Finding:
    """What an answer to a lookup tells; ``MalformedAnswerError`` as above."""
    if answer.status == 200:
        return Finding(_read_transfer(order, answer))
    return Finding(is_in_doubt=True, pause=answer.retry_after)


def judge_failure(error: BankUnavailableError) -> Finding:
    """What it tells when no answer came. After a timeout there is time for a lookup at most."""
    is_last = error.failure in ("open", "keyless") or (error.failure == "late" and not error.is_sent)
    return Finding(is_in_doubt=error.is_sent, is_last=is_last)


def _read_transfer(order: Order, answer: Answer) -> TransferOutcome:
    match read_json(answer):
        case {"status": "completed"} as transfer if order.is_told_in(transfer):
            return TransferOutcome("completed")
        case {"status": "pending"} as transfer if order.is_told_in(transfer):
            return PENDING
        case {"status": "refused", "code": code} as transfer if order.is_told_in(transfer) and is_code(code):
            return TransferOutcome("refused", code)
    raise MalformedAnswerError("It does not tell of this transfer.")


def _refusal(answer: Answer) -> Finding:
    return Finding(TransferOutcome("refused", _read_code(answer)))


def _read_code(answer: Answer) -> str:
    match read_json(answer):
        case {"code": str(code)} if is_code(code):
            return code
    raise MalformedAnswerError("It refuses without a code.")
