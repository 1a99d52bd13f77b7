"""Settings, read from the environment here and nowhere else.

Each capability has a frozen dataclass of its own, made by ``from_environ``, which names everything that is
missing at once. ``docs/configuration.md`` lists every variable.
"""

import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from chalicelib.errors import SettingsError

APP_NAME = "frontdesk"


def environ() -> Mapping[str, str]:
    """The process's environment, with the variables of ``ENVIRONMENT_FILE`` (a JSON object) laid over it.

    ``chalice local`` takes its variables from ``.chalice/config.json`` alone, so that its stage names the file
    which a running local cloud writes; there the file wins over a shell that may hold real AWS credentials.
    """
    if file := os.environ.get("ENVIRONMENT_FILE"):
        try:
            text = Path(file).read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: start the local cloud first, with `make run`.") from error
        os.environ.update(json.loads(text))
    return os.environ


def stage_name() -> str:
    """The stage this process belongs to: ``local``, ``dev`` or ``prod``."""
    return os.environ.get("STAGE", "local")


def public_url() -> str | None:
    """``PUBLIC_URL``, under which senders reach the API, without a slash at its end; None when it is not set."""
    return os.environ.get("PUBLIC_URL", "").rstrip("/") or None


def log_level() -> str:
    """``LOG_LEVEL``, or ``INFO`` when that is absent or no level at all: a typo must not stop the service."""
    level = os.environ.get("LOG_LEVEL", "").upper()
    return level if level in logging.getLevelNamesMapping() else "INFO"


def deployed_name(name: str) -> str:
    """The name under which a queue or function is deployed, ``frontdesk-<stage>-<name>``."""
    return f"{APP_NAME}-{stage_name()}-{name}"


def sessions_stream_arn() -> str:
    """``SESSIONS_STREAM_ARN``, for ``chalice deploy`` alone: the template in infra/ names the stream itself."""
    placeholder = "arn:aws:dynamodb:us-east-1:000000000000:table/sessions/stream/named-by-infra-app-yaml"
    return os.environ.get("SESSIONS_STREAM_ARN", placeholder)


@dataclass(frozen=True)
class IntakeSettings:
    """What receiving webhooks needs."""

    queue_url: str
    secrets_prefix: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        stage, queue_url = _required(variables, "STAGE", "WEBHOOK_EVENTS_QUEUE_URL")
        return cls(queue_url=queue_url, secrets_prefix=f"{APP_NAME}/{stage}/webhooks/")


@dataclass(frozen=True)
class BodiesSettings:
    """Where bodies lie that are too large for a message."""

    bucket: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (bucket,) = _required(variables, "WEBHOOK_BODIES_BUCKET")
        return cls(bucket=bucket)


@dataclass(frozen=True)
class DatabaseAddress:
    """Where and as whom a database is reached that takes tokens of IAM; tokens are valid in ``region`` alone."""

    host: str
    port: int
    name: str
    user: str
    region: str


@dataclass(frozen=True)
class DatabaseSettings:
    """How PostgreSQL is reached: at an address, with tokens, or (None) as a secret in RDS's format says.

    ``requires_tls`` is true outside the local cloud.
    """

    address: DatabaseAddress | None
    secret_name: str
    requires_tls: bool

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (stage,) = _required(variables, "STAGE")
        address = _database_address(variables) if variables.get("DATABASE_URL") else None
        return cls(address, f"{APP_NAME}/{stage}/database", stage != "local")


@dataclass(frozen=True)
class RetentionSettings:
    """For how long webhook events are kept."""

    days: int

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (text,) = _required(variables, "RETENTION_DAYS")
        return cls(days=_whole_number("RETENTION_DAYS", text, 1, 36_500))


@dataclass(frozen=True)
class ChatSettings:
    """Where sessions are kept, and how clients are reached. ``websocket_url`` is what they are told to connect to."""

    table: str
    websocket_url: str
    connections_url: str
    messages_queue_url: str
    secrets_prefix: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        names = ("STAGE", "SESSIONS_TABLE", "WEBSOCKET_URL", "CONNECTIONS_URL", "CHAT_MESSAGES_QUEUE_URL")
        stage, table, websocket_url, connections_url, queue_url = _required(variables, *names)
        return cls(table, websocket_url, connections_url, queue_url, f"{APP_NAME}/{stage}/")


@dataclass(frozen=True)
class DeskSettings:
    """When people may be expected at the desk (``DESK_HOURS``, always if empty), and how long one waits for them."""

    hours: str
    waiting_seconds: int

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        minutes = _whole_number("WAITING_LIMIT_MINUTES", variables.get("WAITING_LIMIT_MINUTES") or "15", 1, 1440)
        return cls(variables.get("DESK_HOURS", ""), minutes * 60)


