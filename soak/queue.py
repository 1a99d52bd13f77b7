"""A queue in memory that behaves as SQS does at its worst: at least once, in no order, three receives, then dead."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_RECEIVES = 3

_DELIVERED_TWICE = 0.005
"""So many messages become visible again at once, while they are under way."""


@dataclass
class Message(Generic[T]):
    """A message in the queue. ``receives`` counts its deliveries."""

    message_id: str
    content: T
    receives: int = 0


@dataclass
class Queue(Generic[T]):
    """``visibility`` is the time in seconds for which a received message stays hidden; ``clock`` gives seconds."""

    chance: random.Random
    visibility: float
    clock: Callable[[], float]
    dead: list[Message[T]] = field(default_factory=list)
    _visible: list[Message[T]] = field(default_factory=list)
    _hidden: dict[str, tuple[float, Message[T]]] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message_id: str, content: T) -> None:
        with self._lock:
            self._left.add(message_id)
            self._visible.append(Message(message_id, content))

    def receive(self, limit: int) -> list[Message[T]]:
        """Up to ``limit`` messages, from anywhere in the queue, hidden from now on."""
        with self._lock:
            self._show_again()
            batch: list[Message[T]] = []
            while self._visible and len(batch) < limit:
                message = self._take_any()
                if message.message_id not in self._left:
                    continue
                if message.receives >= MAX_RECEIVES:
                    self._left.remove(message.message_id)
                    self.dead.append(message)
                    continue
                message.receives += 1
                batch.append(message)
            for message in batch:
                self._hide(message)
            return batch

    def delete(self, message_id: str) -> None:
        """Delete a message, whoever received it meanwhile; one that is dead by now stays so."""
        with self._lock:
            self._left.discard(message_id)
            self._hidden.pop(message_id, None)

    def redrive(self) -> int:
        """Put back what is dead, as an operator does, and return how many messages that were."""
        with self._lock:
            moved, self.dead = self.dead, []
            for message in moved:
                message.receives = 0
                self._left.add(message.message_id)
            self._visible += moved
            return len(moved)

    def left(self) -> int:
        """Messages that are neither deleted nor dead."""
        with self._lock:
            return len(self._left)

    def _hide(self, message: Message[T]) -> None:
        if self.chance.random() < _DELIVERED_TWICE:
            self._visible.append(message)
        else:
            self._hidden[message.message_id] = (self.clock() + self.visibility, message)

    def _take_any(self) -> Message[T]:
        index = self.chance.randrange(len(self._visible))
        self._visible[index], self._visible[-1] = self._visible[-1], self._visible[index]
        return self._visible.pop()

    def _show_again(self) -> None:
        """Messages are hidden equally long, so that the oldest of them are the first to come back."""
        now = self.clock()
        while self._hidden:
            message_id, (until, message) = next(iter(self._hidden.items()))
            if until > now:
                return
            del self._hidden[message_id]
            self._visible.append(message)
