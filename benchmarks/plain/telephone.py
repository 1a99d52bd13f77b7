"""The codehook in a module of its own, as the source design has it: a session of HTTP and a client made at import."""

import functools
import json
import os
from typing import Any

import boto3
import requests

from .codehook import answer

ssm = boto3.client("ssm")
http = requests.Session()


@functools.cache
def get_secret(name: str) -> str:
    response = ssm.get_parameter(Name=name, WithDecryption=True)
    return str(response["Parameter"]["Value"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return answer(event, _ask)


def _ask(method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    headers = {"x-api-key": get_secret(os.environ["BANK_API_KEY_PARAMETER"])}
    response = http.request(method, os.environ["BANK_URL"] + path, data=json.dumps(body), headers=headers, timeout=5)
    response.raise_for_status()
    found: dict[str, Any] = response.json()
    return found
