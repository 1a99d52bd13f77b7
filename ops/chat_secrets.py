"""The chat's own secrets: the shop's backend signs identities with the one, Frontdesk its tokens with the other."""

import secrets

from chalicelib.chat.tokens import MIN_SECRET_BYTES
from chalicelib.webhooks.secret_forms import fault_of

CHAT_SECRETS = ("chat-identity", "chat-signing")


def new_chat_secret() -> str:
    return secrets.token_urlsafe(MIN_SECRET_BYTES)


def chat_fault_of(secret: str) -> str | None:
    """One sentence on why a text can be no secret of the chat's, without telling it; None when it can."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        return f"The secret has less than {MIN_SECRET_BYTES} bytes: --generate makes one."
    return fault_of("hmac-sha256", secret)
