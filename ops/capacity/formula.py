"""The source design's own formula for its table of sessions, with the same messages a second.

It is the only one of the three source designs that has one; those of webhooks and of voice plan no capacity.

    Per message: 2 Queries -> 2 RCU, 2 PutItems -> 2 WCU, 1 UpdateItem -> 1 WCU
    At 1000 messages/sec: reads 2,000 RCU, writes 3,000 WCU
    With provisioned mode: set to 3,600 WCU and 2,400 RCU (20% buffer)

Beside it stand a reserved concurrency of 500 for 1,000 requests a second, and the timeline of a warm invocation: 5, 8,
6, 800 and 6 ms, one after the other.
"""

from dataclasses import dataclass

from ops.capacity.demand import HEADROOM

READS_A_MESSAGE = 2
WRITES_A_MESSAGE = 3
WARM_SECONDS = 0.825
RESERVED_CONCURRENCY = 500

WHY = (
    "Ours reads strongly, at twice the price; writes turn and number, and answer and number, in transactions, at twice"
    " the price; remembers each message so that one sent again is known; adds up tokens; and has sessions, summaries,"
    " look-ups, handoffs and the deleting of what has expired in it. Theirs has none of these, counts a query of up to"
    " 20 turns as one of less than 4 KB, and charges an eventually consistent read as a strong one."
)
WHY_CONCURRENCY = (
    "Theirs holds one function for 825 ms a message, so that its reserved 500 carry 606 messages a second and not the"
    " 1,000 it plans for; ours acknowledges in one function and answers in another, and streams."
)


@dataclass(frozen=True)
class Formula:
    messages_per_second: float

    @property
    def reads(self) -> float:
        return READS_A_MESSAGE * self.messages_per_second

    @property
    def writes(self) -> float:
        return WRITES_A_MESSAGE * self.messages_per_second

    @property
    def provisioned(self) -> tuple[float, float]:
        """Reads and writes."""
        return self.reads * HEADROOM, self.writes * HEADROOM

    @property
    def at_once(self) -> float:
        return self.messages_per_second * WARM_SECONDS
