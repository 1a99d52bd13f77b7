import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from chalicelib.voice.exchange import Answer

CARD = {"id": "card_1", "last4": "9876", "status": "active"}
ACCOUNT = {"id": "acc_1", "type": "checking", "last4": "4321", "currency": "USD", "card": CARD}
BALANCE = {"account_id": "acc_1", "balance": "1204.50", "currency": "USD", "as_of": "2026-11-20T13:00:00+01:00"}


def answer(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode())


def test_a_verdict() -> None:
    assert read_verdict(answer({"verified": True, "customer_id": "cus_1"})) == Verdict("cus_1", locked=False)
    wrong = {"verified": False, "locked": False, "attempts_left": 2}
    assert read_verdict(answer(wrong)) == Verdict(None, locked=False)
    assert read_verdict(answer({**wrong, "locked": True, "attempts_left": 0})) == Verdict(None, locked=True)


@pytest.mark.parametrize(
    "value",
    [
        {"verified": True},
        {"verified": "true", "customer_id": "cus_1"},
        {"verified": 1, "customer_id": "cus_1"},
        {"verified": True, "customer_id": ""},
        {"verified": True, "customer_id": ".."},
        {"verified": True, "customer_id": "cus\n1"},
        {"verified": True, "customer_id": "c" * 129},
        {"verified": True, "customer_id": 7},
        {"verified": False},
        {"verified": False, "locked": 0},
        {},
        [],
        None,
    ],
)
def test_what_is_no_verdict_verifies_nobody(value: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        read_verdict(answer(value))


def test_accounts() -> None:
    savings = {"id": "acc_2", "type": "savings", "last4": "8765", "currency": "USD", "card": None, "opened": 1999}
    blocked = {**ACCOUNT, "type": "credit", "card": {**CARD, "status": "blocked"}}

    assert read_accounts(answer({"accounts": [ACCOUNT, savings, blocked]})) == (
        Account("acc_1", "checking", "4321", "USD", Card("card_1", "9876", blocked=False)),
        Account("acc_2", "savings", "8765", "USD", None),
        Account("acc_1", "credit", "4321", "USD", Card("card_1", "9876", blocked=True)),
    )
    assert read_accounts(answer({"accounts": []})) == ()


@pytest.mark.parametrize(
    "account",
    [
        {**ACCOUNT, "id": 7},
        {**ACCOUNT, "type": None},
        {**ACCOUNT, "last4": 4321},
        {**ACCOUNT, "last4": "\N{ARABIC-INDIC DIGIT ONE}234"},
        {**ACCOUNT, "last4": "<br>"},
        {**ACCOUNT, "currency": "usd"},
        {**ACCOUNT, "card": "card_1"},
        {**ACCOUNT, "card": {**CARD, "last4": "98765"}},
        {**ACCOUNT, "card": {**CARD, "status": True}},
        {name: value for name, value in ACCOUNT.items() if name != "card"},
        None,
    ],
)
def test_accounts_of_another_form(account: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        read_accounts(answer({"accounts": [account]}))


@pytest.mark.parametrize("amount", ["1204.50", "-230.10", "0.00", "999999999999999.99"])
def test_a_balance(amount: str) -> None:
    balance = read_balance(answer({**BALANCE, "balance": amount}), "acc_1")

    assert balance == Balance(Decimal(amount), "USD", datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert str(balance.amount) == amount


@pytest.mark.parametrize(
    "change",
    [
        *({"balance": amount} for amount in ["1204.5", "1e3", "NaN", "Infinity", "1,204.50", " 1.00", "1.00\n", ""]),
        {"balance": "\N{ARABIC-INDIC DIGIT ONE}.00"},
        *({"balance": amount} for amount in [1204.5, 1204, None, True, ["1.00"]]),
        {"account_id": "acc_2"},
        {"currency": "DOLLAR"},
        {"as_of": "2026-11-20T13:00:00"},
        {"as_of": "yesterday"},
        {"as_of": "0001-01-01T00:00+05:00"},
        {"as_of": 1763640000},
    ],
)
def test_a_balance_of_another_form(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswerError):
        read_balance(answer({**BALANCE, **change}), "acc_1")


def test_a_card_is_blocked_only_if_the_answer_says_so() -> None:
    read_block(answer({"id": "card_1", "status": "blocked"}), "card_1")

    for value in ({"id": "card_1", "status": "active"}, {"id": "card_2", "status": "blocked"}, {}, "blocked"):
        with pytest.raises(MalformedAnswerError):
            read_block(answer(value), "card_1")


READERS: list[Callable[[Answer], Any]] = [
    read_verdict,
    read_accounts,
    lambda given: read_balance(given, "acc_1"),
    lambda given: read_block(given, "card_1"),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[" * 60_000, b"{", b'{"balance": NaN}', b"1" * 60_000, b"\xef\xbb\xbf{}"]
)
def test_rubbish_is_malformed(read: Callable[[Answer], Any], body: bytes) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        read(Answer(200, body))

    assert caught.value.__suppress_context__ or caught.value.__context__ is None


NAMES = st.sampled_from([*ACCOUNT, *BALANCE, "accounts", "verified"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    max_leaves=20,
)


@given(JSON)
def test_whatever_it_answers_is_read_or_malformed(value: Any) -> None:
    for read in READERS:
        with suppress(MalformedAnswerError):
            read(answer(value))
