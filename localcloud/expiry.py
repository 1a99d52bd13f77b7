"""Expired items of MiniStack's DynamoDB.

MiniStack deletes them once a minute, without a stream record. Here it happens every two seconds, with the record that
DynamoDB writes: a REMOVE by the service itself. A patch like those of ``localcloud.patches``.
"""

import contextvars
import threading
import time
from typing import Any

EXPIRE_EVERY_SECONDS = 2.0

_OLDEST = 5 * 365 * 86_400
"""What expired longer ago than this, in seconds, DynamoDB leaves alone."""

_expiring = contextvars.ContextVar("expiring", default=False)


def record_expired_items() -> None:
    """Replace MiniStack's own sweep."""
    _hide_from_own_sweep()
    _tell_who_removed()
    threading.Thread(target=_sweep, daemon=True, name="expire").start()


def _hide_from_own_sweep() -> None:
    from ministack.core.responses import AccountRegionScopedDict
    from ministack.services import dynamodb

    class Hidden(AccountRegionScopedDict):  # type: ignore[misc]
        """Settings of which MiniStack's own sweep finds none."""

        __slots__ = ()

        def all_items(self) -> list[Any]:
            return []

    dynamodb._ttl_settings.__class__ = Hidden


def _tell_who_removed() -> None:
    from ministack.services import dynamodb

    build = dynamodb._build_change_record

    def build_with_identity(*change: Any, **options: Any) -> dict[str, Any]:
        record: dict[str, Any] = build(*change, **options)
        if _expiring.get():
            record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
        return record

    dynamodb._build_change_record = build_with_identity


def _sweep() -> None:
    from ministack import app

    while True:
        time.sleep(EXPIRE_EVERY_SECONDS)
        if app._MAIN_LOOP is not None:
            # Where requests are handled, so that no item changes between the look and the deletion.
            app._MAIN_LOOP.call_soon_threadsafe(_expire_everywhere)


def _expire_everywhere() -> None:
    from ministack.core.responses import AccountRegionScopedDict, _request_account_id, _request_region
    from ministack.services import dynamodb

    _expiring.set(True)
    for (account, region, table_name), setting in AccountRegionScopedDict.all_items(dynamodb._ttl_settings):
        if setting.get("TimeToLiveStatus") == "ENABLED":
            _request_account_id.set(account)
            _request_region.set(region)
            _expire(table_name, setting["AttributeName"])


def _expire(table_name: str, attribute: str) -> None:
    from ministack.services import dynamodb

    table = dynamodb._tables.get(table_name) or {"items": {}}
    for partition, items in list(table["items"].items()):
        for key, item in list(items.items()):
            if _is_past(item.get(attribute)):
                dynamodb._remove_item(table, partition, key)
                dynamodb._emit_stream_event(table_name, "REMOVE", item, None)


def _is_past(attribute: dict[str, Any] | None) -> bool:
    """Whether a TTL attribute, a number of seconds since the epoch, is past."""
    try:
        return time.time() - _OLDEST < float((attribute or {}).get("N", "inf")) <= time.time()
    except ValueError:
        return False
