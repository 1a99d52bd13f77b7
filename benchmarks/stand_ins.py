"""Stand-ins for what AWS gives a function: its clients, its context and its standard output."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import TextIOWrapper
from typing import Any

from chalicelib import wiring


@dataclass
class SqsClient:
    """An SQS client that takes every message at once and keeps the last."""

    last_body: str = ""
    sent: int = 0

    def send_message(self, *, MessageBody: str, **_: Any) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        self.last_body = MessageBody
        self.sent += 1
        return {"MessageId": str(self.sent)}


@dataclass(frozen=True)
class SecretsManagerClient:
    """A Secrets Manager client that holds ``secrets``, texts by name."""

    secrets: Mapping[str, str]

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's spelling
        return {"SecretString": self.secrets[SecretId]}


class NoBucket:
    """A bucket that is never needed: no body here is too large for a message."""

    def put(self, key: str, body: bytes) -> None:
        raise AssertionError(f"{key} was not to be put into a bucket")

    def get(self, key: str) -> bytes | None:
        raise AssertionError(f"{key} was not to be fetched from a bucket")

    def delete(self, key: str) -> None:
        raise AssertionError(f"{key} was not to be deleted from a bucket")


@dataclass(frozen=True)
class LambdaContext:
    """The attributes of Lambda's context that a function looks at."""

    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "5c2f8b1e-3f3a-4c53-9d8e-0b6f1f0a7c11"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}"


@contextmanager
def discarded_output() -> Iterator[None]:
    """Send standard output to the null device, a system call for each line as on Lambda."""
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.flush()
    line_buffering = sys.stdout.line_buffering
    sys.stdout.reconfigure(line_buffering=True)
    descriptor = sys.stdout.fileno()
    kept = os.dup(descriptor)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, descriptor)
        yield
        sys.stdout.flush()
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(null)
        sys.stdout.reconfigure(line_buffering=line_buffering)


@contextmanager
def wired(**stand_ins: Any) -> Iterator[None]:
    """Let the application use ``stand_ins``, by their factories' names, in place of what wiring would build."""
    built = {name: getattr(wiring, name) for name in stand_ins}
    for name, stand_in in stand_ins.items():
        setattr(wiring, name, cache(lambda stand_in=stand_in: stand_in))
    try:
        yield
    finally:
        for name, factory in built.items():
            setattr(wiring, name, factory)
