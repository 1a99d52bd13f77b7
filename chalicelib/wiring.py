"""The composition root: the only place that builds clients and stores, each once and when first needed.

Imports stand inside the factories: every function imports all of ``app.py``, and none should pay at its start for
libraries that only another one uses.
"""

import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from chalicelib import __version__, settings

if TYPE_CHECKING:
    from chalicelib.aws.buckets import S3Bucket
    from chalicelib.aws.queues import FifoQueue
    from chalicelib.aws.secrets import SecretCache
    from chalicelib.aws.sockets import Connections
    from chalicelib.aws.tables import Table
    from chalicelib.chat.answers import Answering
    from chalicelib.chat.budget import Budget
    from chalicelib.chat.desk import Desk
    from chalicelib.chat.expiry import Expiry
    from chalicelib.chat.failed_turns import TurnWriter
    from chalicelib.chat.handoff import Handoffs
    from chalicelib.chat.model import BedrockModel
    from chalicelib.chat.opening import Opening
    from chalicelib.chat.orders import OrderFunction
    from chalicelib.chat.queue import SessionQueue
    from chalicelib.chat.reception import Reception
    from chalicelib.chat.sessions import Sessions
    from chalicelib.chat.summaries import Summarizing
    from chalicelib.chat.tokens import Tokens
    from chalicelib.chat.waiting import Waiting
    from chalicelib.voice.bank import BankClient
    from chalicelib.voice.bank_gateway import BankGateway
    from chalicelib.voice.codehook import Codehook
    from chalicelib.web.pages import Pages
    from chalicelib.webhooks.credentials import Credentials
    from chalicelib.webhooks.database import Database
    from chalicelib.webhooks.intake import Intake
    from chalicelib.webhooks.management import Management
    from chalicelib.webhooks.processing import Processor


def health() -> dict[str, str]:
    """That the service is up, and which one it is."""
    return {"status": "ok", "version": __version__, "stage": settings.stage_name()}


@cache
def secret_cache() -> "SecretCache":
    from chalicelib.aws.clients import client
    from chalicelib.aws.secrets import SecretCache, read_secret

    return SecretCache(partial(read_secret, client("secretsmanager")), time.monotonic)


@cache
def intake() -> "Intake":
    from chalicelib.aws.clients import client
    from chalicelib.aws.queues import SqsQueue
    from chalicelib.webhooks.intake import Intake
    from chalicelib.webhooks.secrets import SourceSecrets

    config = settings.IntakeSettings.from_environ(settings.environ())
    secrets = SourceSecrets(secret_cache(), config.secrets_prefix, time.time)
    return Intake(secrets, SqsQueue(client("sqs"), config.queue_url), bodies(), time.time)


@cache
def bodies() -> "S3Bucket":
    from chalicelib.aws.buckets import S3Bucket
    from chalicelib.aws.clients import client

    config = settings.BodiesSettings.from_environ(settings.environ())
    return S3Bucket(partial(client, "s3"), config.bucket)


@cache
def database_credentials() -> "Credentials":
    config = settings.DatabaseSettings.from_environ(settings.environ())
    if config.address is None:
        from chalicelib.webhooks.credentials import SecretCredentials

        return SecretCredentials(secret_cache(), config.secret_name, config.requires_tls)
    from chalicelib.aws.clients import credentials
    from chalicelib.aws.database_tokens import make_token
    from chalicelib.webhooks.credentials import TokenCredentials

    def token(where: settings.DatabaseAddress) -> str:
        return make_token(credentials(), where.host, where.port, where.user, where.region)

    return TokenCredentials(config.address, token)


@cache
def database() -> "Database":
    from chalicelib.webhooks.database import Database

    return Database(database_credentials())


@cache
def processor() -> "Processor":
    from chalicelib.webhooks.event_store import EventStore
    from chalicelib.webhooks.processing import Processor

    return Processor(EventStore(database()), bodies(), time.time)


def purge_old_events(context: Any) -> dict[str, Any]:
    """Apply the retention as far as the time of a Lambda's ``context`` allows, and measure each source's silence."""
    from chalicelib.webhooks.retention import Retention
    from chalicelib.webhooks.sources import SOURCES

    config = settings.RetentionSettings.from_environ(settings.environ())
    retention = Retention(database(), config.days, time.time)
    retention.report_silence(list(SOURCES))
    return retention.purge(context.get_remaining_time_in_millis)


