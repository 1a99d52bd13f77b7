"""The doctor's checks: each looks at one part of a stage and says what it finds."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

import requests
from botocore.exceptions import ClientError

from chalicelib.webhooks.secrets import active_secrets
from chalicelib.webhooks.sources import SOURCES
from ops.chat_secrets import CHAT_SECRETS, chat_fault_of
from ops.dead_letters import QUEUES, dead_letters_of, open_queue
from ops.frontdesk import Frontdesk
from ops.output import short_time
from ops.stage import Stage
from ops.times import utc_now


@dataclass(frozen=True)
class Consumer:
    """What feeds on a queue: how often a message is received at most, and for how many batches it stays hidden."""

    function: str
    receives: int
    visibility: float
    is_bounded: bool = True


CONSUMERS = {
    # AWS's own advice: a message stays hidden for six times as long as a batch may take.
    "webhook-events": Consumer("process_webhooks", 3, 6),
    # One message is one batch, for which somebody waits.
    "chat-messages.fifo": Consumer("answer_messages", 4, 1.5),
    "failed-turns": Consumer("write_failed_turns", 10, 6, is_bounded=False),
}
"""What each queue feeds."""

STREAM_CONSUMERS = ("summarize_sessions", "delete_expired_sessions")


class Level(StrEnum):
    """How a finding looks to the eye."""

    GOOD = "✓"
    NOTE = "!"
    BAD = "✗"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what to do."""

    level: Level
    subject: str
    text: str


def _finding(subject: str, good: bool, said: str, otherwise: str) -> Finding:
    return Finding(Level.GOOD, subject, said) if good else Finding(Level.BAD, subject, otherwise)


def check_credentials(stage: Stage) -> Iterator[Finding]:
    identity = stage.client("sts").get_caller_identity()
    yield Finding(Level.GOOD, "credentials", f"{identity['Arn']} in account {identity['Account']}")


def check_stacks(stage: Stage) -> Iterator[Finding]:
    for kind in ("data", "app"):
        name = stage.deployed_name(kind)
        try:
            status = str(stage.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            yield Finding(Level.BAD, f"stack {name}", "is not there: deploy it, as docs/deploying.md says.")
            continue
        good = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        yield _finding(f"stack {name}", good, status, f"{status}: its events in CloudFormation say why.")


def check_database(stage: Stage) -> Iterator[Finding]:
    description = Frontdesk(stage).ask("describe")
    yield Finding(Level.GOOD, "database", f"PostgreSQL {description['database_version']}, asked through manage_events")
    current, newest = description["schema"]["current"], description["schema"]["newest"]
    migrate = f"invoke {stage.deployed_name('migrate_database')}."
    if current > newest:
        yield Finding(Level.NOTE, "schema", f"version {current} is newer than the code's {newest}: deploy newer code.")
    else:
        yield _finding("schema", current == newest, f"version {current}", f"{current}, and not {newest}: {migrate}")


def check_queues(stage: Stage) -> Iterator[Finding]:
    for queue in QUEUES:
        attributes = _attributes(stage, queue)
        dead = _attributes(stage, dead_letters_of(queue))
        receives = CONSUMERS[queue].receives
        policy = json.loads(attributes.get("RedrivePolicy", "{}"))
        good = policy.get("deadLetterTargetArn") == dead["QueueArn"] and int(policy["maxReceiveCount"]) == receives
        yield _finding(
            f"queue {queue}",
            good,
            f"{_depth(attributes)} messages; dead-lettered after {receives} receives",
            f"does not send to its dead-letter queue after {receives} receives: deploy the data stack.",
        )
        yield _dead_letters(stage, queue, _depth(dead))
        yield from _check_consumer(stage, CONSUMERS[queue], attributes)
    yield _stream_failures(_depth(_attributes(stage, "stream-failures")))


def _attributes(stage: Stage, queue: str) -> Mapping[str, str]:
    client = stage.client("sqs")
    url = client.get_queue_url(QueueName=stage.deployed_name(queue))["QueueUrl"]
    return dict(client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])


def _depth(attributes: Mapping[str, str]) -> int:
    return sum(
        int(attributes[name]) for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    )


def _dead_letters(stage: Stage, queue: str, depth: int) -> Finding:
    subject = f"queue {dead_letters_of(queue)}"
    if not depth:
        return Finding(Level.GOOD, subject, "empty")
    with closing(open_queue(stage, queue).look()) as letters:
        oldest = min((letter.sent_at for letter in islice(letters, 10)), default=None)
    dlq = "dlq" if queue == QUEUES[0] else f"dlq --queue {queue}"
    advice = f"`{dlq} list` shows them, `{dlq} redrive` sends them again once their cause is gone."
    return Finding(Level.NOTE, subject, f"{depth} messages, since {short_time(oldest)}: {advice}")


def _stream_failures(depth: int) -> Finding:
    if not depth:
        return Finding(Level.GOOD, "queue stream-failures", "empty")
    return Finding(Level.NOTE, "queue stream-failures", f"{depth} messages: `stream-failures list` shows them.")


