"""Requests as they arrive, signed by ``localcloud.signing``: each a whole that a test changes where it likes."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.webhooks.signatures import SchemeOptions, verify
from localcloud.samples import Event, make_event, sign
from tests.builders import NOW

ADDRESS = "https://shop.example.com/webhooks/here"
PREFIXED = SchemeOptions(header="X-Signature-256", prefix="sha256=")
SECRETS = {
    "github": "It's a Secret to Everybody",
    "hmac-sha256": "correct horse battery staple",
    "meta": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "shopify": "shpss_0123456789abcdef",
    "slack": "8f742231b10e8888abcd99yyyzzz85a5",
    "standard-webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "stripe": "whsec_Vb3xLq81TzNc0RkY",
    "twilio": "12345",
}
"""A secret for each scheme."""

SCHEMES = tuple(SECRETS)
"""Each is tried with the samples of the source that has its name. Sources of other names need no samples."""

_SIGNING_HEADERS = re.compile(r"signature|hmac|timestamp$|^webhook-id$", re.IGNORECASE)


@dataclass(frozen=True)
class SignedRequest:
    """``url`` is the public one that was called."""

    scheme: str
    body: bytes
    headers: dict[str, str]
    url: str | None = ADDRESS

    def verify(self, *secrets: str, now: float = NOW) -> None:
        """With the scheme's own secret where none is given."""
        self.verify_with(secrets or [SECRETS[self.scheme]], now)

    def verify_with(self, secrets: Sequence[str], now: float = NOW) -> None:
        options = PREFIXED if self.scheme == "hmac-sha256" else None
        verify(
            self.scheme, body=self.body, headers=self.headers, secrets=secrets, now=now, url=self.url, options=options
        )

    def with_header(self, name: str, value: str) -> "SignedRequest":
        return replace(self, headers=self.headers | {name: value})

    def without_header(self, name: str) -> "SignedRequest":
        return replace(self, headers={key: value for key, value in self.headers.items() if key != name})

    def signing_headers(self) -> list[str]:
        """The headers that prove the sender: the signature, and what is signed beside the body."""
        return [name for name in self.headers if _SIGNING_HEADERS.search(name)]


def sign_event(scheme: str, event: Event, *, now: float = NOW, address: str = ADDRESS) -> SignedRequest:
    headers = dict(sign(scheme, event, SECRETS[scheme], now, address))
    return SignedRequest(scheme, event.body, headers, address + event.query)


def sign_sample(scheme: str, body: bytes | None = None, *, now: float = NOW) -> SignedRequest:
    return sign_event(scheme, make_event(scheme, random.Random(7), body=body), now=now)


def sign_form(body: bytes, *, address: str = ADDRESS) -> SignedRequest:
    """A form of Twilio's."""
    return sign_event("twilio", Event("token", "form", body), address=address)


def sign_few_bytes(scheme: str) -> SignedRequest:
    """A request so short that a test can try every bit of it, of the kind that the provider sends most."""
    return sign_form(b"To=5&Digits=12") if scheme == "twilio" else sign_sample(scheme, b'{"a":1}')
