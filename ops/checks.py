"""The doctor's checks: each looks at one part of a stage and says what it finds."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import click
import requests
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from botocore.exceptions import ConnectionError as UnreachableError

from chalicelib.aws.secret_lists import active_secrets
from chalicelib.webhooks.sources import SOURCES
from ops.chat_checks import check_model, check_websocket
from ops.chat_secrets import CHAT_SECRETS, chat_fault_of
from ops.dead_letters import QUEUES, UNKNOWN, dead_letters_of, open_queue
from ops.findings import Finding, Level, finding
from ops.frontdesk import Frontdesk
from ops.output import counted, short_time
from ops.sessions_table import check_table
from ops.stage import Stage
from ops.times import utc_now
from ops.voice_checks import check_bank_line


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


def check_credentials(stage: Stage) -> Iterator[Finding]:
    """Who asks. When nobody answers that, nothing else can be looked at, and the command ends here."""
    try:
        stage.client("sqs")  # sts needs no region, all others do
        identity = stage.client("sts").get_caller_identity()
    except (click.ClickException, BotoCoreError, ClientError) as error:
        yield Finding(Level.BAD, "credentials", _why_nobody_answers(stage, error))
        raise SystemExit(1) from None
    yield Finding(Level.GOOD, "credentials", f"{identity['Arn']} in account {identity['Account']}")


def _why_nobody_answers(stage: Stage, error: Exception) -> str:
    """The cause and the remedy."""
    reason = " ".join(str(error).split()).rstrip(".")
    match error:
        case click.ClickException():
            return error.message
        case NoRegionError():
            return "there is no AWS region: set AWS_DEFAULT_REGION or AWS_PROFILE."
        case NoCredentialsError():
            return "there are no AWS credentials: set AWS_PROFILE, or sign in."
        case _ if stage.name == "local":
            again = "It may be restarting: try again in a moment. .localcloud/logs/ministack.log says more."
            return f"MiniStack does not answer as it should: {reason}. {again}"
        case UnreachableError():
            return f"AWS cannot be reached: {reason}. Is there a network, and is the region right?"
    return f"{reason}. Sign in again, or set AWS_PROFILE."


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
        yield finding(f"stack {name}", good, status, f"{status}: its events in CloudFormation say why.")


def check_database(stage: Stage) -> Iterator[Finding]:
    description = Frontdesk(stage).ask("describe")
    yield Finding(Level.GOOD, "database", f"PostgreSQL {description['database_version']}, asked through manage_events")
    current, newest = description["schema"]["current"], description["schema"]["newest"]
    migrate = f"invoke {stage.deployed_name('migrate_database')}."
    if current > newest:
        yield Finding(Level.NOTE, "schema", f"version {current} is newer than the code's {newest}: deploy newer code.")
    else:
        yield finding("schema", current == newest, f"version {current}", f"{current}, and not {newest}: {migrate}")


def check_queues(stage: Stage) -> Iterator[Finding]:
    for queue in QUEUES:
        attributes = _attributes(stage, queue)
        dead = _attributes(stage, dead_letters_of(queue))
        receives = CONSUMERS[queue].receives
        policy = json.loads(attributes.get("RedrivePolicy", "{}"))
        good = policy.get("deadLetterTargetArn") == dead["QueueArn"] and int(policy["maxReceiveCount"]) == receives
        yield finding(
            f"queue {queue}",
            good,
            f"{_backlog(stage, queue, _depth(attributes))}; dead-lettered after {receives} receives",
            f"does not send to its dead-letter queue after {receives} receives: deploy the data stack.",
        )
        yield _dead_letters(stage, queue, _depth(dead))
        if stage.is_deployed:
            yield from _check_consumer(stage, queue, attributes)
    yield _stream_failures(_depth(_attributes(stage, "stream-failures")))


def _attributes(stage: Stage, queue: str) -> Mapping[str, str]:
    client = stage.client("sqs")
    url = client.get_queue_url(QueueName=stage.deployed_name(queue))["QueueUrl"]
    return dict(client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])


def _depth(attributes: Mapping[str, str]) -> int:
    return sum(
        int(attributes[name]) for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    )


def _backlog(stage: Stage, queue: str, depth: int) -> str:
    """How many messages wait, and since when the oldest, where its age is known."""
    age = _oldest_age(stage, queue) if depth else None
    return counted(depth, "message") if age is None else f"{counted(depth, 'message')}, the oldest {age} old"


def _oldest_age(stage: Stage, queue: str) -> timedelta | None:
    """From CloudWatch, None where it has none: the local cloud publishes no metrics."""
    now = utc_now()
    try:
        points = stage.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName="ApproximateAgeOfOldestMessage",
            Dimensions=[{"Name": "QueueName", "Value": stage.deployed_name(queue)}],
            StartTime=now - timedelta(minutes=15),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
    except (BotoCoreError, ClientError):
        return None
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return timedelta(seconds=round(newest["Maximum"])) if newest else None


def _dead_letters(stage: Stage, queue: str, depth: int) -> Finding:
    subject = f"queue {dead_letters_of(queue)}"
    if not depth:
        return Finding(Level.GOOD, subject, "empty")
    with closing(open_queue(stage, queue).look()) as walk:
        letters = list(islice(walk, 10))
    oldest = min((letter.sent_at for letter in letters), default=None)
    dlq = "dlq" if queue == QUEUES[0] else f"dlq --queue {queue}"
    advice = f"`{dlq} list` shows them, `{dlq} redrive` sends them again once their cause is gone."
    if queue == QUEUES[0] and any(letter.source is None for letter in letters):
        advice += f" Some are no envelope and would come back: `{dlq} discard --source {UNKNOWN}`."
    return Finding(Level.NOTE, subject, f"{counted(depth, 'message')}, since {short_time(oldest)}: {advice}")


def _stream_failures(depth: int) -> Finding:
    if not depth:
        return Finding(Level.GOOD, "queue stream-failures", "empty")
    return Finding(
        Level.NOTE, "queue stream-failures", f"{counted(depth, 'message')}: `stream-failures list` shows them."
    )


def _check_consumer(stage: Stage, queue: str, attributes: Mapping[str, str]) -> Iterator[Finding]:
    client, consumer = stage.client("lambda"), CONSUMERS[queue]
    function = stage.deployed_name(consumer.function)
    subject = f"function {consumer.function}"
    mappings = client.list_event_source_mappings(FunctionName=function, EventSourceArn=attributes["QueueArn"])
    enabled = [mapping for mapping in mappings["EventSourceMappings"] if mapping["State"] == "Enabled"]
    if not enabled:
        yield Finding(Level.BAD, subject, "receives nothing from the queue: enable its event source mapping.")
        return
    faults = list(_mapping_faults(enabled[0], is_bounded=consumer.is_bounded))
    yield finding(subject, not faults, "receives batches from the queue", f"{', '.join(faults)}: deploy the app stack.")
    timeout = int(client.get_function_configuration(FunctionName=function)["Timeout"])
    visibility = int(attributes["VisibilityTimeout"])
    yield finding(
        f"visibility {queue}",
        visibility >= consumer.visibility * timeout,
        f"{visibility} s, for batches of {timeout} s",
        f"{visibility} s is less than {consumer.visibility:g} times the {timeout} s of a batch: deploy both stacks.",
    )


def _mapping_faults(mapping: Mapping[str, Any], *, is_bounded: bool) -> Iterator[str]:
    if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
        yield "does not report single messages (ReportBatchItemFailures)"
    if is_bounded and not mapping.get("ScalingConfig", {}).get("MaximumConcurrency"):
        yield "runs any number at once (MaximumConcurrency)"


def check_bucket(stage: Stage) -> Iterator[Finding]:
    account = stage.client("sts").get_caller_identity()["Account"]
    client = stage.client("s3")
    name = f"{stage.deployed_name('bodies')}-{account}-{client.meta.region_name}"
    try:
        client.head_bucket(Bucket=name)
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
    return finding(subject, bool(active), f"{len(active)} active", f"all have expired: {advice}")


def check_http(stage: Stage) -> Iterator[Finding]:
    address = f"{stage.address()}/health"
    with requests.Session() as session:
        session.trust_env = not stage.emulator  # a proxy knows nothing of this machine's ports
        try:
            answer = session.get(address, timeout=10)
        except requests.RequestException as error:
            yield Finding(Level.BAD, "HTTP", f"{address} does not answer ({type(error).__name__}): is it deployed?")
            return
    yield finding(
        "HTTP", answer.ok, f"{address} answers", f"{address} answers {answer.status_code}: see api_handler's log."
    )


NEED_FUNCTIONS = ("database", "HTTP", "WebSocket", "model", "bank line")
"""Checks with nothing to look at where no functions are: that the app stack is missing is said once."""

CHECKS: dict[str, Callable[[Stage], Iterator[Finding]]] = {
    "credentials": check_credentials,
    "stacks": check_stacks,
    "database": check_database,
    "queues": check_queues,
    "table": check_table,
    "bucket": check_bucket,
    "secrets": check_secrets,
    "HTTP": check_http,
    "WebSocket": check_websocket,
    "model": check_model,
    "bank line": check_bank_line,
}
