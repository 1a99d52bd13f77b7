"""Voice: the CPU time of a turn, from Lex's event to the codehook's response, without the bank.

Frontdesk goes through Chalice and all of its own code: event, call, decision, speech, log line and metric. The bank and
the calls table are stand-ins that answer at once. The plain design gets the same events.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

import app
from benchmarks.plain import codehook as plain
from benchmarks.report import NotMeasuredError, Row, Section, Target, percentile
from benchmarks.stand_ins import LambdaContext, discarded_output, wired
from chalicelib.aws.tables import Item, Write
from chalicelib.voice.bank import Account, Balance, TransferOutcome, Verdict
from chalicelib.voice.calls import Call, Calls
from chalicelib.voice.codehook import Codehook
from chalicelib.voice.confirmation import ATTRIBUTE, token
from chalicelib.voice.transfers import fingerprint

if TYPE_CHECKING:
    from chalicelib.voice.deadline import Deadline

_CONTEXT = LambdaContext("frontdesk-dev-lex_codehook")
_CUSTOMER = "cus_benchmark"
_KEY = "key"
_TRANSFER = {"FromAccount": "checking", "ToAccount": "savings", "TransferAmount": "250"}

_P50 = Target("value", "at most", 1.0)
_P99 = Target("value", "at most", 5.0)


@dataclass(frozen=True)
class _Turn:
    """A turn of a call: an event, and the dialog action with which both designs have to answer."""

    intent: str
    slots: dict[str, str]
    actions: tuple[str, str]
    confirmed: bool = False
    is_known: bool = True


_TURNS = {
    "a question": _Turn("CheckBalance", {}, ("ElicitSlot", "ElicitSlot"), is_known=False),
    "a balance": _Turn("CheckBalance", {"AccountType": "savings"}, ("ElicitIntent", "Close")),
    "a transfer read back": _Turn("TransferFunds", _TRANSFER, ("ConfirmIntent", "ConfirmIntent")),
    "a transfer sent": _Turn("TransferFunds", _TRANSFER, ("ElicitIntent", "Close"), confirmed=True),
}


class _Bank:
    """A bank that knows one customer and does everything at once."""

    def verify(self, number: str, pin: str, deadline: "Deadline") -> Verdict:
        return Verdict(_CUSTOMER, locked=False)

    def accounts(self, customer_id: str, deadline: "Deadline") -> Sequence[Account]:
        return [Account(f"acc_{kind}", kind, "4321", "USD", None) for kind in ("checking", "savings")]

    def balance(self, account_id: str, deadline: "Deadline") -> Balance:
        return Balance(Decimal("1204.50"), "USD", datetime.now(UTC))

    def transfer(
        self, reference: str, source_id: str, target_id: str, amount: Decimal, deadline: "Deadline"
    ) -> TransferOutcome:
        return TransferOutcome("completed", None)

    def block_card(self, card_id: str, deadline: "Deadline") -> None:
        raise NotMeasuredError("no card was to be blocked")


@dataclass(frozen=True)
class _CallsTable:
    """A table that holds one call and one transfer, or none, and takes every write."""

    items: dict[str, Item]

    def get(self, key: Item) -> Item | None:
        return self.items.get(key["sessionId"])

    def write(self, write: Write, *, returning: str | None = None) -> Item:
        return self.items.get(write.key["sessionId"], {})


def measure(*, quick: bool) -> Section:
    """p50 and p99 in milliseconds for each kind of turn."""
    calls = 100 if quick else 3_000
    rows: list[Row] = []
    with click.progressbar(_TURNS.items(), label="voice", file=sys.stderr) as bar:
        for name, turn in bar:
            ours, theirs = _measure_turn(turn, calls)
            rows += [
                Row(f"{name} p50", "ms", percentile(ours, 0.5) / 1e6, percentile(theirs, 0.5) / 1e6, _P50),
                Row(f"{name} p99", "ms", percentile(ours, 0.99) / 1e6, percentile(theirs, 0.99) / 1e6, _P99),
            ]
    notes = (
        "CPU time (time.process_time_ns) of one warm turn each in turns, logs and metrics written to the null device.",
        "The plain design verifies nobody, keeps nothing of a call, has one language, and logs what callers say.",
        "Neither figure holds the bank's time or the table's. No turn has more than 6 s, whatever the bank does.",
    )
    return Section("voice", rows, notes)


def _measure_turn(turn: _Turn, calls: int) -> tuple[list[int], list[int]]:
    """CPU times of both designs in nanoseconds, sorted."""
    event = _event(turn)
    taken: tuple[list[int], list[int]] = ([], [])

    def ask(method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        return {"balance": "1204.50"}

    def ours() -> Any:
        return app.lex_codehook(event, _CONTEXT)

    def theirs() -> Any:
        return plain.answer(event, ask)

    with discarded_output(), wired(codehook=_codehook(turn)):
        for call in range(-50, calls):  # the calls below 0 warm up
            for handler, durations, action in zip((ours, theirs), taken, turn.actions, strict=True):
                started = time.process_time_ns()
                response = handler()
                duration = time.process_time_ns() - started
                if (found := response["sessionState"]["dialogAction"]["type"]) != action:
                    raise NotMeasuredError(f"{turn.intent} was answered with {found} and not with {action}")
                if call >= 0:
                    durations.append(duration)
    return sorted(taken[0]), sorted(taken[1])


def _codehook(turn: _Turn) -> Codehook:
    now = int(time.time())
    call = {"customer_id": _CUSTOMER, "verified_at": now, "attempts": 0, "call_key": _KEY, "ttl": now + 3_600}
    transfer = {
        "reference": "r-1",
        "source_id": "acc_checking",
        "target_id": "acc_savings",
        "tries": 0,
        "status": "",
        "code": None,
        "ttl": now + 3_600,
    }
    items = {"benchmark": call} if turn.is_known else {}
    if turn.confirmed:
        items["transfer#" + fingerprint(_CUSTOMER, "checking", "savings", Decimal(250))] = transfer
    calls = Calls(_CallsTable(items), lambda: now)
    return Codehook(_Bank(), calls, lambda: now, time.monotonic, lambda: "r-1")


def _event(turn: _Turn) -> dict[str, Any]:
    slots = {
        name: {
            "shape": "Scalar",
            "value": {"originalValue": text, "interpretedValue": text, "resolvedValues": [text]},
        }
        for name, text in turn.slots.items()
    }
    intent = {
        "name": turn.intent,
        "slots": slots,
        "state": "ReadyForFulfillment" if turn.confirmed else "InProgress",
        "confirmationState": "Confirmed" if turn.confirmed else "None",
    }
    attributes = {ATTRIBUTE: token(Call(key=_KEY), "r-1")} if turn.confirmed else {}
    return {
        "messageVersion": "1.0",
        "invocationSource": "FulfillmentCodeHook" if turn.confirmed else "DialogCodeHook",
        "inputMode": "Speech",
        "responseContentType": "audio/pcm",
        "sessionId": "benchmark",
        "inputTranscript": "what the caller said",
        "bot": {"id": "BOT", "name": "frontdesk-dev", "localeId": "en_US", "version": "1", "aliasId": "ALIAS"},
        "interpretations": [{"intent": intent, "nluConfidence": {"score": 0.9}}],
        "sessionState": {"sessionAttributes": attributes, "intent": intent, "originatingRequestId": "request"},
        "transcriptions": [{"transcription": "what the caller said", "transcriptionConfidence": 0.9}],
    }
