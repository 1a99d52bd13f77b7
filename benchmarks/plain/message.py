"""The chat's message handler in a module of its own, as the source design has it: table and model made at import.

The client of the sockets is made at the first message, since the event says where they are.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config

from .conversation import answer

config = Config(retries={"max_attempts": 3, "mode": "adaptive"}, read_timeout=30, connect_timeout=5)
dynamodb = boto3.resource("dynamodb", config=config)
table = dynamodb.Table(os.environ["SESSIONS_TABLE"])
bedrock = boto3.client("bedrock-runtime", config=config)

sockets: Any = None


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one message, all in one invocation."""
    global sockets  # noqa: PLW0603 - so it is in the source design
    connection_id = event["requestContext"]["connectionId"]
    if sockets is None:
        sockets = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS_URL"])
    message = json.loads(event["body"])

    def send(text: str) -> None:
        sockets.post_to_connection(ConnectionId=connection_id, Data=json.dumps({"content": text}).encode())

    answer(message, table, _ask, send)
    return {"statusCode": 200}


def _ask(messages: list[dict[str, str]]) -> Iterator[str]:
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, "messages": messages})
    response = bedrock.invoke_model(modelId=os.environ["MODEL_ID"], contentType="application/json", body=body)
    yield json.loads(response["body"].read())["content"][0]["text"]
