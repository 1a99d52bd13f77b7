"""Costs: a month of a load, by service, at list prices. What stands whether anything comes or not is marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ops.capacity import assumptions as assumed
from ops.capacity import prices
from ops.capacity.demand import Demand, Load, Units


@dataclass(frozen=True)
class Cost:
    """US dollars a month. ``standing`` is the part of it that is due without any load."""

    service: str
    what: str
    dollars: float
    standing: float = 0.0


def costs(demand: Demand) -> Sequence[Cost]:
    """Every line of the month's bill; the tables are billed on demand."""
    nothing = {(service, what): dollars for service, what, dollars in _lines(Demand(Load(0, 0, 0)))}
    return [Cost(service, what, dollars, nothing[service, what]) for service, what, dollars in _lines(demand)]


def provisioned(tables: Sequence[Units]) -> float:
    """What the same tables cost a month with provisioned units, used as planned."""
    return prices.HOURS * sum(
        reads * prices.READ_UNIT_HOUR + writes * prices.WRITE_UNIT_HOUR
        for reads, writes in (table.provisioned for table in tables)
    )


def _lines(demand: Demand) -> Iterator[tuple[str, str, float]]:
    month = prices.SECONDS
    invocations = sum(function.invocations for function in demand.functions)
    yield "Lambda", "requests", invocations * month * prices.LAMBDA_REQUEST
    gib_seconds = sum(function.gib_seconds for function in demand.functions)
    yield "Lambda", "GiB-seconds", gib_seconds * month * prices.LAMBDA_GIB_SECOND
    yield "API Gateway", "REST requests", demand.rest_requests * month * prices.REST_REQUEST
    frames = demand.frames + demand.total("callbacks")
    yield "API Gateway", "socket messages, both ways", frames * month * prices.SOCKET_MESSAGE
    yield "API Gateway", "socket minutes", demand.sockets * month / 60 * prices.SOCKET_MINUTE
    yield "API Gateway", "data out", demand.total("callback_bytes") * month / prices.GB * prices.DATA_OUT_GB
    yield from _stores(demand)
    yield "Bedrock", "tokens in", demand.total("tokens_in") * month * prices.TOKEN_IN
    yield "Bedrock", "tokens out", demand.total("tokens_out") * month * prices.TOKEN_OUT
    minutes = demand.calls * month * assumed.CALL_SECONDS / 60
    yield "Lex", "streamed speech", minutes * 4 * prices.LEX_QUARTER_MINUTE
    yield "Connect", "minutes", minutes * prices.CONNECT_MINUTE
    written = demand.log_bytes * month / prices.GB
    yield "CloudWatch", "logs", written * (prices.LOG_GB + prices.LOG_GB_KEPT * assumed.LOG_DAYS / 30)
    yield "CloudWatch", "custom metrics", demand.metrics * prices.METRIC
    watched = assumed.ALARM_METRICS * prices.ALARM_METRIC + assumed.DASHBOARDS * prices.DASHBOARD
    yield "CloudWatch", "alarms, dashboard", watched
    yield "Secrets Manager", "secrets", assumed.SECRETS * prices.SECRET


def _stores(demand: Demand) -> Iterator[tuple[str, str, float]]:
    month = prices.SECONDS
    polls = assumed.QUEUES_POLLED * assumed.POLLS_A_SECOND * prices.STANDARD_REQUEST
    requests = demand.queue_requests
    used = requests["standard"] * prices.STANDARD_REQUEST + requests["fifo"] * prices.FIFO_REQUEST
    yield "SQS", "requests, polls of empty queues", (polls + used) * month
    reads, writes = (sum(getattr(table, unit) for table in demand.tables) for unit in ("reads", "writes"))
    yield "DynamoDB", "read units", reads * month * prices.READ_UNIT
    yield "DynamoDB", "write units", writes * month * prices.WRITE_UNIT
    kept = demand.table_bytes / prices.GB
    yield "DynamoDB", "storage, point-in-time recovery", kept * (prices.TABLE_GB + prices.RECOVERY_GB)
    large = demand.load.webhooks_per_second * assumed.LARGE_BODIES
    lying = large * assumed.LARGE_BODY_SECONDS * assumed.LARGE_BODY_BYTES / prices.GB * prices.S3_GB
    yield "S3", "large bodies", large * month * (prices.S3_PUT + prices.S3_GET) + lying
    yield "RDS", assumed.DATABASE_CLASS, prices.HOURS * prices.DATABASE_HOUR
    gibibytes = max(assumed.DATABASE_GIB, demand.database_bytes / prices.GIB)
    yield "RDS", f"storage after {assumed.RETENTION_DAYS} days", gibibytes * prices.DATABASE_GIB
