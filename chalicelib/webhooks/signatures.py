"""Signature schemes: does this request come from who holds the secret?

``verify`` is pure. A request that does not prove its sender raises ``SignatureError``, and nothing else is raised
whatever the bytes: everything here runs on input from strangers. Signatures are compared in constant time, in the
very form the sender wrote, so that no second spelling of a valid signature passes.

Sources: GitHub, "Validating webhook deliveries"; Meta, "Getting started with webhooks"; Shopify, "Deliver webhooks
through HTTPS"; Slack, "Verifying requests from Slack"; Stripe, "Verify webhook signatures manually"; Twilio, "Webhooks
security"; the Standard Webhooks specification, v1 and v1a.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, parse_qsl, urlsplit

from chalicelib.errors import SignatureError

__all__ = ["MismatchError", "Scheme", "SchemeOptions", "SignatureError", "verify"]

TOLERANCE_SECONDS = 300
"""How far a signed timestamp may lie from now, before or after (Standard Webhooks, Stripe and Slack agree)."""

_MAX_FORM_FIELDS = 1_000
"""Far more than a form of Twilio's has. The form is read before its signature is known to be right."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)

Scheme: TypeAlias = Literal[
    "github", "hmac-sha256", "meta", "shopify", "slack", "standard-webhooks", "stripe", "twilio"
]


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

    def header(self, *names: str) -> str:
        """The value of the first of these headers that is there."""
        for name in names:
            for key, value in self.headers.items():
                if key.lower() == name.lower():
                    return value
        raise SignatureError(f"The header {names[0]} is missing.")


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


def _verify_body_hex(signed: _Signed) -> None:
    """GitHub's scheme, and Meta's."""
    given = _without_prefix(signed.header("X-Hub-Signature-256"), "sha256=")
    _require_match(given, (_hmac_sha256(key, signed.body).hex() for key in _utf8(signed.secrets)))


def _verify_hmac_sha256(signed: _Signed) -> None:
    options = signed.options
    given = _without_prefix(signed.header(options.header), options.prefix)
    digests = (_hmac_sha256(key, signed.body) for key in _utf8(signed.secrets))
    _require_match(given, (digest.hex() if options.encoding == "hex" else _base64(digest) for digest in digests))


def _verify_shopify(signed: _Signed) -> None:
    given = signed.header("X-Shopify-Hmac-SHA256", "Shopify-Hmac-SHA256")
    _require_match(given, (_base64(_hmac_sha256(key, signed.body)) for key in _utf8(signed.secrets)))


def _verify_slack(signed: _Signed) -> None:
    timestamp = signed.header("X-Slack-Request-Timestamp")
    given = _without_prefix(signed.header("X-Slack-Signature"), "v0=")
    _require_recent(timestamp, signed.now)
    head = b"v0:" + _ascii(timestamp) + b":"
    _require_match(given, (_hmac_sha256(key, head + signed.body).hex() for key in _utf8(signed.secrets)))


def _verify_stripe(signed: _Signed) -> None:
    """While a secret is rolled there are several ``v1``; ``v0`` is for Stripe's own tests and proves nothing."""
    items = [item.partition("=") for item in signed.header("Stripe-Signature").split(",")]
    timestamps = [value for name, _, value in items if name == "t"]
    given = [value for name, _, value in items if name == "v1"]
    if len(timestamps) != 1 or not given:
        raise SignatureError("Stripe-Signature needs one t and at least one v1.")
    _require_recent(timestamps[0], signed.now)
    head = _ascii(timestamps[0]) + b"."
    _require_any_match(given, [_hmac_sha256(key, head + signed.body).hex() for key in _utf8(signed.secrets)])