@dataclass(frozen=True)
class OriginSettings:
    """The origins of our own pages: that of ``PUBLIC_URL``, and those that ``CHAT_ORIGINS`` lists."""

    origins: tuple[str, ...]

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        listed = variables.get("CHAT_ORIGINS", "").split()
        if wrong := [text for text in listed if _origin(text) != text]:
            raise SettingsError(f"CHAT_ORIGINS has what is no origin such as https://shop.example: {', '.join(wrong)}.")
        public = _origin(variables.get("PUBLIC_URL", ""))
        return cls((*([public] if public else []), *listed))


@dataclass(frozen=True)
class PageSettings:
    """What the pages may do: open sockets at ``websocket_url``, and be embedded by ``frame_ancestors``."""

    websocket_url: str
    frame_ancestors: tuple[str, ...]

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (websocket_url,) = _required(variables, "WEBSOCKET_URL")
        return cls(websocket_url, tuple(variables.get("FRAME_ANCESTORS", "").split()))


@dataclass(frozen=True)
class TableSettings:
    """The table of the sessions alone, for what only keeps it."""

    table: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (table,) = _required(variables, "SESSIONS_TABLE")
        return cls(table)


@dataclass(frozen=True)
class ModelSettings:
    """The language model. ``endpoint_url`` is None for Bedrock itself; a guardrail has an id and a version."""

    model_id: str
    endpoint_url: str | None
    guardrail_id: str | None
    guardrail_version: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (model_id,) = _required(variables, "MODEL_ID")
        return cls(
            model_id,
            variables.get("MODEL_ENDPOINT_URL") or None,
            variables.get("GUARDRAIL_ID") or None,
            variables.get("GUARDRAIL_VERSION") or "DRAFT",
        )


@dataclass(frozen=True)
class AnswerSettings:
    """What answering needs beside the chat and the model."""

    failed_turns_queue_url: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (queue_url,) = _required(variables, "FAILED_TURNS_QUEUE_URL")
        return cls(queue_url)


@dataclass(frozen=True)
class BudgetSettings:
    """How many tokens the model may cost in a day."""

    daily_tokens: int

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        (tokens,) = _required(variables, "MODEL_DAILY_TOKENS")
        return cls(_whole_number("MODEL_DAILY_TOKENS", tokens, 0, 10**12))


@dataclass(frozen=True)
class VoiceSettings:
    """Where the bank's API is and the parameter that holds the key to it, and the table of the calls.

    ``bank_url`` has no slash at its end. PINs travel there: only to this machine itself without TLS.
    """

    bank_url: str
    bank_api_key_parameter: str
    calls_table: str

    @classmethod
    def from_environ(cls, variables: Mapping[str, str]) -> Self:
        url, parameter, table = _required(variables, "BANK_URL", "BANK_API_KEY_PARAMETER", "CALLS_TABLE")
        return cls(_bank_url(url), parameter, table)


def _database_address(variables: Mapping[str, str]) -> DatabaseAddress:
    url, region = _required(variables, "DATABASE_URL", "AWS_REGION")
    match = re.fullmatch(
        r"postgresql://([a-z][a-z0-9_]{0,62})@([A-Za-z0-9.-]+):([0-9]{1,5})/([a-z][a-z0-9_]{0,62})", url
    )
    if match is None:
        raise SettingsError("DATABASE_URL must read postgresql://USER@HOST:PORT/NAME, without a password.")
    user, host, port, name = match.groups()
    return DatabaseAddress(host, int(port), name, user, region)


def _bank_url(url: str) -> str:
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    is_local = scheme == "http" and host in ("127.0.0.1", "localhost", "::1")
    if not (is_local or (scheme == "https" and host)):
        raise SettingsError("BANK_URL must begin with https://, or with http://127.0.0.1 for one on this machine.")
    return url.rstrip("/")


def _origin(url: str) -> str | None:
    """The origin of a URL as a browser writes it, None when it has none."""
    try:
        parts = urlsplit(url.lower())
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else None


def _whole_number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        raise SettingsError(f"{name} must be a whole number from {least} to {most}, not {text!r}.")
    return int(text)


def _required(variables: Mapping[str, str], *names: str) -> list[str]:
    missing = [name for name in names if not variables.get(name)]
    if missing:
        raise SettingsError(f"The environment lacks {', '.join(missing)}: see docs/configuration.md.")
    return [variables[name] for name in names]
