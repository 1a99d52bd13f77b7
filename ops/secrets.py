"""``secrets``: what the sources, the shop and the chat sign with. Never shown, but once where it is generated."""

import getpass
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from chalicelib.aws.secrets import MAX_AGE_SECONDS
from chalicelib.chat.tokens import SECRET_SECONDS
from chalicelib.webhooks.secret_forms import fault_of, new_secret
from chalicelib.webhooks.sources import SOURCES
from ops.chat_secrets import CHAT_SECRETS, chat_fault_of, new_chat_secret
from ops.output import confirm, examples, yes_option
from ops.rotation import finish, has_active, holds, read_document, rotate, set_secret
from ops.stage import Stage, pass_stage
from ops.times import Span, utc_now


def _kept(source: str) -> timedelta:
    """How long functions keep what they have read of a secret."""
    return timedelta(seconds=SECRET_SECONDS if source in CHAT_SECRETS else MAX_AGE_SECONDS)


def _words(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds // 60} minutes" if seconds >= 60 else f"{seconds} seconds"


@dataclass(frozen=True)
class StoredSecret:
    """A secret of a source's or the chat's, as it lies in Secrets Manager."""

    stage: Stage
    source: str

    def read(self) -> dict[str, Any] | None:
        """The document, None when there is none; one that cannot be used ends the command."""
        client = self.stage.client("secretsmanager")
        try:
            text = client.get_secret_value(SecretId=self.name)["SecretString"]
        except client.exceptions.ResourceNotFoundException:
            return None
        try:
            return read_document(text)
        except ValueError as error:
            raise click.ClickException(f"The secret {self.name} cannot be used: {error} Mend it by hand.") from None

    def write(self, document: dict[str, Any]) -> None:
        client = self.stage.client("secretsmanager")
        text = json.dumps(document)
        try:
            client.put_secret_value(SecretId=self.name, SecretString=text)
        except client.exceptions.ResourceNotFoundException:
            client.create_secret(Name=self.name, SecretString=text)

    @property
    def name(self) -> str:
        if self.source in CHAT_SECRETS:
            return self.stage.chat_secret(self.source)
        return self.stage.source_secret(self.source)


def _value_options(command: Callable[..., Any]) -> Callable[..., Any]:
    value = click.argument("value", required=False, metavar="[-]")
    generate = click.option("--generate", is_flag=True, help="Make one, and print it once on standard output.")
    return value(generate(command))


source_argument = click.argument("source", type=click.Choice([*sorted(SOURCES), *CHAT_SECRETS]), metavar="SOURCE")


@click.group(epilog=examples("secrets set github", "secrets rotate github --generate --overlap 24h"))
def secrets() -> None:
    """Signing secrets: set the first, rotate."""


@secrets.command("set", epilog=examples("secrets set github", "secrets set github --generate", "secrets set stripe -"))
@source_argument
@_value_options
@yes_option
@pass_stage
def set_(stage: Stage, source: str, value: str | None, generate: bool, yes: bool) -> None:
    """Give SOURCE its one secret.

    It is typed unseen, comes from standard input (-), or is generated. SOURCE is one of those of `sources list`, or
    chat-identity or chat-signing.

    The shop's backend signs who a customer is with chat-identity; with chat-signing Frontdesk signs its own tokens, of
    which those signed before then count no more.
    """
    stored = StoredSecret(stage, source)
    document = stored.read()
    if document and document["secrets"]:
        if value == "-" and not yes:
            raise click.UsageError(
                f"{source} has a secret on the stage {stage.name}, and standard input cannot say whether to replace it:"
                " add --yes, or take `secrets rotate`, which keeps both."
            )
        confirm(
            f"{source} has a secret on the stage {stage.name}, which then counts no more; `secrets rotate` keeps both."
            " Replace it?",
            yes=yes,
        )
    secret = _new_value(source, value, generate=generate)
    stored.write(set_secret(document, secret))
    click.echo(f"{source} has its secret on the stage {stage.name}.", err=True)
    if generate:
        click.echo(secret)


@secrets.command(
    "rotate",
    epilog=examples(
        "secrets rotate github --generate --overlap 24h",
        "secrets rotate github -            # the provider's new secret, from standard input",
        "secrets rotate github --finish --yes",
        "secrets rotate chat-signing --generate",
    ),
)
@source_argument
@_value_options
@click.option(
    "--overlap", type=Span(), default="24h", show_default=True, help="How long the older secrets are still accepted."
)
@click.option("--finish", "finishing", is_flag=True, help="Accept only the newest from now on.")
@yes_option
@pass_stage
def rotate_(
    stage: Stage,
    source: str,
    value: str | None,
    generate: bool,
    overlap: timedelta,
    finishing: bool,
    yes: bool,
) -> None:
    """Add a secret to SOURCE, and let the older ones end.

    They end by themselves after the overlap. Functions keep what they have read for five minutes, of the chat's secrets
    for 30 seconds: for so long after a rotation they accept an older one whose end they do not know yet, and sign with
    it. A rotation closes no socket. SOURCE is one of those of `sources list`, or chat-identity or chat-signing.
    """
    if finishing and (value or generate):
        raise click.UsageError("--finish adds no secret: leave the others out.")
    stored = StoredSecret(stage, source)
    document, now = stored.read(), utc_now()
    if not document or not has_active(document, now):
        raise click.ClickException(f"{source} has no active secret to rotate: python -m ops secrets set {source}")
    if finishing:
        confirm(f"Refuse on the stage {stage.name} what is signed with an older secret of {source}?", yes=yes)
        stored.write(finish(document, now))
        click.echo(f"{source} accepts only its newest secret, within {_words(_kept(source))} everywhere.", err=True)
        return
    end = _end(now, overlap)
    secret = _new_value(source, value, generate=generate)
    if holds(document, secret, now):
        raise click.ClickException(f"{source} has this secret already: take a new one.")
    stored.write(rotate(document, secret, now, overlap))
    click.echo(f"{source} has a new secret; the older ones end at {end:%Y-%m-%d %H:%M:%S} UTC.", err=True)
    kept = _kept(source)
    if overlap < kept:
        click.echo(
            f"Warning: the overlap is shorter than {_words(kept)}. Functions that have read the secrets before do not"
            f" know this end: they may accept the older ones until {now + kept:%Y-%m-%d %H:%M:%S} UTC.",
            err=True,
        )
    if generate:
        click.echo(secret)


def _end(now: datetime, overlap: timedelta) -> datetime:
    try:
        return now + overlap
    except OverflowError:
        raise click.UsageError("The overlap ends after all years: take a shorter one.") from None


@secrets.command("verify-token", epilog=examples("secrets verify-token meta a-word-of-your-choice"))
@click.argument(
    "source", type=click.Choice([name for name, known in SOURCES.items() if known.handshake == "verify_token"])
)
@click.argument("token")
@pass_stage
def verify_token(stage: Stage, source: str, token: str) -> None:
    """Let SOURCE's handshake know TOKEN. It travels in URLs, so it must be no secret that signs."""
    stored = StoredSecret(stage, source)
    document = stored.read()
    if not document:
        raise click.ClickException(f"{source} has no secret yet: python -m ops secrets set {source}")
    if holds(document, token, utc_now()):
        raise click.ClickException("This is the secret that signs: take another word.")
    stored.write(document | {"verify_token": token})
    click.echo(f"{source} may shake hands with this token on the stage {stage.name}.", err=True)


def _new_value(source: str, value: str | None, *, generate: bool) -> str:
    if generate and value is not None:
        raise click.UsageError("Either --generate or a secret of yours, not both.")
    if generate:
        return new_chat_secret() if source in CHAT_SECRETS else new_secret(SOURCES[source].scheme)
    if value not in (None, "-"):
        raise click.UsageError(
            "A secret on the command line stays in the shell's history: type it, or write - for stdin."
        )
    secret = sys.stdin.read().rstrip("\r\n") if value == "-" else _type_unseen()
    if fault := chat_fault_of(secret) if source in CHAT_SECRETS else fault_of(SOURCES[source].scheme, secret):
        raise click.ClickException(fault)
    return str(secret)


def _type_unseen() -> Any:
    """A secret that is typed, where there is a terminal that can hide it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return click.prompt("Secret", hide_input=True, err=True)
        except getpass.GetPassWarning:
            raise click.UsageError(
                "There is no terminal to type a secret at: use - for standard input, or --generate."
            ) from None
