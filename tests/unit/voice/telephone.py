"""A call on a codehook over moto's table: fills slots, sends the events Lex would send, keeps what was heard."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from moto import mock_aws

from chalicelib.aws.tables import Table
from chalicelib.voice import bot
from chalicelib.voice.calls import Calls
from chalicelib.voice.codehook import Codehook
from chalicelib.voice.transfers import Transfers
from tests.builders import NOW
from tests.fakes import FakeClock, Requests
from tests.unit.voice.fake_bank import ANA, FakeBank


@contextmanager
def open_line() -> Iterator["Line"]:
    """A codehook over an empty table."""
    with mock_aws():
        client, table = _client(), "calls"
        client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "sessionId", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
        )
        yield Line(client, table)


@cache
def _client() -> Any:
    """One for all tests, since making one takes longer than most of them."""
    return botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")


@dataclass
class Line:
    """The codehook with its parts; ``requests`` stands between it and the table."""

    client: Any
    table: str
    bank: FakeBank = field(default_factory=FakeBank)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    timer: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.requests = Requests(self.client, frozenset({"get_item", "update_item"}))
        table, keys = Table(self.requests, self.table, sleep=lambda _: None), itertools.count(1)
        self.calls = Calls(table, self.clock, lambda: f"key{next(keys)}")
        self.transfers = Transfers(table, self.clock)
        ids = (f"reference{number}" for number in itertools.count(1))
        self.codehook = Codehook(self.bank, self.calls, self.clock, self.timer, lambda: next(ids))
        self.numbers = itertools.count(1)

    def call(self, **changes: Any) -> "Caller":
        return Caller(self, f"session-{next(self.numbers)}", **changes)

    def stored(self) -> list[dict[str, Any]]:
        """All items of the table, in DynamoDB's own shape."""
        items: list[dict[str, Any]] = self.client.scan(TableName=self.table)["Items"]
        return items

    def break_table(self, *, after: int = 0) -> None:
        """Have the table refuse everything, once it took ``after`` more requests."""
        self.requests.client = _Broken(self.requests.client, after)

    def mend_table(self) -> None:
        while isinstance(self.requests.client, _Broken):
            self.requests.client = self.requests.client.client


@dataclass
class _Broken:
    client: Any
    left: int

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            if self.left <= 0:
                raise botocore.exceptions.ConnectTimeoutError(endpoint_url="dynamodb")
            self.left -= 1
            return getattr(self.client, name)(**arguments)

        return call


@dataclass
class Caller:
    """One caller, whose Lex keeps the session's state; ``heard`` is the last answer's text, ``answer`` all of it."""

    line: Line
    session_id: str
    mode: str = "Text"
    locale: str = "en_US"
    intent: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    confirmation: str = "None"
    answer: dict[str, Any] = field(default_factory=dict)
    last_event: dict[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> str:
        return str(self.answer["sessionState"]["dialogAction"]["type"])

    @property
    def elicited(self) -> str | None:
        slot: str | None = self.answer["sessionState"]["dialogAction"].get("slotToElicit")
        return slot

    @property
    def heard(self) -> str:
        return " ".join(message.get("content", "") for message in self.answer.get("messages", ()))

    @property
    def is_with_agent(self) -> bool:
        return self.action == "Close" and self.answer["sessionState"]["sessionAttributes"].get("route") == "agent"

    def say(self, intent: str, **slots: str) -> "Caller":
        """Begin an intent, with slots filled by the utterance."""
        names = next((one.slots for one in bot.INTENTS if one.name == intent), ())
        self.intent, self.slots, self.confirmation = intent, {slot.name: None for slot in names}, "None"
        self.slots |= {name: filled(text) for name, text in slots.items()}
        return self._turn(intent)

    def give(self, text: str) -> "Caller":
        """Answer the question for a slot."""
        assert self.elicited, self.answer
        self.slots[self.elicited] = filled(text)
        return self._turn(text)

    def stay_silent(self) -> "Caller":
        return self._turn("")

    def mumble(self) -> "Caller":
        return self._turn("mmh")

    def prove(self, number: str = ANA, pin: str = "1234") -> "Caller":
        """Give number and PIN, as they are asked for."""
        assert self.elicited == "CustomerNumber", self.heard
        return self.give(number).give(pin)

    def confirm(self) -> "Caller":
        """Say yes; whether the codehook then delegates, Lex has it fulfilled."""
        self.confirmation = "Confirmed"
        return self._turn("yes")

    def deny(self) -> "Caller":
        self.confirmation = "Denied"
        return self._turn("no")

    def again(self) -> "Caller":
        """Have the last event delivered once more, whatever Lex made of its first answer."""
        return self._take(self.line.codehook.handle(self.last_event))

    def _turn(self, transcript: str) -> "Caller":
        self._take(self.line.codehook.handle(self._event("DialogCodeHook", transcript)))
        if self.action == "Delegate":
            self._take(self.line.codehook.handle(self._event("FulfillmentCodeHook", transcript)))
        return self

    def _event(self, source: str, transcript: str) -> dict[str, Any]:
        intent = {"name": self.intent, "slots": dict(self.slots), "state": "InProgress"}
        intent["confirmationState"] = self.confirmation
        self.last_event = {
            "messageVersion": "1.0",
            "invocationSource": source,
            "inputMode": self.mode,
            "sessionId": self.session_id,
            "inputTranscript": transcript,
            "bot": {"localeId": self.locale},
            "sessionState": {"intent": intent, "sessionAttributes": dict(self.attributes)},
        }
        return self.last_event

    def _take(self, answer: dict[str, Any]) -> "Caller":
        require_valid(answer)
        self.answer = answer
        state = answer["sessionState"]
        self.attributes = state["sessionAttributes"]
        self.slots = dict(state.get("intent", {}).get("slots", {}))
        self.confirmation = state.get("intent", {}).get("confirmationState", "None")
        return self


def filled(text: str) -> dict[str, Any]:
    return {"shape": "Scalar", "value": {"originalValue": text, "interpretedValue": text, "resolvedValues": [text]}}


_MODEL = botocore.session.get_session().get_service_model("lexv2-runtime")
_SHAPES = _MODEL.operation_model("RecognizeText").output_shape.members


def require_valid(response: Mapping[str, Any]) -> None:
    """What Lex would refuse fails: another shape than botocore's, or more than its limits allow."""
    assert set(response) <= {"sessionState", "messages", "requestAttributes"}, set(response)
    state = dict(response["sessionState"])
    if "intent" in state:
        slots = {name: slot for name, slot in state["intent"]["slots"].items() if slot is not None}
        state["intent"] = state["intent"] | {"slots": slots}
    _require(state, "sessionState")
    messages = response.get("messages", [])
    _require(messages, "messages")
    assert len(messages) <= 10
    assert all(0 < len(message["content"]) <= 1024 for message in messages if "content" in message)
    action = state["dialogAction"]
    assert action["type"] != "ElicitIntent" or messages
    assert action["type"] != "ElicitSlot" or action["slotToElicit"] in response["sessionState"]["intent"]["slots"]
    assert ("intent" in state) or action["type"] == "ElicitIntent"
    assert len(str(state["sessionAttributes"]).encode("utf-8", "replace")) <= 13 * 1024


def _require(value: Any, member: str) -> None:
    report = ParamValidator().validate(value, _SHAPES[member])
    assert not report.has_errors(), report.generate_report()
