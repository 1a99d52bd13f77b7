"""Bodies: read as JSON or as a form, and checked against the shape their source promises.

The raw bytes stay the truth; what is read here is a convenience beside them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NoReturn, Self
from urllib.parse import parse_qsl

from chalicelib.errors import InvalidBodyError

MAX_FORM_FIELDS = 10_000

_SUSPICIOUS_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_LONG_EXPONENT = re.compile(r"[eE][+-]?\d{4}")


@dataclass(frozen=True)
class Document:
    """What fits a ``jsonb`` column: the value, and its text, which for a JSON body is the body's own."""

    value: Any
    text: str


def read_json(body: bytes) -> Document:
    """Read a body as JSON that PostgreSQL can keep as ``jsonb``, or raise ``InvalidBodyError``.

    Beyond what is no JSON at all, ``jsonb`` has no room for U+0000 and for lone surrogates; and it writes 1e70000 with
    all its digits, so that seven bytes become seventy thousand whenever they are read. A repeated key counts with its
    last value, there and here.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidBodyError([f"The body is not UTF-8: byte {error.start} cannot be decoded."]) from None
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_read_float)
    except RecursionError:
        raise InvalidBodyError(["The body is nested too deeply."]) from None
    except json.JSONDecodeError as error:
        raise InvalidBodyError([f"The body is not JSON: {error.msg} at character {error.pos}."]) from None
    except ValueError as error:
        raise InvalidBodyError([f"The body is not usable JSON: {error}."]) from None
    if "\\u" in text and _SUSPICIOUS_ESCAPE.search(text) and not all(map(_fits_jsonb, texts(value))):
        raise InvalidBodyError(["A text in the body holds U+0000 or a lone surrogate, which jsonb cannot keep."])
    return Document(value, text)


def read_form(body: bytes) -> Document:
    """Read an ``application/x-www-form-urlencoded`` body as an object, or raise ``InvalidBodyError``.

    A name that stands there several times has the list of its values. A form whose only field is ``payload`` is read
    as the JSON in it: so do GitHub (a hook's content type) and Slack (interactivity) wrap their events.
    """
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)
    except UnicodeDecodeError:
        raise InvalidBodyError(["The form is not UTF-8."]) from None
    except ValueError:
        raise InvalidBodyError([f"The form has more than {MAX_FORM_FIELDS} fields."]) from None
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields[name] = value if name not in fields else [*_listed(fields[name]), value]
    if fields.keys() == {"payload"} and isinstance(fields["payload"], str):
        return read_json(fields["payload"].encode())
    return read_json(json.dumps(fields).encode())


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _read_float(number: str) -> float:
    if _LONG_EXPONENT.search(number):
        raise ValueError("a number has an exponent of more than three digits")
    return float(number)


def _fits_jsonb(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def texts(value: Any) -> Iterator[str]:
    """All texts of a document, keys too; without recursion, since the document may be as deep as the reader allows."""
    pending = [value]
    while pending:
        match pending.pop():
            case str(text):
                yield text
            case dict(members):
                yield from members
                pending.extend(members.values())
            case list(elements):
                pending.extend(elements)


@dataclass(frozen=True)
class JsonObject:
    """The least a source can promise: a JSON object."""

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Check a JSON value against this shape; ``InvalidBodyError`` has one reason for each fault."""
        if not isinstance(document, dict):
            raise InvalidBodyError(["The body must be a JSON object."])
        return cls(**{field.name: document.get(field.name) for field in fields(cls)})

    def __post_init__(self) -> None:
        if reasons := list(self.faults()):
            raise InvalidBodyError(reasons)

    def faults(self) -> Iterator[str]:
        """One sentence for each thing that is wrong with the fields."""
        yield from ()


@dataclass(frozen=True)
class TypedEvent(JsonObject):
    """An event that names its type, the least a sender of one's own should write."""

    type: str

    def faults(self) -> Iterator[str]:
        if not (isinstance(self.type, str) and 0 < len(self.type) <= 255 and self.type.isprintable()):
            yield "`type` must be a text of 1 to 255 printable characters."


@dataclass(frozen=True)
class StandardEvent(TypedEvent):
    """The payload that the Standard Webhooks specification recommends."""

    timestamp: str
    data: Any

    def faults(self) -> Iterator[str]:
        yield from super().faults()
        if not (isinstance(self.timestamp, str) and _ISO_8601.fullmatch(self.timestamp)):
            yield "`timestamp` must be an ISO 8601 time such as 2026-01-31T12:00:00Z."
        if not isinstance(self.data, dict):
            yield "`data` must be an object."


_ISO_8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)", re.ASCII)
