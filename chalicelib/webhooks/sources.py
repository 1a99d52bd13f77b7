"""The sources: who may send webhooks, and what is known of each. This is the one place to add one.

A source's secrets lie in Secrets Manager under ``frontdesk/<stage>/webhooks/<name>`` as ``{"secrets": ["…"]}``, newest
first; all of them are accepted. Without secrets a source does not exist in that stage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from chalicelib.errors import InvalidBodyError, NotFoundError
from chalicelib.webhooks.payloads import Document, JsonObject, StandardEvent, TypedEvent, read_json
from chalicelib.webhooks.signatures import Scheme, SchemeOptions

MAX_BODY_BYTES = 700 * 1024
"""Larger bodies, a third longer in base64, would not fit the 1 MiB of an SQS message together with their envelope."""

MAX_NAME_LENGTH = 255
"""Ids and types beyond this length are taken for absent."""


class Message:
    """A body and its headers (names in lower case), read as JSON when somebody first asks, and only once."""

    def __init__(self, headers: Mapping[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    @cached_property
    def document(self) -> Document | InvalidBodyError:
        """The body as JSON, or why it is none."""
        try:
            return read_json(self.body)
        except InvalidBodyError as error:
            return error

    def field(self, name: str) -> Any:
        """A top-level field of the body, None where there is none."""
        document = self.document
        return document.value.get(name) if isinstance(document, Document) and isinstance(document.value, dict) else None


Finder: TypeAlias = Callable[[Message], Any]


def in_header(name: str) -> Finder:
    """The value of a header."""
    return lambda message: message.headers.get(name.lower())


def in_body(field: str) -> Finder:
    """The value of a top-level field of a JSON body."""
    return lambda message: message.field(field)


@dataclass(frozen=True)
class Source:
    """What Frontdesk knows of one sender.

    ``refuses_invalid`` says that the sender can correct itself, so that an invalid body is answered 400 with the
    reasons; otherwise it is accepted and parked, because a provider that never redelivers would lose it.
    """

    name: str
    scheme: Scheme
    event_id: Finder
    event_type: Finder
    shape: type[JsonObject] = JsonObject
    options: SchemeOptions | None = None
    refuses_invalid: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    kept_headers: tuple[str, ...] = ()

    def check(self, message: Message) -> Document:
        """The body as a document of the promised shape; ``InvalidBodyError`` says all that is wrong with it."""
        document = message.document
        if isinstance(document, InvalidBodyError):
            raise document
        self.shape.from_document(document.value)
        return document

    def identify(self, message: Message) -> tuple[str | None, str | None]:
        """The provider's id and the type of an event, each None when absent or not fit to be a name."""
        return _name(self.event_id(message)), _name(self.event_type(message))


def _name(value: Any) -> str | None:
    fit = isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH and value.isprintable()
    return value if fit else None


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            name="github",
            scheme="github",
            event_id=in_header("X-GitHub-Delivery"),
            event_type=in_header("X-GitHub-Event"),
            kept_headers=("X-GitHub-Hook-ID", "X-GitHub-Hook-Installation-Target-Type"),
        ),
        Source(
            name="standard-webhooks",
            scheme="standard-webhooks",
            event_id=in_header("webhook-id"),
            event_type=in_body("type"),
            shape=StandardEvent,
            refuses_invalid=True,
            kept_headers=("webhook-timestamp",),
        ),
        Source(
            name="hmac-sha256",
            scheme="hmac-sha256",
            event_id=in_body("id"),
            event_type=in_body("type"),
            shape=TypedEvent,
            options=SchemeOptions(header="X-Signature-256", prefix="sha256="),
            refuses_invalid=True,
        ),
    )
}


def find_source(name: str) -> Source:
    try:
        return SOURCES[name]
    except KeyError:
        raise NotFoundError("There is no such source.") from None
