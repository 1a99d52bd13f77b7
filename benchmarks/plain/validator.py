"""The validator in a module of its own, which imports boto3 and nothing it does not need."""

import os
from typing import Any

import boto3

from .design import receive

sqs = boto3.client("sqs")


def validator(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return receive(event, context, sqs, os.environ["WEBHOOK_EVENTS_QUEUE_URL"])
