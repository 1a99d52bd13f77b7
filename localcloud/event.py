"""A webhook as its provider has it ready, before it is signed."""

import hashlib
import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Event:
    """``event_id`` and ``event_type`` are what Frontdesk must know it by.

    ``headers`` are those of the delivery that do not depend on the signature. ``hash_in_url`` says that the URL names
    the body's hash, as Twilio does it for what is no form. ``about`` says to people what it tells of, where that is
    something to ask for.
    """

    event_id: str
    event_type: str
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hash_in_url: bool = False
    about: str = ""

    @property
    def query(self) -> str:
        """What the provider adds to the URL: nothing, or a query with its question mark."""
        return f"?bodySHA256={hashlib.sha256(self.body).hexdigest()}" if self.hash_in_url else ""


def json_body(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def form_body(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def hash_id(body: bytes) -> str:
    """The id of an event whose provider gives it none."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def new_uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
