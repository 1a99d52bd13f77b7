"""The sessions' stream on the local cloud: what its real records do to both handlers, whatever order they come in.

A poller of the stream's API hands recorded changes to the handlers here, in this process, against the real table: with
partial failures, after which a shard goes on from the lowest number that failed, with duplicates, and in disorder.
"""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.aws.streams import Change, answer_changes, for_each, read_changes
from chalicelib.aws.tables import Table, put, update
from chalicelib.chat.budget import Budget
from chalicelib.chat.expiry import Expiry
from chalicelib.chat.sessions import Session, Sessions, session_key
from chalicelib.chat.summaries import CLAIM_SECONDS, Summaries, Summarizing, count_answer
from chalicelib.chat.turns import Turn
from chalicelib.errors import UnavailableError
from tests.integration.cloud import Cloud, eventually
from tests.integration.talk import TABLE, Chat
from tests.unit.chat.test_summaries import FakeModel

BATCH = 10


@dataclass
class Poller:
    """Follows a stream as an event source mapping does; ``fails`` says which handling of a change breaks off."""

    handle: Callable[[Change], None]
    fails: Callable[[Change], bool] = lambda change: False
    handled: list[str] = field(default_factory=list)

    def run(self, records: Sequence[dict[str, Any]]) -> None:
        """Deliver records in batches; after a partial failure, again from the lowest number that failed."""
        left = list(records)
        for _ in range(500):
            if not left:
                return
            changes = read_changes({"Records": left[:BATCH]})
            failures = answer_changes(for_each(changes, self._handle))["batchItemFailures"]
            if failures:
                first = failures[0]["itemIdentifier"]
                numbers = [change.sequence_number for change in changes]
                left = left[numbers.index(first) :]
            else:
                left = left[BATCH:]
        raise AssertionError("The shard is blocked.")

    def _handle(self, change: Change) -> None:
        if self.fails(change):
            raise UnavailableError("Broken off before.")
        self.handle(change)
        self.handled.append(change.sequence_number)
        if self.fails(change):
            raise UnavailableError("Broken off behind.")


@pytest.fixture(scope="module")
def table(cloud: Cloud) -> Table:
    """A table of its own with a stream, which no function follows."""
    client, name = cloud.client("dynamodb"), f"scratch-{uuid.uuid4().hex}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return Table(client, name)


def records_of(cloud: Cloud, table: Table, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """What the stream has recorded of METAs so far, as the functions' filters let it through."""
    streams = cloud.client("dynamodbstreams")
    arn = table.client.describe_table(TableName=table.name)["Table"]["LatestStreamArn"]
    found: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = streams.get_records(ShardIterator=iterator)
            found += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] else None
    return [
        record for record in found if record["eventName"] in kinds and record["dynamodb"]["Keys"]["SK"]["S"] == "META"
    ]


def flagged(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in records if one["dynamodb"].get("NewImage", {}).get("summarise") == {"BOOL": True}]


def talk(sessions: Sessions, session_id: str, answers: int) -> None:
    """Questions and their answers."""
    for _ in range(answers):
        session = sessions.find(session_id)
        assert session is not None
        seq, now = session.seq, int(time.time())
        changes = {"seq": seq + 2, "answered": seq + 1, **count_answer(session)}
        expression = "SET " + ", ".join(f"{name} = :{name}" for name in changes)
        sessions.table.transact(
            put(Turn(seq + 1, "customer", f"Question {seq + 1}", now, f"m{seq}").to_item(session_id)),
            put(Turn(seq + 2, "bot", f"Answer {seq + 2}", now, f"m{seq}").to_item(session_id)),
            update(session_key(session_id), expression, **changes),
        )


def open_sessions(table: Table, number: int) -> tuple[Sessions, list[str]]:
    sessions = Sessions(table, time.time, lambda: uuid.uuid4().hex)
    ids = [sessions.make_id() for _ in range(number)]
    for session_id in ids:
        sessions.open(session_id, None, "ticket")
    return sessions, ids


def covered(table: Table, session_id: str) -> list[tuple[int, int]]:
    return [(item["from"], item["to"]) for item in table.query(f"SESSION#{session_id}", "SUMMARY#")]


def budget_of(table: Table) -> Budget:
    return Budget(table, time.time, daily=10**9)


def flaky(seed: int) -> Callable[[Change], bool]:
    """A third of all looks say that something breaks off, until it has done so often enough."""
    chance, left = random.Random(seed), [60]

    def fails(change: Change) -> bool:
        left[0] -= 1
        return left[0] > 0 and chance.random() < 1 / 3

    return fails


