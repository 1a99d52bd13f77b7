"""Signature schemes: does this request come from who holds the secret?

``verify`` is pure. A request that does not prove its sender raises ``SignatureError``, and nothing else is raised
whatever the bytes: everything here runs on input from strangers. Signatures are compared in constant time, in the
very form the sender wrote, so that no second spelling of a valid signature passes.

Sources: GitHub, "Validating webhook deliveries"; the Standard Webhooks specification, v1.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from chalicelib.errors import SignatureError

__all__ = ["MismatchError", "Scheme", "SchemeOptions", "SignatureError", "verify"]

TOLERANCE_SECONDS = 300
"""How far a signed timestamp may lie from now, before or after (Standard Webhooks, Stripe and Slack agree)."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


Scheme: TypeAlias = Literal["github", "hmac-sha256", "standard-webhooks"]


class MismatchError(SignatureError):
    """The request is well-formed, recent, and signed by none of the secrets: perhaps by one that is newer."""


@dataclass(frozen=True)
class SchemeOptions:
    """Where the scheme ``hmac-sha256`` finds its signature and how it is written."""

    header: str = "X-Signature-256"
    prefix: str = ""
    encoding: Literal["hex", "base64"] = "hex"


@dataclass(frozen=True)
class _Signed:
    """What a scheme looks at. Secrets are never empty: an empty key would make every forgery valid."""

    body: bytes
    headers: Mapping[str, str]
    secrets: Sequence[str]
    now: float
    url: str | None
    options: SchemeOptions

    def header(self, name: str) -> str:
        wanted = name.lower()
        for key, value in self.headers.items():
            if key.lower() == wanted:
                return value
        raise SignatureError(f"The header {name} is missing.")


def verify(
    scheme: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: float,
    url: str | None = None,
    options: SchemeOptions | None = None,
) -> None:
    """Return when one of ``secrets`` signed the request, else raise ``SignatureError``.

    It is a ``MismatchError`` when only the signature itself is wrong; what is malformed is told without any secret.

    ``headers`` match whatever their case. ``now`` is in seconds since the epoch. ``url`` is the public URL the sender
    called, for schemes that sign it. ``options`` belong to ``hmac-sha256``.
    """
    check = _SCHEMES.get(scheme)
    if check is None:
        raise SignatureError(f"There is no signature scheme {scheme!r}.")
    usable = [secret for secret in secrets if secret]
    check(_Signed(body, headers, usable, now, url, options or SchemeOptions()))


def _verify_github(signed: _Signed) -> None:
    given = _without_prefix(signed.header("X-Hub-Signature-256"), "sha256=")
    _require_match(given, (_hmac_sha256(key, signed.body).hex() for key in _utf8(signed.secrets)))


def _verify_hmac_sha256(signed: _Signed) -> None:
    options = signed.options
    given = _without_prefix(signed.header(options.header), options.prefix)
    digests = (_hmac_sha256(key, signed.body) for key in _utf8(signed.secrets))
    _require_match(given, (digest.hex() if options.encoding == "hex" else _base64(digest) for digest in digests))


def _verify_standard_webhooks(signed: _Signed) -> None:
    message_id, timestamp = signed.header("webhook-id"), signed.header("webhook-timestamp")
    _require_recent(timestamp, signed.now)
    head = b".".join((_ascii(message_id), _ascii(timestamp), b""))
    given = [
        signature
        for version, _, signature in (entry.partition(",") for entry in signed.header("webhook-signature").split(" "))
        if version == "v1"
    ]
    if not given:
        raise SignatureError("There is no signature of version v1.")
    expected = [_base64(_hmac_sha256(key, head + signed.body)) for key in _standard_webhooks_keys(signed.secrets)]
    _require_any_match(given, expected)


_SCHEMES: Mapping[str, Callable[[_Signed], None]] = {
    "github": _verify_github,
    "hmac-sha256": _verify_hmac_sha256,
    "standard-webhooks": _verify_standard_webhooks,
}


def _standard_webhooks_keys(secrets: Iterable[str]) -> Iterator[bytes]:
    """Keys from ``whsec_<base64>``; the padding may be missing, a secret that is no base64 never matches."""
    for secret in secrets:
        encoded = secret.removeprefix("whsec_").rstrip("=")
        try:
            key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        if key:
            yield key


def _require_recent(timestamp: str, now: float) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError("The timestamp is not a whole number of seconds.")
    if not abs(now - int(timestamp)) <= TOLERANCE_SECONDS:
        raise SignatureError(f"The timestamp is more than {TOLERANCE_SECONDS} seconds away from now.")


def _require_match(given: str, expected: Iterable[str]) -> None:
    _require_any_match([given], list(expected))


def _require_any_match(given: Iterable[str], expected: Sequence[str]) -> None:
    """Compare every pair, without stopping at the first match: the time taken tells nothing."""
    signatures = [_ascii(signature) for signature in given]
    matches = [hmac.compare_digest(signature, candidate.encode()) for signature in signatures for candidate in expected]
    if not any(matches):
        raise MismatchError("The signature does not match.")


def _without_prefix(value: str, prefix: str) -> str:
    if not value.startswith(prefix):
        raise SignatureError(f"The signature does not begin with {prefix!r}.")
    return value[len(prefix) :]


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        raise SignatureError("A signature header holds characters beyond ASCII.") from None


def _utf8(secrets: Iterable[str]) -> Iterator[bytes]:
    return (secret.encode("utf-8", "surrogatepass") for secret in secrets)


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
