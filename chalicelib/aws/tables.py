"""DynamoDB: items as plain dictionaries, conditions as their own kind of answer, and the classes of errors.

*Duplicate* (a condition failed) is raised as ``ConditionFailedError``, which callers expect. *Retryable* (throttled,
a fault of the service, a transaction that met another) is tried again with backoff and jitter, and raised as
``UnavailableError`` in the end. *Fatal* (a malformed request, no such table, no leave) is raised at once, as
``RefusedError``: only a new deployment mends it.

Items hold texts, whole numbers and decimals, bytes, booleans, None, lists and dictionaries; a float is refused, since
DynamoDB has no room for one.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import FrontdeskError, UnavailableError

Item: TypeAlias = dict[str, Any]
T = TypeVar("T")

BATCH = 25
"""Items of one BatchWriteItem."""

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.05

_RETRYABLE = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_RETRYABLE_REASONS = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class ConditionFailedError(FrontdeskError):
    """A write's condition did not hold, so that nothing was written.

    ``items`` has for each of the writes the item that was in the way, None where there was none or where that write's
    condition held. ``failed`` says which did not.
    """

    def __init__(self, items: Sequence[Item | None], failed: Sequence[bool]) -> None:
        super().__init__("A condition of the write does not hold.")
        self.items = items
        self.failed = failed


class RefusedError(UnavailableError):
    """The table does not take the request, now or later; the message names DynamoDB's error."""


@dataclass(frozen=True)
class Write:
    """One write, ``Put``, ``Update`` or ``Delete``, with DynamoDB's own expressions and Python's types.

    ``names`` and ``values`` are what the expressions call ``#name`` and ``:value``, without those signs.
    """

    kind: str
    key: Item
    item: Item | None = None
    update: str | None = None
    condition: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def put(item: Item, condition: str | None = "attribute_not_exists(PK)", **values: Any) -> Write:
    """Put an item where there is none, unless another condition says otherwise."""
    return Write("Put", {}, item=item, condition=condition, values=values)


def update(
    key: Item,
    expression: str,
    condition: str = "attribute_exists(PK)",
    *,
    names: Mapping[str, str] | None = None,
    **values: Any,
) -> Write:
    """Update an item that is there. ``names`` are for words that DynamoDB keeps to itself, such as ``ttl``."""
    return Write("Update", key, update=expression, condition=condition, names=names or {}, values=values)


def delete(key: Item, condition: str | None = None, **values: Any) -> Write:
    return Write("Delete", key, condition=condition, values=values)


