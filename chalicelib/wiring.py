"""The composition root: the only place that builds clients and stores, each once and when first needed.

Imports stand inside the factories: every function imports all of ``app.py``, and none should pay at its start for
libraries that only another one uses.
"""

import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from chalicelib import __version__, settings

if TYPE_CHECKING:
    from chalicelib.aws.buckets import S3Bucket
    from chalicelib.aws.secrets import SecretCache
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
    from chalicelib.aws.secrets import SecretCache

    return SecretCache(client("secretsmanager"), time.monotonic)


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
def database() -> "Database":
    from chalicelib.webhooks.database import Credentials, Database

    config = settings.DatabaseSettings.from_environ(settings.environ())
    return Database(Credentials(secret_cache(), config.secret_name))


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


def migrate_database() -> dict[str, Any]:
    """Apply the schema's missing versions; the answer names them and the version now in force."""
    from chalicelib.webhooks.schema import current_version, migrate, read_migrations

    migrations = list(read_migrations())
    applied = database().run(lambda connection: migrate(connection, migrations))
    return {"applied": applied, "version": database().run(current_version)}
