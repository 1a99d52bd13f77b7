"""The processor in a module of its own, which imports boto3 and psycopg and nothing it does not need."""

import json
from functools import cache
from typing import Any

import boto3
import psycopg

from .design import process

secrets = boto3.client("secretsmanager")


@cache
def connection() -> "psycopg.Connection[Any]":
    secret = json.loads(secrets.get_secret_value(SecretId="database")["SecretString"])
    return psycopg.connect(**secret)


def processor(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return process(event, context, connection())
