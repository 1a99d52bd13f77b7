"""The doctor's look at the sessions' table and at what follows its stream."""

from collections.abc import Iterator

from ops.findings import Finding, Level, finding
from ops.stage import Stage

STREAM_CONSUMERS = ("summarize_sessions", "delete_expired_sessions")


def check_table(stage: Stage) -> Iterator[Finding]:
    client, name = stage.client("dynamodb"), stage.deployed_name("sessions")
    try:
        table = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        yield Finding(Level.BAD, "table", f"{name} is not there: deploy the data stack.")
        return
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    faults = [] if table["TableStatus"] == "ACTIVE" else [f"is {table['TableStatus']}"]
    faults += [] if expiry.get("TimeToLiveStatus") == "ENABLED" else ["never forgets a session (TTL)"]
    faults += [] if table.get("StreamSpecification", {}).get("StreamEnabled") else ["has no stream"]
    said = f"{name}, with TTL and a stream"
    yield finding("table", not faults, said, f"{name} {', '.join(faults)}: deploy the data stack.")
    if (stream := table.get("LatestStreamArn")) and stage.is_deployed:
        yield from _check_stream(stage, stream)


def _check_stream(stage: Stage, stream: str) -> Iterator[Finding]:
    for function in STREAM_CONSUMERS:
        mappings = stage.client("lambda").list_event_source_mappings(
            FunctionName=stage.deployed_name(function), EventSourceArn=stream
        )["EventSourceMappings"]
        enabled = [mapping for mapping in mappings if mapping["State"] == "Enabled"]
        otherwise = "receives nothing from the table's stream: enable its event source mapping."
        yield finding(f"function {function}", bool(enabled), "receives changes of sessions", otherwise)
