"""Demand: what a load asks of tables, functions, queues, sockets, the model and the database, a second."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from ops.capacity import assumptions as assumed
from ops.capacity import consumption as measured
from ops.capacity import prices
from ops.capacity.consumption import Use

HEADROOM = 1.2
"""Provisioned units over those used: a fifth, as the source design has it."""


@dataclass(frozen=True)
class Load:
    """Webhooks and chat messages a second, calls an hour; each a finite number from 0, else ``ValueError``."""

    webhooks_per_second: float
    messages_per_second: float
    calls_per_hour: float

    def __post_init__(self) -> None:
        for name in (one.name for one in fields(self)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name.replace('_', ' ')} must be a number from 0, not {value}")


@dataclass(frozen=True)
class Work:
    """Something that is done ``rate`` times a second, each time with the same ``use`` of a table."""

    name: str
    rate: float
    use: Use
    table: str = "sessions"


@dataclass(frozen=True)
class Units:
    """Capacity units of a table: those used a second, and those to provision for them."""

    table: str
    reads: float
    writes: float

    @property
    def provisioned(self) -> tuple[int, int]:
        """Reads and writes; a table has one of each at the least."""
        return max(1, math.ceil(self.reads * HEADROOM)), max(1, math.ceil(self.writes * HEADROOM))


@dataclass(frozen=True)
class Function:
    """A function under load. ``maximum`` is what its event source allows, None where the account's limit is shared."""

    name: str
    invocations: float
    seconds: float
    maximum: int | None

    @property
    def at_once(self) -> float:
        """Arrivals times duration."""
        return self.invocations * self.seconds

    @property
    def gib_seconds(self) -> float:
        memory = assumed.MEMORY_MB.get(self.name, assumed.USUAL_MEMORY_MB)
        return self.at_once * memory / 1_024


@dataclass(frozen=True)
class Demand:
    load: Load

    @cached_property
    def sessions(self) -> float:
        return self.load.messages_per_second / measured.MESSAGES_A_SESSION

    @property
    def calls(self) -> float:
        return self.load.calls_per_hour / 3_600

    @cached_property
    def work(self) -> Sequence[Work]:
        messages = self.load.messages_per_second
        return (
            Work("webhooks", self.load.webhooks_per_second, measured.WEBHOOK),
            Work("sessions", self.sessions, measured.SESSION),
            Work("messages", messages, measured.MESSAGE),
            Work("look-ups", messages * assumed.LOOK_UPS_A_MESSAGE, measured.LOOK_UP),
            Work("summaries", messages / assumed.MESSAGES_A_SUMMARY, measured.SUMMARY),
            Work("handoffs", self.sessions * assumed.HANDOFFS_A_SESSION, measured.HANDOFF),
            Work("calls", self.calls, measured.CALL, "calls"),
            Work("looks at who waits", 1 / 60, measured.WAITING_CHECK),
        )

    def total(self, name: str) -> float:
        """One of the figures of ``Use``, of all work together, a second."""
        return sum(work.rate * float(getattr(work.use, name)) for work in self.work)

    @cached_property
    def tables(self) -> Sequence[Units]:
        return [
            Units(
                table,
                sum(work.rate * work.use.reads for work in self.work if work.table == table),
                sum(work.rate * work.use.writes for work in self.work if work.table == table),
            )
            for table in ("sessions", "calls")
        ]

    @cached_property
    def functions(self) -> Sequence[Function]:
        rates: dict[str, float] = dict.fromkeys(assumed.SECONDS, 0.0)
        for work in self.work:
            for name, count in work.use.invocations.items():
                rates[name] += work.rate * count
        rates["api_handler"] += self.files
        return [
            Function(name, rate, self._seconds(name), assumed.MAXIMUM_CONCURRENCY.get(name))
            for name, rate in rates.items()
        ]

    def _seconds(self, name: str) -> float:
        longer = assumed.LOOK_UPS_A_MESSAGE * assumed.LOOK_UP_SECONDS if name == "answer_messages" else 0.0
        return assumed.SECONDS[name] + longer

    def function(self, name: str) -> Function:
        return next(function for function in self.functions if function.name == name)

    @property
    def at_once(self) -> float:
        """Concurrency of all functions together."""
        return sum(function.at_once for function in self.functions)

    @property
    def webhooks_ceiling(self) -> float:
        """Webhooks a second that can be stored, when every batch is full."""
        return assumed.MAXIMUM_CONCURRENCY["process_webhooks"] * assumed.FULL_BATCH / assumed.FULL_BATCH_SECONDS

    @property
    def files(self) -> float:
        return self.sessions * measured.FILES_A_SESSION

    @property
    def rest_requests(self) -> float:
        return self.function("api_handler").invocations

    @property
    def frames(self) -> float:
        """Frames that come in, a second."""
        return self.function("websocket_message").invocations

    @property
    def sockets(self) -> float:
        """Open at once."""
        return self.sessions * assumed.CONVERSATION_SECONDS

    @property
    def queue_requests(self) -> Mapping[str, float]:
        """SQS requests a second by kind of queue: sending, and for each batch receiving and deleting."""
        standard, fifo = self.load.webhooks_per_second, self.load.messages_per_second
        return {"standard": 3 * standard * measured.WEBHOOK.sent, "fifo": 3 * fifo * measured.MESSAGE.sent}

    @property
    def tokens(self) -> float:
        return self.total("tokens_in") + self.total("tokens_out")

    @property
    def calls_at_once(self) -> float:
        return self.calls * assumed.CALL_SECONDS

    @property
    def log_bytes(self) -> float:
        invocations = sum(function.invocations for function in self.functions)
        return self.total("log_bytes") + invocations * assumed.PLATFORM_LOG_BYTES

    @property
    def table_bytes(self) -> float:
        """What lies in the sessions table: a day's messages, since a session lives a day after its last use."""
        return self.load.messages_per_second * 86_400 * measured.ITEM_BYTES_A_MESSAGE

    @property
    def connections(self) -> float:
        """Of the database: one for each environment at once of the functions that use it, and the operators'."""
        bounded = min(self.function("process_webhooks").at_once, float(assumed.MAXIMUM_CONCURRENCY["process_webhooks"]))
        return bounded + self.function("look_up_order").at_once + assumed.OPERATORS_CONNECTIONS

    @property
    def rows_a_month(self) -> float:
        return self.load.webhooks_per_second * prices.SECONDS

    @property
    def database_bytes_a_month(self) -> float:
        return self.rows_a_month * measured.ROW_BYTES

    @property
    def database_bytes(self) -> float:
        """Once the retention deletes as much as comes in."""
        return self.load.webhooks_per_second * 86_400 * assumed.RETENTION_DAYS * measured.ROW_BYTES

    @property
    def metrics(self) -> int:
        """Custom metrics that anything is written to."""
        webhooks = measured.METRICS_A_SOURCE * assumed.SOURCES + measured.METRICS_OF_WEBHOOKS
        return (
            measured.METRICS_OF_CHECKS
            + (webhooks if self.load.webhooks_per_second else 0)
            + (measured.METRICS_OF_CHAT if self.load.messages_per_second else 0)
            + (measured.METRICS_OF_VOICE if self.load.calls_per_hour else 0)
        )
