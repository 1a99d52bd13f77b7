"""The table in ``bank_transfers.py``, line by line."""

import json
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.voice.bank_answers import MalformedAnswerError
from chalicelib.voice.bank_transfers import (
    PENDING,
    Finding,
    Order,
    TransferOutcome,
    judge_failure,
    judge_lookup,
    judge_post,
)
from chalicelib.voice.exchange import Answer, BankUnavailableError, Failure

ORDER = Order.of("t-1", "acc_1", "acc_2", Decimal(250), "USD")
MADE = {"key": "t-1", "status": "completed", "from": "acc_1", "to": "acc_2", "amount": "250.00", "currency": "USD"}
DONE = Finding(TransferOutcome("completed"))
IN_DOUBT = Finding(is_in_doubt=True)


def answer(status: int, value: Any = None, retry_after: float = 0.0) -> Answer:
    return Answer(status, json.dumps(value).encode(), retry_after)


def refused(code: str) -> Finding:
    return Finding(TransferOutcome("refused", code))


def test_an_order_is_the_same_bytes_each_time() -> None:
    assert ORDER.post.body == {"from": "acc_1", "to": "acc_2", "amount": "250.00", "currency": "USD"}
    assert ORDER.post.headers == {"Idempotency-Key": "t-1"}
    assert ORDER.lookup.path == "/transfers/t-1"
    assert "250" not in repr(ORDER.post)


@pytest.mark.parametrize(
    ("amount", "text"), [("1E+3", "1000.00"), ("0.01", "0.01"), ("1.500", "1.50"), ("9999.9", "9999.90")]
)
def test_amounts_have_two_decimals(amount: str, text: str) -> None:
    assert Order.of("t-1", "acc_1", "acc_2", Decimal(amount), "USD").amount == text


@pytest.mark.parametrize(
    "amount", ["0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1.001", "1E+12", "1E-30", "1E+999"]
)
def test_what_is_no_amount_is_never_sent(amount: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Order.of("t-1", "acc_1", "acc_2", Decimal(amount), "USD")


@pytest.mark.parametrize("reference", ["", ".", "..", "a/b", "a b", "a\r\nb", "\N{SNOWMAN}", "a" * 129, "-"])
def test_what_is_no_reference_is_never_sent(reference: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        Order.of(reference, "acc_1", "acc_2", Decimal(1), "USD")


@pytest.mark.parametrize("is_in_doubt", [False, True])
@pytest.mark.parametrize("status", [200, 201])
def test_a_transfer_that_is_told_of_is_known(status: int, is_in_doubt: bool) -> None:
    def judge(**changes: Any) -> Finding:
        return judge_post(ORDER, answer(status, {**MADE, **changes}), is_in_doubt=is_in_doubt)

    assert judge() == DONE
    assert judge(status="pending") == Finding(PENDING)
    assert judge(status="refused", code="insufficient_funds") == refused("insufficient_funds")


@pytest.mark.parametrize("is_in_doubt", [False, True])
def test_what_is_kept_under_the_key_ends_a_doubt(is_in_doubt: bool) -> None:
    for status, code in ((422, "limit_exceeded"), (409, "idempotency_conflict")):
        assert judge_post(ORDER, answer(status, {"code": code}), is_in_doubt=is_in_doubt) == refused(code)


@pytest.mark.parametrize(("status", "code"), [(400, "bad_request"), (404, "not_found")])
def test_what_is_judged_before_the_key_does_not(status: int, code: str) -> None:
    assert judge_post(ORDER, answer(status, {"code": code}), is_in_doubt=False) == refused(code)
    assert judge_post(ORDER, answer(status, {"code": code}), is_in_doubt=True) == IN_DOUBT


def test_a_refused_key_and_a_full_bank_have_done_nothing() -> None:
    assert judge_post(ORDER, answer(401), is_in_doubt=False) == Finding(is_last=True)
    assert judge_post(ORDER, answer(429, retry_after=2.0), is_in_doubt=False) == Finding(pause=2.0)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 307, 403, 408, 410, 202, 204])
@pytest.mark.parametrize("is_in_doubt", [False, True])
def test_any_other_status_leaves_it_in_doubt(status: int, is_in_doubt: bool) -> None:
    assert judge_post(ORDER, answer(status, {"code": "x"}), is_in_doubt=is_in_doubt) == IN_DOUBT


CHANGES: list[dict[str, Any]] = [
    {"key": "t-2"},
    {"from": "acc_2", "to": "acc_1"},
    {"amount": "250.01"},
    {"amount": "250"},
    {"amount": 250.0},
    {"amount": None},
    {"currency": "EUR"},
    {"status": "done"},
    {"status": "refused"},
    {"status": "refused", "code": "Sorry, 4321!"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_tell_of_this_transfer_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError):
        judge_post(ORDER, answer(201, {**MADE, **change}), is_in_doubt=False)
    with pytest.raises(MalformedAnswerError):
        judge_lookup(ORDER, answer(200, {**MADE, **change}))


@pytest.mark.parametrize("body", [None, [], {}, {"code": 7}, {"code": "Not <b>here</b>"}, "not_found"])
@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refusal_without_a_code_is_malformed(status: int, body: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        judge_post(ORDER, answer(status, body), is_in_doubt=False)


def test_another_conflict_is_no_refusal() -> None:
    assert judge_post(ORDER, answer(409, {"code": "in_progress"}), is_in_doubt=False) == IN_DOUBT


def test_a_lookup_tells_what_the_bank_keeps() -> None:
    assert judge_lookup(ORDER, answer(200, MADE)) == DONE
    assert judge_lookup(ORDER, answer(200, {**MADE, "status": "pending"})) == Finding(PENDING)
    code = {"status": "refused", "code": "same_account"}
    assert judge_lookup(ORDER, answer(200, {**MADE, **code})) == refused("same_account")


@pytest.mark.parametrize("status", [404, 401, 429, 500, 503, 302])
def test_a_lookup_without_a_transfer_leaves_it_in_doubt(status: int) -> None:
    assert judge_lookup(ORDER, answer(status, {"code": "not_found"}, 1.0)) == Finding(is_in_doubt=True, pause=1.0)


@pytest.mark.parametrize(
    ("failure", "is_sent", "finding"),
    [
        ("unreachable", False, Finding()),
        ("dropped", True, IN_DOUBT),
        ("late", True, IN_DOUBT),
        ("late", False, Finding(is_last=True)),
        ("open", False, Finding(is_last=True)),
        ("keyless", False, Finding(is_last=True)),
    ],
)
def test_without_an_answer_it_matters_whether_anything_was_sent(
    failure: Failure, is_sent: bool, finding: Finding
) -> None:
    assert judge_failure(BankUnavailableError(failure=failure, is_sent=is_sent)) == finding
