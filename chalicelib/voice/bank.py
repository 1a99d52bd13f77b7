"""The bank's API, as the codehook uses it: who calls, what the accounts hold, transfers, cards.

Every method takes the turn's deadline, and is back by then; ``BankUnavailableError`` tells that the bank was down, or
late, or not asked because it was down a moment ago, or that its answer was none of those agreed on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TypeVar
from urllib.parse import quote

from chalicelib import telemetry
from chalicelib.voice.bank_answers import (
    Account,
    Balance,
    Card,
    MalformedAnswerError,
    Verdict,
    read_accounts,
    read_balance,
    read_block,
    read_verdict,
)
from chalicelib.voice.bank_gateway import TRIES, BankGateway
from chalicelib.voice.bank_transfers import (
    PENDING,
    Finding,
    Order,
    TransferOutcome,
    judge_failure,
    judge_lookup,
    judge_post,
)
from chalicelib.voice.deadline import Deadline
from chalicelib.voice.exchange import Answer, BankUnavailableError, Request

__all__ = ["Account", "Balance", "BankClient", "BankUnavailableError", "Card", "TransferOutcome", "Verdict"]

T = TypeVar("T")

LOOKUP_SECONDS = 1.0
"""What a transfer keeps for asking what became of it, a third of the time at most."""


@dataclass(frozen=True)
class BankClient:
    """``gateway`` gives the way to the bank, which is made when it is first needed."""

    gateway: Callable[[], BankGateway]

    def verify(self, number: str, pin: str, deadline: Deadline) -> Verdict:
        """Whether a customer's number and PIN belong together. Asked once: each wrong PIN counts towards the lock."""
        body = {"customer_number": number, "pin": pin}
        request = Request("verify_caller", "POST", "/callers/verify", body, is_repeatable=False)
        return self._read(request, self.gateway().ask(request, deadline), read_verdict)

    def accounts(self, customer_id: str, deadline: Deadline) -> Sequence[Account]:
        request = Request("list_accounts", "GET", f"/customers/{_segment(customer_id)}/accounts")
        return self._ask(request, deadline, read_accounts)

    def balance(self, account_id: str, deadline: Deadline) -> Balance:
        request = Request("read_balance", "GET", f"/accounts/{_segment(account_id)}/balance")
        return self._ask(request, deadline, partial(read_balance, account_id=account_id))

    def block_card(self, card_id: str, deadline: Deadline) -> None:
        """Return once the card is blocked; blocking it again is the same."""
        request = Request("block_card", "POST", f"/cards/{_segment(card_id)}/block")
        self._ask(request, deadline, partial(read_block, card_id=card_id))

    def transfer(
        self,
        reference: str,
        source_id: str,
        target_id: str,
        amount: Decimal,
        deadline: Deadline,
        currency: str = "USD",
    ) -> TransferOutcome:
        """Make a transfer, once for a ``reference``, and tell how it ended, known as ``bank_transfers.py`` says.

        ``BankUnavailableError`` only when it has certainly not been made.
        """
        order = Order.of(reference, source_id, target_id, amount, currency)
        pauses = self.gateway().pauses(deadline)
        is_in_doubt, latest = False, None
        for step in ("post", "look up") * TRIES:
            if step == "look up" and not is_in_doubt:
                continue
            if latest and (latest.is_last or not pauses.take(latest.pause)):
                break
            post = step == "post"
            latest = self._post(order, is_in_doubt, deadline) if post else self._look_up(order, deadline)
            if latest.outcome:
                return latest.outcome
            is_in_doubt |= latest.is_in_doubt
        if is_in_doubt:
            telemetry.logger.warning("transfer in doubt", reference=reference)
            return PENDING
        raise BankUnavailableError("The transfer was not made.", is_sent=False)

    def _post(self, order: Order, is_in_doubt: bool, deadline: Deadline) -> Finding:
        kept = min(LOOKUP_SECONDS, deadline.left() / 3)
        judge = partial(judge_post, order, is_in_doubt=is_in_doubt)
        return self._find(order.post, deadline.earlier(kept), judge)

    def _look_up(self, order: Order, deadline: Deadline) -> Finding:
        return self._find(order.lookup, deadline, partial(judge_lookup, order))

    def _find(self, request: Request, deadline: Deadline, judge: Callable[[Answer], Finding]) -> Finding:
        try:
            return judge(self.gateway().ask(request, deadline))
        except MalformedAnswerError as error:
            _report(request, error)
            return Finding(is_in_doubt=True)
        except BankUnavailableError as error:
            return judge_failure(error)

    def _ask(self, request: Request, deadline: Deadline, read: Callable[[Answer], T]) -> T:
        return self._read(request, self.gateway().ask_repeatedly(request, deadline), read)

    def _read(self, request: Request, answer: Answer, read: Callable[[Answer], T]) -> T:
        if answer.status == 200:
            try:
                return read(answer)
            except MalformedAnswerError as error:
                _report(request, error)
        else:
            telemetry.logger.warning("bank refused", operation=request.operation, status=answer.status)
        raise BankUnavailableError("The bank's answer does not help.", failure="unusable", is_sent=True)


def _report(request: Request, error: MalformedAnswerError) -> None:
    telemetry.count("BankAnswersMalformed", operation=request.operation)
    telemetry.logger.error("answer of the bank malformed", operation=request.operation, detail=str(error))


def _segment(text: str) -> str:
    """An opaque id as one segment of a path; ``ValueError`` for what no quoting can keep from leading elsewhere."""
    if text in ("", ".", ".."):
        raise ValueError("An id of the bank's is neither empty nor a step in a path.")
    return quote(text, safe="")