def _check_consumer(stage: Stage, consumer: Consumer, attributes: Mapping[str, str]) -> Iterator[Finding]:
    client = stage.client("lambda")
    function = stage.deployed_name(consumer.function)
    subject = f"function {consumer.function}"
    mappings = client.list_event_source_mappings(FunctionName=function, EventSourceArn=attributes["QueueArn"])
    enabled = [mapping for mapping in mappings["EventSourceMappings"] if mapping["State"] == "Enabled"]
    if not enabled:
        yield Finding(Level.BAD, subject, "receives nothing from the queue: enable its event source mapping.")
        return
    faults = list(_mapping_faults(enabled[0], is_bounded=consumer.is_bounded))
    yield _finding(
        subject, not faults, "receives batches from the queue", f"{', '.join(faults)}: deploy the app stack."
    )
    timeout = int(client.get_function_configuration(FunctionName=function)["Timeout"])
    visibility = int(attributes["VisibilityTimeout"])
    yield _finding(
        "visibility timeout",
        visibility >= consumer.visibility * timeout,
        f"{visibility} s, for batches of {timeout} s",
        f"{visibility} s is less than {consumer.visibility:g} times the {timeout} s of a batch: deploy both stacks.",
    )


def _mapping_faults(mapping: Mapping[str, Any], *, is_bounded: bool) -> Iterator[str]:
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        yield "does not report single messages (ReportBatchItemFailures)"
    if is_bounded and not mapping.get("ScalingConfig", {}).get("MaximumConcurrency"):
        yield "runs any number at once (MaximumConcurrency)"


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
    yield _finding("table", not faults, said, f"{name} {', '.join(faults)}: deploy the data stack.")
    if stream := table.get("LatestStreamArn"):
        yield from _check_stream(stage, stream)


def _check_stream(stage: Stage, stream: str) -> Iterator[Finding]:
    for function in STREAM_CONSUMERS:
        mappings = stage.client("lambda").list_event_source_mappings(
            FunctionName=stage.deployed_name(function), EventSourceArn=stream
        )["EventSourceMappings"]
        enabled = [mapping for mapping in mappings if mapping["State"] == "Enabled"]
        otherwise = "receives nothing from the table's stream: enable its event source mapping."
        yield _finding(f"function {function}", bool(enabled), "receives changes of sessions", otherwise)


def check_bucket(stage: Stage) -> Iterator[Finding]:
    account = stage.client("sts").get_caller_identity()["Account"]
    name = f"{stage.deployed_name('webhook-bodies')}-{account}"
    try:
        stage.client("s3").head_bucket(Bucket=name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield Finding(Level.BAD, "bucket", f"{name} cannot be reached ({code}): deploy the data stack.")
    else:
        yield Finding(Level.GOOD, "bucket", f"{name}, for large bodies")


def check_secrets(stage: Stage) -> Iterator[Finding]:
    for source in SOURCES:
        yield _check_secret(stage, source, stage.source_secret(source), "none, so nothing is accepted", Level.NOTE)
    nobody = "none, so customers stay anonymous"
    yield _check_secret(stage, CHAT_SECRETS[0], stage.chat_secret(CHAT_SECRETS[0]), nobody, Level.NOTE)
    closed = "none, so nobody can chat"
    yield _check_secret(stage, CHAT_SECRETS[1], stage.chat_secret(CHAT_SECRETS[1]), closed, Level.BAD)


def _check_secret(stage: Stage, source: str, name: str, missing: str, level: Level) -> Finding:
    client = stage.client("secretsmanager")
    subject, advice = f"secret {source}", f"`secrets set {source}`"
    try:
        active = active_secrets(client.get_secret_value(SecretId=name)["SecretString"], utc_now().timestamp())
    except client.exceptions.ResourceNotFoundException:
        return Finding(level, subject, f"{missing}: {advice}")
    except ClientError as error:
        return Finding(Level.BAD, subject, f"cannot be read ({error.response['Error']['Code']}).")
    except ValueError as error:
        return Finding(Level.BAD, subject, f"cannot be used: {error} {advice} replaces it.")
    if source in CHAT_SECRETS and (faults := [fault for fault in map(chat_fault_of, active) if fault]):
        return Finding(Level.BAD, subject, f"cannot be used: {faults[0]}")
    return _finding(subject, bool(active), f"{len(active)} active", f"all have expired: {advice}")


def check_http(stage: Stage) -> Iterator[Finding]:
    address = f"{stage.address()}/health"
    with requests.Session() as session:
        session.trust_env = stage.name != "local"  # a proxy knows nothing of this machine's ports
        try:
            answer = session.get(address, timeout=10)
        except requests.RequestException as error:
            yield Finding(Level.BAD, "HTTP", f"{address} does not answer ({type(error).__name__}): is it deployed?")
            return
    yield _finding(
        "HTTP", answer.ok, f"{address} answers", f"{address} answers {answer.status_code}: see api_handler's log."
    )


CHECKS: Mapping[str, Callable[[Stage], Iterator[Finding]]] = {
    "credentials": check_credentials,
    "stacks": check_stacks,
    "database": check_database,
    "queues": check_queues,
    "table": check_table,
    "bucket": check_bucket,
    "secrets": check_secrets,
    "HTTP": check_http,
}
