"""The forms of signing secrets: making one for a scheme, and telling what cannot be one."""

import base64
import secrets
import string

_ED25519_BYTES = 32

_SMALL_ORDER = {
    bytes.fromhex(y)
    for y in (
        "0000000000000000000000000000000000000000000000000000000000000000",  # 0, order 4
        "0100000000000000000000000000000000000000000000000000000000000000",  # 1, order 1
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  # order 8
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",  # order 8
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p - 1, order 2
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p, another spelling of 0
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p + 1, another spelling of 1
    )
}
"""Points of edwards25519 (RFC 8032, 5.1) that a multiplication by 8 makes neutral, as y without the sign of x.

Who has such a "key" verifies signatures that anybody can make. libsodium refuses the same seven
(``ge25519_has_small_order``).
"""


def new_secret(scheme: str) -> str:
    """A random signing secret in the form a scheme wants."""
    if scheme == "stripe":
        return "whsec_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))
    key = base64.b64encode(secrets.token_bytes(24)).decode("ascii")
    return f"whsec_{key}" if scheme == "standard-webhooks" else key


def fault_of(scheme: str, secret: str) -> str | None:
    """One sentence on why a text can be no secret of a scheme, without telling it; None when it can."""
    if not secret:
        return "The secret is empty."
    if not secret.isprintable() or secret != secret.strip():
        return "The secret begins or ends with a space, or holds a line break: copy it without what stands around it."
    return _fault_of_key(secret) if scheme == "standard-webhooks" else None


def _fault_of_key(secret: str) -> str | None:
    if secret.startswith("whsk_"):
        return "This is the sender's private key (whsk_): it stays with the sender, who gives you a whpk_ in its place."
    is_public = secret.startswith("whpk_")
    encoded = secret.removeprefix("whpk_" if is_public else "whsec_").rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return "The secret is not base64 behind whsec_ or whpk_, as the scheme standard-webhooks wants it."
    if not key:
        return "The secret is a prefix without a key."
    return _fault_of_public_key(key) if is_public else None


def _fault_of_public_key(key: bytes) -> str | None:
    if len(key) != _ED25519_BYTES:
        return f"A public key (whpk_) has {_ED25519_BYTES} bytes, this one {len(key)}."
    if key[:-1] + bytes([key[-1] & 0x7F]) in _SMALL_ORDER:
        return "This public key (whpk_) proves nothing: anybody can sign for it. Ask the sender for another."
    return None
