"""The queue of sessions: what comes back, and what is queued anew."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib.aws.batches import QueueMessage
from chalicelib.chat.queue import LAST_RECEIVE, SessionQueue
from tests.fakes import FakeFifoQueue

SENT_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class FakeAnswering:
    done: bool = True
    broken: frozenset[str] = frozenset()
    calls: list[tuple[str, str, int]] = field(default_factory=list)

    def answer(self, session_id: str, *, receives: int, queued_at: float) -> bool:
        assert queued_at == SENT_AT.timestamp()
        return self._call("answer", session_id, receives)

    def apologise(self, session_id: str) -> bool:
        return self._call("apologise", session_id, LAST_RECEIVE)

    def _call(self, name: str, session_id: str, receives: int) -> bool:
        self.calls.append((name, session_id, receives))
        if session_id in self.broken:
            raise ValueError(session_id)
        return self.done


def message(session_id: str, receives: int = 1) -> QueueMessage:
    return QueueMessage(f"id-{session_id}", session_id, SENT_AT, receives, f"handle-{session_id}")


def test_sessions_are_answered_and_for_the_last_time_apologised_to() -> None:
    answering, queue = FakeAnswering(), FakeFifoQueue()

    failed = SessionQueue(answering, queue).process([message("a"), message("b", 3), message("c", LAST_RECEIVE)])

    assert (failed, queue.sent, queue.retries) == ([], [], [])
    assert answering.calls == [("answer", "a", 1), ("answer", "b", 3), ("apologise", "c", LAST_RECEIVE)]


def test_one_that_fails_comes_back_soon_and_all_behind_it_too() -> None:
    answering, queue = FakeAnswering(broken=frozenset("b")), FakeFifoQueue()

    failed = SessionQueue(answering, queue).process([message("a"), message("b"), message("c")])

    assert failed == ["id-b", "id-c"]
    assert queue.retries == ["handle-b"]
    assert [session_id for _, session_id, _ in answering.calls] == ["a", "b"]


def test_what_there_was_no_time_for_is_queued_anew() -> None:
    queue = FakeFifoQueue()

    assert SessionQueue(FakeAnswering(done=False), queue).process([message("a"), message("b", LAST_RECEIVE)]) == []

    assert queue.sent == [("a", "a"), ("b", "b")]


def test_and_comes_back_when_it_cannot_be() -> None:
    queue = FakeFifoQueue(broken=True)
    assert SessionQueue(FakeAnswering(done=False), queue).process([message("a")]) == ["id-a"]
