"""Both functions in one Chalice module: whichever starts imports every library and builds all clients."""

import json
import os
from functools import cache
from typing import Any

import boto3
import psycopg
import requests
from aws_lambda_powertools import Logger, Metrics
from chalice.app import Chalice

from .design import process, receive

app = Chalice(app_name="plain")
logger = Logger(service="plain")
metrics = Metrics(namespace="Plain", service="plain")
sqs = boto3.client("sqs")
secrets = boto3.client("secretsmanager")
http = requests.Session()


def validator(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return receive(event, context, sqs, os.environ["WEBHOOK_EVENTS_QUEUE_URL"])


@cache
def connection() -> "psycopg.Connection[Any]":
    secret = json.loads(secrets.get_secret_value(SecretId="database")["SecretString"])
    return psycopg.connect(**secret)


def processor(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return process(event, context, connection())
