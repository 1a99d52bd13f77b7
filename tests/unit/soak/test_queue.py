"""The soak's queue delivers at least once, in no order, and gives up after three receives."""

import random

from soak.queue import Queue


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def make_queue(clock: Clock, messages: int, seed: int = 1) -> Queue[int]:
    queue: Queue[int] = Queue(random.Random(seed), 5, clock)
    for number in range(messages):
        queue.send(str(number), number)
    return queue


def test_every_message_is_received_out_of_order_and_gone_once_deleted() -> None:
    queue = make_queue(Clock(), 25)

    received = [message for _ in range(3) for message in queue.receive(10)]
    for message in received:
        queue.delete(message.message_id)

    contents = [message.content for message in received]
    assert set(contents) == set(range(25))
    assert contents != sorted(contents)
    assert queue.left() == 0
    assert queue.dead == []


def test_what_is_not_deleted_comes_back_and_is_dead_after_three_receives() -> None:
    clock = Clock()
    queue = make_queue(clock, 1)

    for number in (1, 2, 3):
        assert [message.receives for message in queue.receive(10)] == [number]
        assert queue.receive(10) == []
        clock.now += 5
    assert queue.receive(10) == []
    assert [message.content for message in queue.dead] == [0]
    assert queue.left() == 0


def test_a_redriven_message_begins_anew() -> None:
    clock = Clock()
    queue = make_queue(clock, 1)
    for _ in range(4):
        queue.receive(1)
        clock.now += 5

    assert queue.redrive() == 1
    assert queue.left() == 1
    (message,) = queue.receive(1)
    assert message.receives == 1
    queue.delete(message.message_id)
    assert queue.left() == len(queue.dead) == 0


def test_a_few_messages_are_delivered_twice_at_once() -> None:
    queue = make_queue(Clock(), 2_000)

    received = [message.content for _ in range(300) for message in queue.receive(10)]

    assert set(received) == set(range(2_000))
    assert 2_000 < len(received) < 2_100