@cache
def management() -> "Management":
    from chalicelib.webhooks.event_search import EventSearch
    from chalicelib.webhooks.management import Management
    from chalicelib.webhooks.personal_data import PersonalData
    from chalicelib.webhooks.replaying import Replay
    from chalicelib.webhooks.schema import current_version, read_migrations

    def schema_versions() -> tuple[int, int]:
        newest = max(migration.version for migration in read_migrations())
        return database().run(current_version), newest

    return Management(EventSearch(database()), Replay(database()), PersonalData(database()), schema_versions)


def migrate_database(event: Any) -> dict[str, Any]:
    """Apply the schema's missing versions; the answer names them and the version now in force.

    The event is ``{}``. One with ``bootstrap`` alone makes the functions' role instead, or asks whether that is needed,
    as ``webhooks/bootstrap.py`` says. ``RequestError`` from anything else.
    """
    from chalicelib.errors import RequestError

    if isinstance(event, dict) and event.keys() == {"bootstrap"}:
        return bootstrap_database(event)
    if event != {}:
        raise RequestError('A migration needs the event {}, or {"bootstrap": …} for the first role.')
    from chalicelib.webhooks.schema import current_version, migrate, read_migrations

    migrations = list(read_migrations())
    applied = database().run(lambda connection: migrate(connection, migrations))
    return {"applied": applied, "version": database().run(current_version)}


def bootstrap_database(event: dict[str, Any]) -> dict[str, Any]:
    from chalicelib.webhooks.bootstrap import Administrator, Bootstrap

    administrator = None if event == {"bootstrap": "needed"} else Administrator.read(event)
    uses_tokens = settings.DatabaseSettings.from_environ(settings.environ()).address is not None
    bootstrap = Bootstrap(database_credentials(), uses_tokens)
    return bootstrap.needed() if administrator is None else bootstrap.run(administrator)


@cache
def sessions_table() -> "Table":
    from chalicelib.aws.clients import client
    from chalicelib.aws.tables import Table

    return Table(client("dynamodb"), settings.TableSettings.from_environ(settings.environ()).table)


@cache
def sessions() -> "Sessions":
    from chalicelib.chat.sessions import Sessions

    return Sessions(sessions_table(), time.time, lambda: uuid4().hex)


@cache
def tokens() -> "Tokens":
    from chalicelib.aws.secret_lists import SecretLists
    from chalicelib.chat.tokens import SECRET_SECONDS, Tokens

    prefix = settings.ChatSettings.from_environ(settings.environ()).secrets_prefix
    return Tokens(SecretLists(secret_cache(), prefix, time.time, SECRET_SECONDS), time.time)


@cache
def opening() -> "Opening":
    from chalicelib.chat.opening import Opening

    config = settings.ChatSettings.from_environ(settings.environ())
    origins = settings.OriginSettings.from_environ(settings.environ()).origins
    return Opening(sessions(), tokens(), config.websocket_url, origins)


@cache
def pages() -> "Pages":
    from chalicelib.web.pages import Pages

    config = settings.PageSettings.from_environ(settings.environ())
    return Pages(config.websocket_url, config.frame_ancestors)


@cache
def sockets() -> "Connections":
    from chalicelib.aws.clients import client
    from chalicelib.aws.sockets import Connections

    url = settings.ChatSettings.from_environ(settings.environ()).connections_url
    return Connections(client("apigatewaymanagementapi", url))


@cache
def handoffs() -> "Handoffs":
    from chalicelib.chat.handoff import Handoffs
    from chalicelib.chat.hours import OpeningHours

    config = settings.DeskSettings.from_environ(settings.environ())
    return Handoffs(sessions_table(), time.time, OpeningHours.read(config.hours))


@cache
def desk() -> "Desk":
    from chalicelib.chat.desk import Desk

    return Desk(sessions_table(), handoffs(), sockets(), time.time)


def hand_off_session(event: dict[str, Any]) -> dict[str, Any]:
    """Ask for a person in a session, as ``chat/handoff_request.py`` says."""
    from chalicelib.chat.handoff_request import hand_off

    return hand_off(desk(), event)


@cache
def waiting() -> "Waiting":
    from chalicelib.chat.waiting import Waiting

    config = settings.DeskSettings.from_environ(settings.environ())
    return Waiting(sessions_table(), sessions(), desk(), time.time, config.waiting_seconds)


@cache
def chat_messages() -> "FifoQueue":
    from chalicelib.aws.clients import client
    from chalicelib.aws.queues import FifoQueue

    return FifoQueue(client("sqs"), settings.ChatSettings.from_environ(settings.environ()).messages_queue_url)


