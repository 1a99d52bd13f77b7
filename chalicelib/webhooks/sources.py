"""The sources: who may send webhooks, and what is known of each. This is the one place to add one.

A source's secrets lie in Secrets Manager under ``frontdesk/<stage>/webhooks/<name>`` (``secrets.py`` has the format);
all that are active are accepted. Without secrets a source does not exist in that stage.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

from chalicelib.errors import InvalidBodyError, NotFoundError
from chalicelib.webhooks import shopify
from chalicelib.webhooks.payloads import Document, JsonObject, StandardEvent, TypedEvent, read_form, read_json
from chalicelib.webhooks.shopify import Effect, Origin
from chalicelib.webhooks.signatures import Scheme, SchemeOptions

MAX_BODY_BYTES = 4 * 1024 * 1024
"""A function is invoked with 6 MB at the most, and bodies arrive there in base64, a third longer."""

MAX_NAME_LENGTH = 255
"""Ids and types beyond this length are taken for absent."""

READ_AS_FORM = "The body was read as a form, since its content type says so."


class Message:
    """A body and its headers (names in lower case), read as a document when somebody first asks, and only once."""

    def __init__(self, headers: Mapping[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body

    @cached_property
    def document(self) -> Document | InvalidBodyError:
        """The body as JSON, or as the object that a form makes, or why it is neither."""
        try:
            return read_form(self.body) if self.is_form else read_json(self.body)
        except InvalidBodyError as error:
            return error

    @property
    def is_form(self) -> bool:
        """Whether the content type says that the body is a form."""
        media_type = self.headers.get("content-type", "").partition(";")[0]
        return media_type.strip().lower() == "application/x-www-form-urlencoded"

    def field(self, *path: str) -> Any:
        """What lies at a path of names in the document, None where there is nothing."""
        value = self.document.value if isinstance(self.document, Document) else None
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value


Finder: TypeAlias = Callable[[Message], Any]


def in_header(name: str) -> Finder:
    """The value of a header."""
    return lambda message: message.headers.get(name.lower())


def in_body(*path: str) -> Finder:
    """The value of a field of a JSON body or a form, found by the names that lead to it."""
    return lambda message: message.field(*path)


def first_of(*finders: Finder) -> Finder:
    """What the first of some finders finds that finds a name at all."""
    return lambda message: next((found for finder in finders if (found := _name(finder(message)))), None)


@dataclass(frozen=True)
class Source:
    """What Frontdesk knows of one sender.

    ``refuses_invalid`` says that the sender can correct itself, so that an invalid body is answered 400 with the
    reasons; otherwise it is accepted and parked, because a provider that never redelivers would lose it.
    ``handshake`` is how the provider makes sure of the address before it sends anything: Slack's ``url_verification``
    event, or the ``GET`` with a ``verify_token`` of Meta. ``effect`` reads from an event's origin and document what it
    changes beyond being stored. ``subjects`` says whom it is about, beside the e-mail addresses in it. ``is_busy`` says
    that it sends day and night, so that its silence is a fault: an alarm watches for that where a stage wants it.
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
    handshake: Literal["url_verification", "verify_token"] | None = None
    effect: Callable[[Origin, Any], Effect | None] | None = None
    subjects: Callable[[Origin, Any], Sequence[str]] | None = None
    is_busy: bool = False

    def check(self, message: Message) -> Document:
        """The body as a document of the promised shape; ``InvalidBodyError`` says all that is wrong with it."""
        document = message.document
        if isinstance(document, InvalidBodyError):
            raise document
        try:
            self.shape.from_document(document.value)
        except InvalidBodyError as error:
            raise InvalidBodyError([*error.reasons, *([READ_AS_FORM] if message.is_form else [])]) from None
        return document

    def identify(self, message: Message) -> tuple[str | None, str | None]:
        """The provider's id and the type of an event, each None when absent or not fit to be a name."""
        return _name(self.event_id(message)), _name(self.event_type(message))


def _name(value: Any) -> str | None:
    fit = isinstance(value, str) and 0 < len(value) <= MAX_NAME_LENGTH and value.isprintable()
    return value if fit else None


def _by_name(*sources: Source) -> Mapping[str, Source]:
    """Sources by their names, which stand in URLs and in secrets' names; ``ValueError`` for one that cannot."""
    names = [source.name for source in sources]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"there are two sources of the name {', '.join(twice)}")
    if odd := [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)]:
        raise ValueError(f"a source's name has small letters, digits and single hyphens, unlike {', '.join(odd)}")
    return dict(zip(names, sources, strict=True))


SOURCES: Mapping[str, Source] = _by_name(
    Source(
        name="github",
        scheme="github",
        event_id=in_header("X-GitHub-Delivery"),
        event_type=in_header("X-GitHub-Event"),
        kept_headers=("X-GitHub-Hook-ID", "X-GitHub-Hook-Installation-Target-Type"),
    ),
    Source(
        name="stripe",
        scheme="stripe",
        event_id=in_body("id"),
        event_type=in_body("type"),
        is_busy=True,
    ),
    Source(
        name="shopify",
        scheme="shopify",
        event_id=first_of(in_header("X-Shopify-Webhook-Id"), in_header("Shopify-Webhook-Id")),
        event_type=first_of(in_header("X-Shopify-Topic"), in_header("Shopify-Topic")),
        kept_headers=(
            "X-Shopify-Shop-Domain",
            "X-Shopify-API-Version",
            "X-Shopify-Triggered-At",
            "Shopify-Shop-Domain",
            "Shopify-API-Version",
            "Shopify-Triggered-At",
        ),
        effect=shopify.read_effect,
        subjects=shopify.read_subjects,
        is_busy=True,
    ),
    Source(
        name="slack",
        scheme="slack",
        event_id=in_body("event_id"),
        event_type=first_of(in_body("event", "type"), in_body("type"), in_body("command")),
        kept_headers=("X-Slack-Retry-Num", "X-Slack-Retry-Reason"),
        handshake="url_verification",
    ),
    Source(
        name="twilio",
        scheme="twilio",
        event_id=in_header("I-Twilio-Idempotency-Token"),
        event_type=first_of(
            in_body("EventType"), in_body("MessageStatus"), in_body("SmsStatus"), in_body("CallStatus")
        ),
    ),
    Source(
        # Meta has no id for an event: the same bytes are the same event.
        name="meta",
        scheme="meta",
        event_id=lambda _: None,
        event_type=in_body("object"),
        handshake="verify_token",
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


def find_source(name: str) -> Source:
    try:
        return SOURCES[name]
    except KeyError:
        raise NotFoundError("There is no such source.") from None