@pytest.mark.parametrize("seed", range(3))
def test_every_turn_is_in_one_summary_whatever_the_shard_does(cloud: Cloud, table: Table, seed: int) -> None:
    sessions, ids = open_sessions(table, 4)
    skew = [0.0]
    model = FakeModel()
    summarizing = Summarizing(sessions, Summaries(table), model, budget_of(table), lambda: time.time() + skew[0])
    for _ in range(3):
        for session_id in ids:
            talk(sessions, session_id, 5)
        mine = [one for one in flagged(records_of(cloud, table, ("INSERT", "MODIFY"))) if is_of(one, ids)]
        disordered = [*mine, *mine]
        random.Random(seed).shuffle(disordered)
        Poller(summarizing.handle, flaky(seed)).run(disordered)
        skew[0] += CLAIM_SECONDS + 1
        Poller(summarizing.handle).run(mine[-len(ids) * 2 :])

    for session_id in ids:
        assert covered(table, session_id) == [(1, 10), (11, 20), (21, 30)]
        session = sessions.find(session_id)
        assert session is not None
        assert (session.summary_upto, session.unsummarised) == (30, 0)
    assert len(model.told) == 3 * len(ids)


def is_of(record: dict[str, Any], ids: Sequence[str]) -> bool:
    return record["dynamodb"]["Keys"]["PK"]["S"].removeprefix("SESSION#") in ids


def test_a_slow_model_does_not_hold_up_others(table: Table) -> None:
    sessions, ids = open_sessions(table, BATCH)
    for session_id in ids:
        talk(sessions, session_id, 5)
    summarizing = Summarizing(
        sessions, Summaries(table), FakeModel(meanwhile=lambda: time.sleep(1)), budget_of(table), time.time
    )
    changes = [Change(str(index), "MODIFY", session_key(session_id), None) for index, session_id in enumerate(ids)]
    started = time.monotonic()

    assert for_each(changes, summarizing.handle) == []

    assert time.monotonic() - started < 6
    assert [covered(table, session_id) for session_id in ids] == [[(1, 10)]] * BATCH


@pytest.mark.parametrize("seed", range(2))
def test_what_is_left_of_a_session_goes_whatever_the_shard_does(cloud: Cloud, table: Table, seed: int) -> None:
    sessions, ids = open_sessions(table, 4)
    for session_id in ids:
        talk(sessions, session_id, 20)
    gone, live = ids[:3], ids[3]
    table.write_batch(deletes=[session_key(session_id) for session_id in gone])
    removed = [one for one in records_of(cloud, table, ("REMOVE",)) if is_of(one, ids)]
    assert len(removed) == 3
    disordered = [*removed, *removed, *removed]
    random.Random(seed).shuffle(disordered)

    Poller(Expiry(table).handle, flaky(seed)).run(disordered)

    assert [len(table.query(f"SESSION#{session_id}")) for session_id in gone] == [0, 0, 0]
    assert len(sessions.turns(live)) == 40


def test_a_summary_that_is_being_made_while_its_session_goes_leaves_nothing(table: Table) -> None:
    sessions, (session_id,) = open_sessions(table, 1)
    talk(sessions, session_id, 5)
    change = Change("1", "REMOVE", session_key(session_id), None)

    def end() -> None:
        table.write_batch(deletes=[session_key(session_id)])
        Expiry(table).handle(change)

    Summarizing(sessions, Summaries(table), FakeModel(meanwhile=end), budget_of(table), time.time).handle(change)

    assert table.query(f"SESSION#{session_id}") == []


def test_the_deployed_functions_summarise_and_clean_up(cloud: Cloud, chat: Chat) -> None:
    table = Table(cloud.client("dynamodb"), TABLE)
    session_id, customer = chat.begin()
    for number in range(5):
        assert customer.ask(f"Hello number {number}")

    assert eventually(lambda: covered(table, session_id), seconds=30) == [(1, 10)]
    session = Session.from_item(table.get(session_key(session_id)) or {})
    assert (session.summary_upto, session.unsummarised) == (10, 0)

    chat.set_meta(session_id, ttl=int(time.time()) - 1)

    eventually(lambda: table.query(f"SESSION#{session_id}") == [], seconds=30)
    customer.say("Still there?")
    assert customer.wait("error")["code"] == "session_closed"
    time.sleep(0.5)
    assert table.query(f"SESSION#{session_id}") == []


def test_a_shard_goes_on_when_a_record_is_poison(cloud: Cloud) -> None:
    mappings = [
        mapping
        for function in ("summarize_sessions", "delete_expired_sessions")
        for mapping in cloud.client("lambda").list_event_source_mappings(FunctionName=f"frontdesk-local-{function}")[
            "EventSourceMappings"
        ]
    ]

    assert len(mappings) == 2
    for mapping in mappings:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["MaximumRetryAttempts"] == 5
        assert mapping["DestinationConfig"]["OnFailure"]["Destination"].endswith(":frontdesk-local-stream-failures")