@cache
def reception() -> "Reception":
    from chalicelib.chat.messages import Messages
    from chalicelib.chat.reception import Reception
    from chalicelib.chat.summaries import Summaries

    summaries, messages = Summaries(sessions_table()), Messages(sessions_table(), time.time)
    return Reception(
        tokens(), sessions(), messages, handoffs(), summaries, desk(), sockets(), chat_messages(), time.time
    )


@cache
def model() -> "BedrockModel":
    from chalicelib.aws.clients import MODEL, client
    from chalicelib.chat.model import BedrockModel, Guardrail

    config = settings.ModelSettings.from_environ(settings.environ())
    guardrail = Guardrail(config.guardrail_id, config.guardrail_version) if config.guardrail_id else None
    return BedrockModel(partial(client, "bedrock-runtime", config.endpoint_url, MODEL), config.model_id, guardrail)


@cache
def budget() -> "Budget":
    from chalicelib.chat.budget import Budget

    return Budget(sessions_table(), time.time, settings.BudgetSettings.from_environ(settings.environ()).daily_tokens)


@cache
def answering() -> "Answering":
    from chalicelib.aws.clients import client
    from chalicelib.aws.queues import SqsQueue
    from chalicelib.chat.answers import Answering
    from chalicelib.chat.failed_turns import FailedTurnQueue
    from chalicelib.chat.summaries import Summaries

    config = settings.AnswerSettings.from_environ(settings.environ())
    failed_turns = FailedTurnQueue(SqsQueue(client("sqs"), config.failed_turns_queue_url))
    summaries = Summaries(sessions_table())
    return Answering(
        sessions(),
        handoffs(),
        desk(),
        summaries,
        model(),
        orders(),
        sockets(),
        failed_turns,
        budget(),
        time.time,
        time.sleep,
    )


@cache
def session_queue() -> "SessionQueue":
    from chalicelib.chat.queue import SessionQueue

    return SessionQueue(answering(), chat_messages())


@cache
def orders() -> "OrderFunction":
    from chalicelib.aws.clients import SLOW, client
    from chalicelib.aws.functions import Function
    from chalicelib.chat.misses import Misses
    from chalicelib.chat.orders import OrderFunction

    function = Function(partial(client, "lambda", None, SLOW), settings.deployed_name("look_up_order"))
    return OrderFunction(function, Misses(sessions_table(), time.time))


@cache
def turn_writer() -> "TurnWriter":
    from chalicelib.chat.failed_turns import TurnWriter

    return TurnWriter(sessions_table(), time.time)


@cache
def summarizing() -> "Summarizing":
    from chalicelib.chat.summaries import Summaries, Summarizing

    return Summarizing(sessions(), Summaries(sessions_table()), model(), budget(), time.time)


@cache
def expiry() -> "Expiry":
    from chalicelib.chat.expiry import Expiry

    return Expiry(sessions_table())


@cache
def bank() -> "BankClient":
    from chalicelib.voice.bank import BankClient

    return BankClient(bank_gateway)


@cache
def bank_gateway() -> "BankGateway":
    """Made when a call first needs the bank: ``requests`` and a client of AWS take a fifth of a second."""
    import random

    from chalicelib.aws.clients import CALLER, client
    from chalicelib.aws.secrets import SecretCache, read_parameter
    from chalicelib.voice.bank_gateway import BankGateway
    from chalicelib.voice.bank_transport import BankTransport
    from chalicelib.voice.breaker import Breaker

    config = settings.VoiceSettings.from_environ(settings.environ())
    keys = SecretCache(partial(read_parameter, client("ssm", None, CALLER)), time.monotonic)
    return BankGateway(
        BankTransport(config.bank_url),
        keys,
        config.bank_api_key_parameter,
        Breaker(time.monotonic),
        time.monotonic,
        time.sleep,
        random.random,
    )


def look_up_order(event: dict[str, Any]) -> dict[str, Any]:
    """One order for a customer, as ``webhooks/order_lookup.py`` says."""
    from chalicelib.webhooks.order_lookup import look_up_order

    return database().run(lambda connection: look_up_order(connection, event))


@cache
def codehook() -> "Codehook":
    from chalicelib.aws.clients import CALLER, client
    from chalicelib.aws.tables import Table
    from chalicelib.voice.calls import Calls
    from chalicelib.voice.codehook import Codehook

    config = settings.VoiceSettings.from_environ(settings.environ())
    calls = Calls(Table(client("dynamodb", None, CALLER), config.calls_table, attempts=2), time.time)
    return Codehook(bank(), calls, time.time, time.monotonic, lambda: uuid4().hex)
