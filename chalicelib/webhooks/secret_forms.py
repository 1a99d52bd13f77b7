"""The forms of signing secrets: making one for a scheme, and telling what cannot be one."""

import base64
import secrets
import string

_ED25519_BYTES = 32


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
    encoded = secret.removeprefix("whsec_").removeprefix("whpk_").rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return "The secret is not base64 behind whsec_ or whpk_, as the scheme standard-webhooks wants it."
    if not key:
        return "The secret is a prefix without a key."
    if secret.startswith("whpk_") and len(key) != _ED25519_BYTES:
        return f"A public key (whpk_) has {_ED25519_BYTES} bytes, this one {len(key)}."
    return None
