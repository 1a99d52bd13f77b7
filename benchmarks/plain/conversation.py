"""The chat of the plain design: five calls of the table, one after the other, and the model between them.

``table`` is a boto3 table; nothing is repeated, conditional or in a transaction.
"""

import time
import zlib
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Key

TURNS = 20
LIFE_SECONDS = 86_400


def answer(
    message: dict[str, str],
    table: Any,
    model: Callable[[list[dict[str, str]]], Iterable[str]],
    send: Callable[[str], None],
) -> None:
    """Answer a message: load turns and summary, store the question, send the answer while it comes, store it."""
    partition = f"SESSION#{message['session_id']}"
    turns = table.query(
        KeyConditionExpression=Key("PK").eq(partition) & Key("SK").begins_with("TURN#"),
        ScanIndexForward=False,
        Limit=TURNS,
    )["Items"]
    summaries = table.query(
        KeyConditionExpression=Key("PK").eq(partition) & Key("SK").begins_with("SUMMARY#"),
        ScanIndexForward=False,
        Limit=1,
    )["Items"]
    table.put_item(Item=turn_item(partition, "user", message["content"]))
    said = [{"role": "system", "content": _text(item)} for item in summaries]
    said += [{"role": item["role"], "content": _text(item)} for item in reversed(turns)]
    words = []
    for text in model([*said, {"role": "user", "content": message["content"]}]):
        send(text)
        words.append(text)
    table.put_item(Item=turn_item(partition, "assistant", "".join(words)))
    table.update_item(
        Key={"PK": partition, "SK": "META"},
        UpdateExpression="SET updated_at = :now, #ttl = :ttl ADD turn_count :two",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues={":now": int(time.time()), ":ttl": int(time.time()) + LIFE_SECONDS, ":two": 2},
    )


def make_session(table: Any, session_id: str, contents: list[str], summary: str) -> None:
    """A session as it is after some turns."""
    partition = f"SESSION#{session_id}"
    table.put_item(Item={"PK": partition, "SK": "META", "status": "active", "turn_count": len(contents)})
    for number, content in enumerate(contents):
        table.put_item(Item=turn_item(partition, "assistant" if number % 2 else "user", content))
    if summary:
        item = turn_item(partition, "system", summary) | {"SK": f"SUMMARY#{len(contents):06}"}
        table.put_item(Item=item)


def turn_item(partition: str, role: str, content: str) -> dict[str, Any]:
    """A turn as the plain design keeps it."""
    now = time.time()
    return {
        "PK": partition,
        "SK": f"TURN#{now:.6f}",
        "role": role,
        "content": zlib.compress(content.encode()),
        "token_count": Decimal(len(content)) / 4,
        "timestamp": int(now),
        "ttl": int(now) + LIFE_SECONDS,
    }


def _text(item: dict[str, Any]) -> str:
    return zlib.decompress(item["content"].value).decode()
