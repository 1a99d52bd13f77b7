"""Secrets that change while the functions run."""

import json
import random
import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from chalicelib.aws.secrets import MIN_AGE_SECONDS
from chalicelib.webhooks.secret_forms import new_secret
from localcloud.postgres import NAME, new_password
from localcloud.samples import make_event
from tests.integration.cloud import Cloud, eventually


def put_secret(cloud: Cloud, name: str, value: object) -> None:
    cloud.client("secretsmanager").put_secret_value(SecretId=f"frontdesk/local/{name}", SecretString=json.dumps(value))


@pytest.fixture
def original(cloud: Cloud) -> Iterator[list[str]]:
    """The source's secrets, which are put back afterwards."""
    secrets = cloud.secrets["hmac-sha256"]
    yield secrets
    put_secret(cloud, "webhooks/hmac-sha256", {"secrets": secrets})


def test_a_new_secret_is_accepted_at_once_and_the_old_one_while_it_stays(cloud: Cloud, original: list[str]) -> None:
    new = new_secret("hmac-sha256")

    def status(secret: str) -> int:
        event = make_event("hmac-sha256", random.Random(uuid.uuid4().int))
        return cloud.deliver("hmac-sha256", event, secret).status_code

    assert status(original[0]) == 202
    time.sleep(MIN_AGE_SECONDS)
    put_secret(cloud, "webhooks/hmac-sha256", {"secrets": [new, *original]})
    assert status(new) == 202
    assert status(original[0]) == 202


def test_new_database_credentials_are_taken_when_the_old_are_refused(cloud: Cloud) -> None:
    first = make_event("github", random.Random(uuid.uuid4().int))
    cloud.deliver("github", first)
    eventually(lambda: cloud.arrived(first.event_id))
    password = new_password()
    settings = cloud.layout.settings()
    administrator = {
        "host": "127.0.0.1",
        "port": settings["postgres_port"],
        "user": "postgres",
        "password": settings["postgres_password"],
        "dbname": NAME,
        "autocommit": True,
    }

    def rotate(to: str) -> None:
        with psycopg.connect(**administrator) as connection:  # type: ignore[arg-type]
            connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(NAME), sql.Literal(to)))
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [NAME])
        credentials = {
            "host": "127.0.0.1",
            "port": settings["postgres_port"],
            "dbname": NAME,
            "username": NAME,
            "password": to,
        }
        put_secret(cloud, "database", credentials)

    second = make_event("github", random.Random(uuid.uuid4().int))
    time.sleep(MIN_AGE_SECONDS)
    rotate(password)
    try:
        assert cloud.deliver("github", second).status_code == 202
        with psycopg.connect(**administrator) as connection:  # type: ignore[arg-type]
            found = "select 1 from webhook_events where external_id = %s"
            eventually(lambda: connection.execute(found, [second.event_id]).fetchone())
    finally:
        time.sleep(MIN_AGE_SECONDS)
        rotate(settings["postgres_password"])
    third = make_event("github", random.Random(uuid.uuid4().int))
    cloud.deliver("github", third)
    eventually(lambda: cloud.arrived(third.event_id), seconds=30)