def _verify_twilio(signed: _Signed) -> None:
    """The URL is signed with the form's parameters; for any other body its hash is in the URL, and must be right.

    The parameters are signed one after the other without anything between them: where a name ends and its value begins,
    and in what order they came, is not proved.
    """
    given = signed.header("X-Twilio-Signature")
    if signed.url is None:
        raise SignatureError("The public URL that was called is not known.")
    try:
        urls = _with_and_without_port(signed.url)
        hashes = parse_qs(urlsplit(signed.url).query).get("bodySHA256")
        form = [] if hashes else _form_fields(signed.body)
    except ValueError:
        raise SignatureError("The URL or the form cannot be read.") from None
    if hashes and [_ascii(value) for value in hashes] != [hashlib.sha256(signed.body).hexdigest().encode()]:
        raise SignatureError("The body is not the one that bodySHA256 names.")
    parameters = "".join(name + value for name, value in sorted(set(form)))
    messages = [(url + parameters).encode("utf-8", "surrogatepass") for url in urls]
    keys = list(_utf8(signed.secrets))
    expected = [_base64(hmac.digest(key, message, hashlib.sha1)) for key in keys for message in messages]
    _require_match(given, expected)


def _form_fields(body: bytes) -> Sequence[tuple[str, str]]:
    text = body.decode("utf-8")
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FORM_FIELDS)


def _with_and_without_port(url: str) -> Sequence[str]:
    """The URL as it is, without its port, and with the default one: providers and proxies disagree about it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    bare = parts.netloc.removesuffix(f":{parts.port}") if parts.port is not None else parts.netloc
    default = {"http": 80, "https": 443}.get(parts.scheme)
    netlocs = [parts.netloc, bare, f"{bare}:{default}"] if host and default else [parts.netloc]
    return list(dict.fromkeys(url.replace(f"//{parts.netloc}", f"//{netloc}", 1) for netloc in netlocs))


def _verify_standard_webhooks(signed: _Signed) -> None:
    """Version v1 is an HMAC with a shared secret, v1a is ed25519 with the sender's public key."""
    message_id, timestamp = signed.header("webhook-id"), signed.header("webhook-timestamp")
    entries = [entry.partition(",") for entry in signed.header("webhook-signature").split(" ")]
    given = {version: [value for name, _, value in entries if name == version] for version in ("v1", "v1a")}
    if not any(given.values()):
        raise SignatureError("There is no signature of version v1 or v1a.")
    _require_recent(timestamp, signed.now)
    message = b".".join((_ascii(message_id), _ascii(timestamp), signed.body))
    if _any_ed25519_match(given["v1a"], message, signed.secrets):
        return
    shared = (secret for secret in signed.secrets if not secret.startswith(("whpk_", "whsk_")))
    keys = _decoded_keys(secret.removeprefix("whsec_") for secret in shared)
    _require_any_match(given["v1"], [_base64(_hmac_sha256(key, message)) for key in keys])


def _any_ed25519_match(given: Iterable[str], message: bytes, secrets: Iterable[str]) -> bool:
    publics = list(_decoded_keys(secret.removeprefix("whpk_") for secret in secrets if secret.startswith("whpk_")))
    signatures = [decoded for decoded in map(_decoded, given) if decoded]
    return any(_is_ed25519(public, signature, message) for public in publics for signature in signatures)


def _is_ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


_SCHEMES: Mapping[str, Callable[[_Signed], None]] = {
    "github": _verify_body_hex,
    "hmac-sha256": _verify_hmac_sha256,
    "meta": _verify_body_hex,
    "shopify": _verify_shopify,
    "slack": _verify_slack,
    "standard-webhooks": _verify_standard_webhooks,
    "stripe": _verify_stripe,
    "twilio": _verify_twilio,
}


def _decoded_keys(encoded: Iterable[str]) -> Iterator[bytes]:
    """Keys from base64, whose padding may be missing. What is no base64, another prefix say, never matches."""
    for text in encoded:
        bare = text.rstrip("=")
        try:
            key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except ValueError:
            continue
        if key:
            yield key


def _decoded(signature: str) -> bytes | None:
    """Base64 in its one right spelling; None for anything else."""
    try:
        decoded = base64.b64decode(signature, validate=True)
    except ValueError:
        return None
    return decoded if _base64(decoded) == signature else None


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
