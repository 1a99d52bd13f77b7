"""The chat's connect and disconnect in modules of their own, as the source design has them: a table, made at import."""

import os
from typing import Any

import boto3

dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["SESSIONS_TABLE"])


def disconnect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Mark a session as disconnected."""
    table.update_item(
        Key={"PK": f"SESSION#{event['session_id']}", "SK": "META"},
        UpdateExpression="SET #s = :disconnected",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":disconnected": "disconnected"},
    )
    return {"statusCode": 200}
