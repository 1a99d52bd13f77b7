"""Timeline: the phases of a cold and of a warm message in the chat, beside those the source design states.

Fresh processes run one after the other, in turns. Each says when its interpreter was there, what the handler's module
and its clients took, and then its first message and several more. AWS is a stand-in on this machine that answers at
once, so that what remains is the design's own: neither the network nor the model's time is in it.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import click

from benchmarks.fresh import run
from benchmarks.instant_aws import CONNECTION, PLAIN_TABLE, QUESTION, SESSION, instant_aws
from benchmarks.packages import Packages
from benchmarks.report import Row, Section

_WARM = 10

_FRAME = {
    "requestContext": {
        "connectionId": CONNECTION,
        "routeKey": "$default",
        "eventType": "MESSAGE",
        "stage": "api",
        "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "apiId": "abcdefghij",
    },
    "body": json.dumps({"action": "message", "message_id": "m-21", "session_id": SESSION, "content": QUESTION}),
    "isBase64Encoded": False,
}
_PLAIN_FRAME = _FRAME | {"body": json.dumps({"session_id": SESSION, "content": QUESTION})}
_QUEUED = {
    "Records": [
        {
            "messageId": "1",
            "receiptHandle": "1",
            "body": SESSION,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1"},
        }
    ]
}

_PROGRAM = """
{imports}
imported = time.time()
{build}
built = time.time()
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "frontdesk-dev-chat", 512, "1"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:frontdesk-dev-chat"
event, taken = {event!r}, []
for _ in range({count}):
    before = time.time()
    answer = {call}
    taken.append(time.time() - before)
    assert answer == {expected!r}, answer
report([began, imported - began, built - imported, *taken])
"""

_PROGRAMS = {
    "acknowledged": {
        "imports": "import app",
        "build": "from chalicelib import wiring; wiring.reception()",
        "event": _FRAME,
        "call": "app.websocket_message(event, Context())",
        "expected": {"statusCode": 200},
    },
    "answered": {
        "imports": "import app",
        "build": "from chalicelib import wiring; wiring.session_queue()",
        "event": _QUEUED,
        "call": "app.answer_messages(event, Context())",
        "expected": {"batchItemFailures": []},
    },
    "plain": {
        "imports": "import boto3; from botocore.config import Config",
        "build": "from plain import message",
        "event": _PLAIN_FRAME,
        "call": "message.handler(event, Context())",
        "expected": {"statusCode": 200},
    },
}

_PHASES = ("interpreter starts", "imports", "clients", "first message", "warm message")
_STATED = (300, 200, 50, 845, 825)
"""Of the source design's timeline; its messages hold 35 and 25 ms of its own and 800 ms of the model."""


def measure(packages: Packages, *, quick: bool) -> Section:
    """Milliseconds of each phase: until the ack, until the answer is stored, and the plain design's only function."""
    rounds = 1 if quick else 15
    frontdesk = (packages.application, packages.layer, packages.runtime)
    plain = (packages.plain, packages.runtime)
    taken: dict[str, list[Sequence[float]]] = {name: [] for name in _PROGRAMS}
    with (
        instant_aws() as url,
        click.progressbar(range(-(rounds > 1), rounds), label="timeline", file=sys.stderr) as turns,
    ):
        for turn in turns:
            for name, program in _PROGRAMS.items():
                phases = _run(plain if name == "plain" else frontdesk, name, program, url)
                if turn >= 0:  # the round before fills the page cache
                    taken[name].append(phases)
    medians = {name: [median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}
    return Section("timeline of a chat message", [*_rows("acknowledged", medians), *_rows("answered", medians)], _NOTES)


_NOTES = (
    "Median of fresh processes in turns; AWS is a stand-in on this machine that answers at once, without TLS.",
    "Acknowledged: websocket_message, from the frame to its ack. Answered: answer_messages, from the queue to the",
    "stored answer. Plain: one function for both, in the source design's style, without bytecode.",
    "Imports are boto3's for the plain design, whose modules make their clients as they are imported; for Frontdesk",
    "they are app.py's, and botocore comes with the first client. So take imports and clients together.",
    "Stated: what the source design says of its own on Lambda, in its cold and its warm timeline; not measured here.",
    "Its messages hold 800 ms of the model and 35 or 25 ms of its own; those measured here have an instant model.",
    "So compare Frontdesk with plain, and the phases before the first message with what is stated.",
)


def _rows(what: str, medians: Mapping[str, Sequence[float]]) -> Sequence[Row]:
    ours, theirs = medians[what], medians["plain"]
    phases = [
        Row(f"{what}: {phase}", "ms", ours[index], theirs[index], stated=_STATED[index])
        for index, phase in enumerate(_PHASES)
    ]
    cold = Row(f"{what}: cold, in all", "ms", sum(ours[:4]), sum(theirs[:4]), stated=sum(_STATED[:4]))
    return [*phases, cold]


def _run(path: tuple[Path, ...], name: str, program: Mapping[str, object], url: str) -> Sequence[float]:
    """Milliseconds of each phase."""
    table = PLAIN_TABLE if name == "plain" else "frontdesk-dev-sessions"
    environment = {
        "AWS_ENDPOINT_URL": url,
        "CONNECTIONS_URL": url,
        "MODEL_ENDPOINT_URL": url,
        "SESSIONS_TABLE": table,
        "CHAT_MESSAGES_QUEUE_URL": f"{url}/123456789012/chat-messages.fifo",
    }
    ran = run(path, _PROGRAM.format(count=_WARM + 1, **program), environment)
    began, imports, clients, first, *warm = ran.reported
    seconds = (began - ran.started, imports, clients, first, median(warm))
    return [1_000 * value for value in seconds]
