"""Every metric of ours that an alarm watches or the dashboard shows is one that the code really writes.

A dimension more or less makes another metric, and an alarm on one that nobody writes is silent for ever. So the code
runs here, in each of the ways that are watched, and what it wrote is read as CloudWatch reads it.
"""

import itertools
import random
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from chalicelib.aws.batches import read_batch
from chalicelib.aws.rest import HttpRequest
from chalicelib.chat import handoff
from chalicelib.chat.budget import Budget
from chalicelib.chat.model import ModelError
from chalicelib.chat.replies import LateError
from chalicelib.chat.waiting import Waiting
from chalicelib.errors import FrontdeskError
from chalicelib.voice.exchange import BankUnavailableError
from chalicelib.webhooks.database import Database
from chalicelib.webhooks.event_store import Outcome, Written
from chalicelib.webhooks.intake import Intake
from chalicelib.webhooks.processing import Processor
from chalicelib.webhooks.retention import Retention
from chalicelib.webhooks.sources import SOURCES
from infra.alarms import ALARMS
from infra.dashboard import ROWS
from infra.metrics import NAMESPACE
from infra.metrics import Metric as Watched
from localcloud.samples import make_event, sign
from tests.builders import NOW, make_envelope, sqs_event
from tests.fakes import FakeBucket, FakeClock, FakeQueue, FakeSecrets, FakeStore
from tests.metric_lines import Metric, metrics_of
from tests.tables import sessions_table
from tests.unit.chat import test_summaries as summaries
from tests.unit.chat.place import open_place
from tests.unit.chat.world import World
from tests.unit.voice.fake_bank import ANA, FakeBank
from tests.unit.voice.memory_bank import MemoryBank, client_of, turn
from tests.unit.voice.telephone import Line, open_line

SECRET = "whsec_c2VjcmV0"


def watched() -> set[Watched]:
    """What alarms and the dashboard look at in our own namespace."""
    shown = [metric for row in ROWS for graph in row.graphs for _, metric in graph.lines]
    alarmed = [metric for alarm in ALARMS for metric in alarm.metrics]
    return {metric for metric in [*shown, *alarmed] if metric.namespace == NAMESPACE}


def known_as(metric: Watched) -> Metric:
    """A watched metric in the stage of these tests."""
    stage = {name: text.replace("${Stage}", "local") for name, text in metric.dimensions.items()}
    return metric.name, frozenset(stage.items())


def receive_webhooks() -> None:
    secrets = FakeSecrets({name: [SECRET] for name in ("github", "hmac-sha256", "slack")})
    intake = Intake(secrets, FakeQueue(), FakeBucket(), FakeClock(NOW))
    cases: list[tuple[str, bytes, bool]] = [
        ("github", b"{}", True),
        ("github", b"{}", False),
        ("nobody", b"{}", True),
        ("github", b"x" * 5_000_000, True),
        ("hmac-sha256", b"[]", True),
        ("slack", b'{"type": "url_verification", "challenge": ""}', True),
    ]
    for source, body, is_genuine in cases:
        headers = _signed(source, body) if is_genuine and source in SOURCES else {}
        with suppress(FrontdeskError):
            intake.receive(source, HttpRequest(body, headers, None, "request"))


def _signed(source: str, body: bytes) -> Mapping[str, str]:
    event = make_event(source, random.Random(3), body=body)
    return dict(sign(source, event, SECRET, NOW, f"https://shop.example.com/webhooks/{source}"))


def process_webhooks() -> None:
    store = FakeStore({outcome.value: Written(outcome) for outcome in Outcome})
    bodies = [make_envelope(b"{}", external_id=outcome.value).to_message() for outcome in Outcome]
    Processor(store, FakeBucket(), FakeClock(NOW)).process(read_batch(sqs_event(bodies)))


def fall_silent() -> None:
    class Heard:
        def run(self, _: Any) -> dict[str, datetime]:
            return {name: datetime.fromtimestamp(NOW, UTC) - timedelta(hours=7) for name in SOURCES}

    Retention(cast("Database", Heard()), 400, FakeClock(NOW)).report_silence(list(SOURCES))


def chat(world: World) -> None:
    opened = world.post()
    world.post(token=opened["token"])
    session_id = world.begin("c2")
    for number, error in enumerate(
        [None, ModelError("x", retryable=True), ModelError("x", retryable=False), LateError()]
    ):
        world.model.scripts = [[error]] * 3 if error else []
        world.say("Hi", f"m{number}", "c2")
        world.answering.answer(session_id, receives=1)
        world.clock.now += 5


def summarise() -> None:
    for fails, ceiling in (("", 1_000_000), ("breaks", 1_000_000), ("", 0)):
        with open_place() as place:
            place.open()
            summaries.talk(place, 5)
            budget = Budget(place.table, place.clock, daily=ceiling)
            budget.add(1)
            with suppress(FrontdeskError, ModelError):
                summaries.summarise(place, summaries.FakeModel(fails=fails), budget)
    with open_place() as place:
        place.open()
        summaries.test_who_comes_after_the_claim_has_run_out_wins_and_the_slow_one_stores_nothing(place)


def wait() -> None:
    with open_place() as place:
        place.open()
        place.desk.take("s1", handoff.to_people("customer", ""))
        Waiting(place.table, place.sessions, place.desk, place.clock, 900).check()


def call(line: Line) -> None:
    line.codehook.handle({})
    line.call().say("SpeakToAgent")
    replace(line, bank=cast("FakeBank", None)).call().say("CheckBalance").prove()
    line.bank.wrong_pins[ANA] = 3
    line.call().say("CheckBalance").prove()
    caller = line.call().say("CheckBalance")
    line.break_table()
    caller.give(ANA)


def ask_the_bank() -> None:
    bank = MemoryBank(faults=deque(["ok", "not_json", "unreachable", "ok", *["late_before", "502_html"] * 4]))
    client = client_of(bank)
    for _ in itertools.repeat(None, 12):
        with suppress(BankUnavailableError):
            client.balance("acc_1", turn(bank))


def test_whatever_is_watched_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    receive_webhooks()
    process_webhooks()
    fall_silent()
    with sessions_table() as client:
        chat(World(client))
    summarise()
    wait()
    with open_line() as line:
        call(line)
    ask_the_bank()

    written = metrics_of(capsys.readouterr().out)

    assert {known_as(metric) for metric in watched()} - written == set()


def test_the_sums_of_kinds_are_watched_as_well() -> None:
    """The second set of dimensions is there for these."""
    names = {metric.name for metric in watched() if metric.dimensions.keys() == {"service", "stage"}}

    assert {"WebhooksFailed", "WebhookAckTime", "WebhooksParked", "BankAnswersMalformed"} <= names
