"""Limits: how much of each a load takes, and which it meets first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ops.capacity import assumptions as assumed
from ops.capacity import prices
from ops.capacity.demand import Demand, Load


@dataclass(frozen=True)
class Limit:
    """How much of a limit is used, ``standing`` of it without any load. ``raised`` says how to have more."""

    name: str
    used: float
    limit: float
    raised: str
    standing: float = 0.0

    @property
    def share(self) -> float:
        return self.used / self.limit

    @property
    def is_exceeded(self) -> bool:
        return self.share > 1

    @property
    def times(self) -> float | None:
        """How many times this load it takes to meet the limit; None when none of it comes from the load."""
        return (self.limit - self.standing) / (self.used - self.standing) if self.used > self.standing else None


def limits(demand: Demand) -> Sequence[Limit]:
    """All limits, the one that is met first at the top."""
    nothing = {limit.name: limit.used for limit in _all(Demand(Load(0, 0, 0)))}
    found = [replace(limit, standing=nothing[limit.name]) for limit in _all(demand)]
    return sorted(found, key=lambda limit: limit.times or math.inf)


def _all(demand: Demand) -> Sequence[Limit]:
    return (*_functions(demand), *_doors(demand), *_stores(demand), *_others(demand))


def _functions(demand: Demand) -> Sequence[Limit]:
    by_concurrency = [
        Limit(f"{function.name}: at once", function.at_once, function.maximum, raised)
        for function, raised in (
            (demand.function("answer_messages"), "maximum concurrency"),
            (demand.function("summarize_sessions"), "shards of the stream"),
            (demand.function("delete_expired_sessions"), "shards of the stream"),
        )
        if function.maximum is not None
    ]
    return [
        Limit(
            "process_webhooks: webhooks/s",
            demand.load.webhooks_per_second,
            demand.webhooks_ceiling,
            "maximum concurrency",
        ),
        *by_concurrency,
        Limit("all functions: at once", demand.at_once, assumed.ACCOUNT_CONCURRENCY, "quota: Lambda"),
    ]


def _doors(demand: Demand) -> Sequence[Limit]:
    gateway = "quota: API Gateway"
    frames = demand.frames + 2 * demand.sessions
    return [
        Limit("REST API: requests/s", demand.rest_requests, assumed.HTTP_RATE, "HttpRateLimit"),
        Limit("REST APIs of the account: requests/s", demand.rest_requests, assumed.ACCOUNT_REQUESTS, gateway),
        Limit("POST /chat/sessions: requests/s", demand.sessions, assumed.SESSIONS_A_SECOND, "throttle: app.yaml"),
        Limit("sockets: frames/s", frames, assumed.FRAMES_A_SECOND, "WebsocketRateLimit"),
        Limit("sockets: new ones/s", demand.sessions, assumed.NEW_CONNECTIONS, gateway),
        Limit("sockets: callbacks/s", demand.total("callbacks"), assumed.ACCOUNT_REQUESTS, gateway),
    ]


def _stores(demand: Demand) -> Sequence[Limit]:
    sessions, _ = demand.tables
    budget = sum(work.rate for work in demand.work if work.use.tokens_out and work.name in ("messages", "summaries"))
    on_demand = "grows with its traffic"
    return [
        Limit("sessions table: reads/s", sessions.reads, assumed.TABLE_READS, on_demand),
        Limit("sessions table: writes/s", sessions.writes, assumed.TABLE_WRITES, on_demand),
        Limit("sum of the day's tokens: writes/s", budget, assumed.ITEM_WRITES, "a change of budget.py"),
        Limit("chat-messages.fifo: messages/s", demand.load.messages_per_second, assumed.FIFO_MESSAGES, "quota: SQS"),
        Limit("database: connections", demand.connections, assumed.DATABASE_CONNECTIONS, "DatabaseInstanceClass"),
        Limit(
            f"database: GiB after {assumed.RETENTION_DAYS} days",
            demand.database_bytes / prices.GIB,
            assumed.DATABASE_MAXIMUM_GIB,
            "DatabaseMaximumStorage",
        ),
    ]


def _others(demand: Demand) -> Sequence[Limit]:
    return [
        Limit("model: tokens a day", demand.tokens * 86_400, assumed.DAILY_TOKENS, "ModelDailyTokens"),
        Limit("model: tokens a minute", demand.tokens * 60, assumed.MODEL_TOKENS_A_MINUTE, "quota: Bedrock"),
        Limit("Lex: calls at once", demand.calls_at_once, assumed.CALLS_AT_ONCE, "quota: Lex"),
    ]