@dataclass(frozen=True)
class Table:
    """A table, with the keys ``PK`` and ``SK`` where it is queried. ``client`` is a DynamoDB client."""

    client: Any
    name: str
    sleep: Callable[[float], None] = time.sleep
    attempts: int = ATTEMPTS

    def get(self, key: Item) -> Item | None:
        """An item as it is now, None when there is none."""
        answer = self._call(lambda: self.client.get_item(TableName=self.name, Key=marshal(key), ConsistentRead=True))
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def query(
        self,
        partition: str,
        prefix: str = "",
        *,
        first: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[Item]:
        """The items of a partition whose sort keys begin with ``prefix``, as they are now, all pages of them.

        ``first`` is the sort key to begin with; after the prefix, keys then have ASCII characters alone.
        """
        condition, values = "PK = :partition", {":partition": partition}
        if first is not None:
            condition += " AND SK BETWEEN :first AND :last"
            values |= {":first": first, ":last": prefix + "~"}
        elif prefix:
            condition += " AND begins_with(SK, :prefix)"
            values |= {":prefix": prefix}
        return list(self._query(condition, values, newest_first, limit))

    def _query(
        self, condition: str, values: Mapping[str, Any], newest_first: bool, limit: int | None
    ) -> Iterator[Item]:
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": marshal(values),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        }
        left = limit
        while left is None or left > 0:
            page = self._call(partial(self.client.query, **arguments, **({"Limit": left} if left else {})))
            yield from map(unmarshal, page["Items"])
            left = None if left is None else left - len(page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write(self, write: Write, *, returning: str | None = None) -> Item:
        """Carry out one write; ``ConditionFailedError`` when it may not be.

        Returns the item as an update left it, or as it was before another write, unless ``returning`` says otherwise.
        """
        arguments = self._arguments(write) | {
            "ReturnValues": returning or ("ALL_NEW" if write.kind == "Update" else "ALL_OLD"),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        method = {"Put": "put_item", "Update": "update_item", "Delete": "delete_item"}[write.kind]
        answer = self._call(lambda: getattr(self.client, method)(**arguments))
        return unmarshal(answer.get("Attributes", {}))

    def transact(self, *writes: Write) -> None:
        """Carry out several writes, all or none of them; ``ConditionFailedError`` when one may not be.

        A repetition after an answer that was lost is known by its token, and succeeds as the first did.
        """
        items = [
            {write.kind: self._arguments(write) | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
            for write in writes
        ]
        token = uuid4().hex
        self._call(lambda: self.client.transact_write_items(TransactItems=items, ClientRequestToken=token))

    def write_batch(self, puts: Iterable[Item] = (), deletes: Iterable[Item] = ()) -> None:
        """Write any number of items without conditions, 25 at a time; what is left unprocessed is sent again."""
        requests = [{"PutRequest": {"Item": marshal(item)}} for item in puts]
        requests += [{"DeleteRequest": {"Key": marshal(key)}} for key in deletes]
        for start in range(0, len(requests), BATCH):
            self._write_batch(requests[start : start + BATCH])

    def _write_batch(self, requests: list[dict[str, Any]]) -> None:
        for attempt in range(ATTEMPTS * 2):
            batch = {self.name: requests}
            answer = self._call(partial(self.client.batch_write_item, RequestItems=batch))
            requests = answer.get("UnprocessedItems", {}).get(self.name, [])
            if not requests:
                return
            self._pause(attempt)
        raise UnavailableError("The table leaves writes unprocessed at the moment.")

    def _arguments(self, write: Write) -> dict[str, Any]:
        arguments: dict[str, Any] = {"TableName": self.name}
        if write.item is not None:
            arguments["Item"] = marshal(write.item)
        else:
            arguments["Key"] = marshal(write.key)
        expressions = {"UpdateExpression": write.update, "ConditionExpression": write.condition}
        arguments |= {name: text for name, text in expressions.items() if text}
        if write.names:
            arguments["ExpressionAttributeNames"] = {f"#{name}": text for name, text in write.names.items()}
        if write.values:
            arguments["ExpressionAttributeValues"] = marshal(
                {f":{name}": value for name, value in write.values.items()}
            )
        return arguments

    def _call(self, call: Callable[[], T]) -> T:
        """Call DynamoDB, and again as long as that may help."""
        for attempt in range(self.attempts):
            try:
                return call()
            except ClientError as error:
                _raise_unless_retryable(error)
                last: Exception = error
            except BotoCoreError as error:
                last = error
            if attempt + 1 < self.attempts:
                self._pause(attempt)
        raise UnavailableError("The table does not answer at the moment.") from last

    def _pause(self, attempt: int) -> None:
        self.sleep(FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret


def _raise_unless_retryable(error: ClientError) -> None:
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        item = error.response.get("Item")
        raise ConditionFailedError([unmarshal(item) if item else None], [True]) from None
    if code == "TransactionCanceledException":
        _raise_cancelled(error)
    elif code not in _RETRYABLE and error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500:
        raise RefusedError(f"The table refuses: {code}.") from error


def _raise_cancelled(error: ClientError) -> None:
    reasons = error.response.get("CancellationReasons", [])
    codes = [reason.get("Code") for reason in reasons]
    if "ConditionalCheckFailed" in codes:
        items = [unmarshal(reason["Item"]) if reason.get("Item") else None for reason in reasons]
        raise ConditionFailedError(items, [code == "ConditionalCheckFailed" for code in codes]) from None
    if not _RETRYABLE_REASONS.intersection(codes):
        raise RefusedError(f"The table refuses: {', '.join(map(str, codes))}.") from error


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB's wire format has it. ``TypeError`` for a value it has no room for."""
    return {name: _marshal(value) for name, value in item.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """An item as plain Python values; numbers are whole where they can be."""
    return {name: _unmarshal(value) for name, value in item.items()}


def _marshal(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"M": marshal(value)}
    if isinstance(value, list | tuple):
        return {"L": [_marshal(element) for element in value]}
    for kind, name, convert in _KINDS:
        if isinstance(value, kind):
            return {name: convert(value)}
    raise TypeError(f"DynamoDB has no room for a {type(value).__name__}")


_KINDS: Sequence[tuple[Any, str, Callable[[Any], Any]]] = (
    (str, "S", str),
    (bool, "BOOL", bool),
    (int | Decimal, "N", str),
    (bytes, "B", bytes),
    (type(None), "NULL", lambda _: True),
)


def _unmarshal(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    match kind:
        case "NULL":
            return None
        case "N":
            number = Decimal(content)
            return int(number) if number == number.to_integral_value() else number
        case "L":
            return [_unmarshal(element) for element in content]
        case "M":
            return unmarshal(content)
    return content
