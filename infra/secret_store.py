"""The secrets that a deployment makes itself."""

import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.chat.tokens import MIN_SECRET_BYTES
from infra.stages import Stage

CHAT_SECRETS = ("chat-identity", "chat-signing")


def put_secret(client: Any, name: str, document: Mapping[str, Any], *, replace: bool) -> bool:
    """Store a secret as JSON, over the one there is only with ``replace``; whether it is new.

    One that is scheduled for deletion holds its name for weeks. It is brought back, with the new value: whoever deleted
    it may have had a reason not to use the old one.
    """
    text = json.dumps(document)
    try:
        client.create_secret(Name=name, SecretString=text)
    except (client.exceptions.ResourceExistsException, client.exceptions.InvalidRequestException) as error:
        if _is_scheduled_for_deletion(client, name):
            client.restore_secret(SecretId=name)
            client.put_secret_value(SecretId=name, SecretString=text)
            return True
        if isinstance(error, client.exceptions.InvalidRequestException):
            raise
        if replace:
            client.put_secret_value(SecretId=name, SecretString=text)
        return False
    return True


def _is_scheduled_for_deletion(client: Any, name: str) -> bool:
    try:
        return bool(client.describe_secret(SecretId=name).get("DeletedDate"))
    except client.exceptions.ResourceNotFoundException:
        return False


def make_chat_secrets(client: Any, stage: Stage) -> Iterator[str]:
    """Make the secrets that sign the chat's tokens, and those of the shop's backend; yields those there were not."""
    for name in CHAT_SECRETS:
        document = {"secrets": [secrets.token_urlsafe(MIN_SECRET_BYTES)]}
        if put_secret(client, stage.secret(name), document, replace=False):
            yield stage.secret(name)


def has_secret(client: Any, name: str) -> bool:
    """Whether there is such a secret, not scheduled for deletion; its value is not read."""
    try:
        return not client.describe_secret(SecretId=name).get("DeletedDate")
    except client.exceptions.ResourceNotFoundException:
        return False
