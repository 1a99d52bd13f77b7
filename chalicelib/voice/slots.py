"""Slots as Lex V2 fills them: scalars, lists and composites, original and interpreted values.

https://docs.aws.amazon.com/lexv2/latest/dg/lambda-common-structures.html has the shapes. Whatever an event brings is
read; what is no slot is an unfilled one. Values never appear in a slot's ``repr``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

MAX_TEXT = 1024
"""Longer values are cut; Lex's own texts end there."""

MAX_DEPTH = 2
MAX_ELEMENTS = 20
"""What is nested deeper, or longer, is no slot that anybody filled."""

MAX_SLOT_BYTES = 2048
"""No slot of ours is that large; a larger one does not go back, so that a response stays within its 25 KB."""


@dataclass(frozen=True)
class Slot:
    """A filled slot. ``shape`` is ``Scalar``, ``List`` (``values``) or ``Composite`` (``sub_slots``)."""

    shape: str = "Scalar"
    interpreted: str = field(default="", repr=False)
    original: str = field(default="", repr=False)
    resolved: tuple[str, ...] = field(default=(), repr=False)
    values: tuple["Slot", ...] = field(default=(), repr=False)
    sub_slots: Mapping[str, "Slot | None"] = field(default_factory=dict, repr=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """All that the slot may mean, the best first: interpreted, resolved, original. Of a list, its first element."""
        return self.own_texts or (self.values[0].texts if self.values else ())

    @property
    def own_texts(self) -> tuple[str, ...]:
        """The same without a list's elements."""
        return tuple(text for text in (self.interpreted, *self.resolved, self.original) if text.strip())

    @property
    def is_filled(self) -> bool:
        return bool(self.texts) or any(slot is not None and slot.is_filled for slot in self.sub_slots.values())


Slots: TypeAlias = Mapping[str, Slot | None]


def scalar(text: str) -> Slot:
    """A slot as if it had been filled with ``text``."""
    return Slot(interpreted=text, original=text)


def read_slots(raw: Any, depth: int = 0) -> dict[str, Slot | None]:
    """The slots of an event's intent; an unfilled one is None."""
    if not isinstance(raw, Mapping):
        return {}
    names = [name for name in raw if isinstance(name, str) and 0 < len(name) <= 100 and well_formed(name) == name]
    return {name: _read(raw[name], depth) for name in names[:MAX_ELEMENTS]}


def _read(raw: Any, depth: int) -> Slot | None:
    if not isinstance(raw, Mapping) or depth > MAX_DEPTH:
        return None
    value = raw.get("value")
    value = value if isinstance(value, Mapping) else {}
    values = tuple(slot for element in _list(raw.get("values")) if (slot := _read(element, depth + 1)))
    sub_slots = read_slots(raw.get("subSlots"), depth + 1)
    slot = Slot(
        "Composite" if sub_slots else "List" if values else "Scalar",
        _text(value.get("interpretedValue")),
        _text(value.get("originalValue")),
        tuple(text for one in _list(value.get("resolvedValues")) if (text := _text(one))),
        values,
        sub_slots,
    )
    return slot if slot.is_filled else None


def _list(raw: Any) -> Sequence[Any]:
    return raw[:MAX_ELEMENTS] if isinstance(raw, list) else ()


def _text(raw: Any) -> str:
    """A text, also of the plain numbers that some senders write."""
    if isinstance(raw, int) and not isinstance(raw, bool) and abs(raw) < 10**18:
        return str(raw)
    return well_formed(raw[:MAX_TEXT]) if isinstance(raw, str) else ""


def well_formed(text: str) -> str:
    """A text that can be sent: half a surrogate pair, which JSON may escape and UTF-8 cannot write, becomes ``?``."""
    return text.encode("utf-8", "replace").decode()


def to_lex(slot: Slot | None) -> dict[str, Any] | None:
    """A slot as a response holds it, None for an unfilled one."""
    raw = _to_lex(slot) if slot else None
    return raw if raw and len(json.dumps(raw)) <= MAX_SLOT_BYTES else None


def _to_lex(slot: Slot) -> dict[str, Any]:
    answer: dict[str, Any] = {"shape": slot.shape}
    if texts := slot.own_texts:
        answer["value"] = {
            "originalValue": slot.original or texts[0],
            "interpretedValue": texts[0],
            "resolvedValues": [text for text in slot.resolved if text.strip()],
        }
    if slot.values:
        answer["values"] = [_to_lex(element) for element in slot.values]
    if slot.sub_slots:
        answer["subSlots"] = {name: _to_lex(one) for name, one in slot.sub_slots.items() if one}
    return answer


def digits(slot: Slot | None) -> str | None:
    """The digits that were said or keyed in, without what separates them; None when there is anything else."""
    for text in slot.texts if slot else ():
        joined = re.sub(r"[\s.\-#*]", "", text)
        if joined.isascii() and joined.isdecimal():
            return joined
    return None


def amount(slot: Slot | None) -> Decimal | None:
    """A positive decimal such as ``250``, ``1,204.50`` or ``$12.3``; None when it is none.

    The best of the slot's texts counts alone: where Lex understood something else, another would be a guess at money.
    """
    for text in slot.texts[:1] if slot else ():
        match = re.fullmatch(r"\$?\s*(\d{1,12}|\d{1,3}(?:,\d{3}){1,3})(\.\d{1,12})?", text.strip(), re.ASCII)
        if match:
            return Decimal(match[1].replace(",", "") + (match[2] or ""))
    return None


def choice(slot: Slot | None, values: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> str | None:
    """The one of ``values`` that is meant: by itself, by a synonym, or by its number on the keypad, from 1."""
    for text in slot.texts if slot else ():
        said = text.strip().casefold()
        if said in values:
            return said
        if said.isascii() and said.isdecimal() and len(said) == 1 and 0 < int(said) <= len(values):
            return values[int(said) - 1]
        for value in values:
            if said in (synonym.casefold() for synonym in synonyms.get(value, ())):
                return value
    return None
