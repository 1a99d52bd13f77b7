"""Worker processes: each runs the application's own function on one batch after the other, until it is killed.

What a killed one was working on stays hidden in the queue for a while and comes back, as on Lambda.
"""

import contextlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from soak.deliveries import Delivery
from soak.queue import Message, Queue

BATCH = 10

_PAUSE_AFTER_FAILURE = 0.05
"""Seconds for which a worker that could store nothing waits, as Lambda's pollers slow down for a failing function."""

_IDLE = 0.01


@dataclass
class Worker:
    """A process and the end of a pipe to it; both are replaced when it is started again."""

    process: BaseProcess | None = None
    pipe: "Connection[Any, Any] | None" = None

    def start(self, secret: Mapping[str, Any], log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, dict(secret), log), daemon=True)
        self.process.start()
        theirs.close()

    def kill(self) -> int | None:
        """End it with SIGKILL; returns its process id."""
        assert self.process is not None
        self.process.kill()
        self.process.join()
        return self.process.pid

    def process_batch(self, batch: Sequence[Message[Delivery]]) -> set[str] | None:
        """Ids of the messages that come back, None when the process died."""
        assert self.pipe is not None
        now = datetime.now(UTC)
        records = [_record(message, message.content.to_message(now), now) for message in batch]
        try:
            self.pipe.send({"Records": records})
            return set(self.pipe.recv())
        except (EOFError, OSError):
            return None


@dataclass
class Pool:
    """Feeds several workers from a queue. ``secret`` is the database's, as Secrets Manager would have it."""

    queue: Queue[Delivery]
    secret: Mapping[str, Any]
    log: Path
    size: int
    workers: list[Worker] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self.workers = [Worker() for _ in range(self.size)]
        for worker in self.workers:
            worker.start(self.secret, self.log)
        self._threads = [threading.Thread(target=self._feed, args=[worker]) for worker in self.workers]
        for thread in self._threads:
            thread.start()

    def restart(self, worker: Worker) -> None:
        worker.start(self.secret, self.log)

    def stop(self) -> None:
        self._stopping.set()
        for worker in self.workers:
            worker.kill()
        for thread in self._threads:
            thread.join()

    def _feed(self, worker: Worker) -> None:
        while not self._stopping.is_set():
            alive = worker.process is not None and worker.process.is_alive()
            batch = self.queue.receive(BATCH) if alive else []
            failed = worker.process_batch(batch) if batch else None
            if failed is None:
                time.sleep(_IDLE)
                continue
            for message in batch:
                if message.message_id not in failed:
                    self.queue.delete(message.message_id)
            if len(failed) == len(batch):
                time.sleep(_PAUSE_AFTER_FAILURE)


def serve(pipe: "Connection[Any, Any]", secret: dict[str, Any], log: Path) -> None:
    """The worker's whole life: batches in, ids of failed messages out; its logs and metrics are added to ``log``."""
    import app
    from benchmarks.stand_ins import LambdaContext, NoBucket, SecretsManagerClient, wired
    from chalicelib.aws.secrets import SecretCache, read_secret
    from chalicelib.webhooks.credentials import SecretCredentials
    from chalicelib.webhooks.database import Database
    from chalicelib.webhooks.event_store import EventStore
    from chalicelib.webhooks.processing import Processor

    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), stream.fileno())
    client = SecretsManagerClient({"database": json.dumps(secret)})
    database = Database(SecretCredentials(SecretCache(partial(read_secret, client), time.monotonic), "database"))
    context = LambdaContext("frontdesk-soak-process_webhooks")
    with wired(processor=Processor(EventStore(database), NoBucket(), time.time)), contextlib.suppress(EOFError):
        while True:
            answer = app.process_webhooks(pipe.recv(), context)
            pipe.send([failure["itemIdentifier"] for failure in answer["batchItemFailures"]])


def _record(message: Message[Delivery], body: str, now: datetime) -> dict[str, Any]:
    return {
        "messageId": message.message_id,
        "receiptHandle": f"{message.message_id}-{message.receives}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(now.timestamp() * 1000)),
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:webhook-events",
        "awsRegion": "us-east-1",
    }
