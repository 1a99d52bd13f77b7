"""Verification: what was sent against what is there. It can only find; what it finds is the run's failure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from soak.deliveries import Delivery, Fate, Key, Webhook, by_event
from soak.model import Order, fold_orders


@dataclass(frozen=True)
class Stored:
    """A row of ``webhook_events``. ``body_hash`` is computed from the body, ``sha256`` is what the row says of it."""

    source: str
    external_id: str
    state: str
    reason: str | None
    sha256: str
    body_hash: str

    @property
    def key(self) -> Key:
        return self.source, self.external_id


@dataclass(frozen=True)
class Found:
    """What is there after a run. ``rebuilt`` are the orders projected anew, ``dead`` the dead letters' names."""

    rows: Sequence[Stored]
    conflicts: Sequence[tuple[str, str, str]]
    orders: Mapping[str, Order]
    rebuilt: Mapping[str, Order]
    dead: Sequence[str]


@dataclass(frozen=True)
class Check:
    """One thing that must not be: what was found of it, and how many were looked at."""

    name: str
    faults: Sequence[str]
    examined: int

    def line(self) -> str:
        return f"{len(self.faults):,} {self.name}, of {self.examined:,}"


def verify(deliveries: Sequence[Delivery], dead: Collection[str], found: Found) -> list[Check]:
    """Compare what was acknowledged with what was found; ``dead`` are the names of what must be dead-lettered."""
    expected = {
        key: variants
        for key, variants in by_event(deliveries).items()
        if all(delivery.fate is not Fate.DEAD for delivery in variants.values())
    }
    rows = {row.key: row for row in found.rows}
    orders = fold_orders(_that_tell_of_orders(expected, rows))
    return [
        Check("events lost", _names(expected.keys() - rows.keys()), len(expected)),
        Check("events doubled", _repeated(row.key for row in found.rows), len(found.rows)),
        Check("events that nobody sent", _names(rows.keys() - expected.keys()), len(rows)),
        Check("bodies altered", list(_altered(expected, rows)), len(rows)),
        Check("events in the wrong state", list(_misjudged(expected, rows)), len(rows)),
        _check_conflicts(expected, rows, found.conflicts),
        _check_dead(dead, found.dead),
        Check("orders that differ from the model", differences(orders, found.orders), len(orders)),
        Check("orders that a rebuild makes otherwise", differences(orders, found.rebuilt), len(orders)),
    ]


def differences(expected: Mapping[str, Order], found: Mapping[str, Order]) -> list[str]:
    """What is wrong with a table of orders, a line for each order."""
    faults = [f"order {order_id} is missing" for order_id in sorted(expected.keys() - found.keys())]
    faults += [f"order {order_id} is too many" for order_id in sorted(found.keys() - expected.keys())]
    for order_id in sorted(expected.keys() & found.keys()):
        wanted, there = expected[order_id], found[order_id]
        columns = [name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)]
        if columns:
            told = "; ".join(f"{name} is {there.get(name)!r}, not {wanted.get(name)!r}" for name in sorted(columns))
            faults.append(f"order {order_id}: {told}")
    return faults


def _that_tell_of_orders(
    expected: Mapping[Key, Mapping[str, Delivery]], rows: Mapping[Key, Stored]
) -> Iterable[Webhook]:
    """The events of orders, with the bytes that stayed; which of conflicting ones those are, the run decides."""
    for key, variants in expected.items():
        stayed = variants.get(rows[key].sha256) if key in rows else next(iter(variants.values()))
        if stayed and stayed.webhook and stayed.fate is Fate.STORED and stayed.webhook.source == "shopify":
            yield stayed.webhook


def _altered(expected: Mapping[Key, Mapping[str, Delivery]], rows: Mapping[Key, Stored]) -> Iterable[str]:
    for key, row in rows.items():
        if key in expected and not (row.sha256 == row.body_hash and row.sha256 in expected[key]):
            yield f"{_name(key)} has a body that was not sent"


def _misjudged(expected: Mapping[Key, Mapping[str, Delivery]], rows: Mapping[Key, Stored]) -> Iterable[str]:
    for key, row in rows.items():
        sent = expected.get(key, {}).get(row.sha256)
        if sent and (row.state != sent.fate or not (row.reason or "").startswith(sent.reason)):
            yield f"{_name(key)} ({sent.kind}) is {row.state}, because: {row.reason}"


def _check_conflicts(
    expected: Mapping[Key, Mapping[str, Delivery]],
    rows: Mapping[Key, Stored],
    found: Sequence[tuple[str, str, str]],
) -> Check:
    wanted = {(*key, sha) for key, variants in expected.items() if key in rows for sha in variants} - {
        (*key, row.sha256) for key, row in rows.items()
    }
    there = {(source, external_id, sha) for source, external_id, sha in found}
    faults = [f"not noted: {' '.join(conflict)}" for conflict in sorted(wanted - there)]
    faults += [f"noted without reason: {' '.join(conflict)}" for conflict in sorted(there - wanted)]
    return Check("conflicts wrong", faults, len(wanted))


def _check_dead(wanted: Collection[str], found: Sequence[str]) -> Check:
    faults = [f"not dead-lettered: {name}" for name in sorted(set(wanted) - set(found))]
    faults += [f"dead-lettered: {name}" for name in sorted(set(found) - set(wanted))]
    faults += [f"dead-lettered twice: {name}" for name in _repeated((name,) for name in found)]
    return Check("dead letters wrong", faults, len(wanted))


def _repeated(keys: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted(f"{_name(key)}, {count} times" for key, count in Counter(keys).items() if count > 1)


def _names(keys: Iterable[Key]) -> list[str]:
    return sorted(map(_name, keys))


def _name(key: Iterable[str]) -> str:
    return " ".join(key)
