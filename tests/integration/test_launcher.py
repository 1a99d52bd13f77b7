"""The patches of MiniStack: each test fails when a new version makes its patch wrong."""

import json
import random
import re
import time
import uuid

from localcloud.launcher import SAVE_EVERY_SECONDS
from localcloud.samples import make_event
from tests.integration.conftest import Cloud, eventually


def test_what_functions_log_is_seen_at_once(cloud: Cloud) -> None:
    """Of REST functions MiniStack itself writes nothing to its standard output."""
    event = make_event("github", random.Random(uuid.uuid4().int))

    cloud.deliver("github", event)

    eventually(lambda: re.search(f"api_handler .*webhook accepted .*{event.event_id}", cloud.printed()), seconds=2)
    eventually(lambda: re.search(f"process_webhooks .*webhooks stored .*{event.event_id}", cloud.printed()), seconds=5)


def test_state_is_saved_while_it_runs(cloud: Cloud) -> None:
    name = f"test/{uuid.uuid4()}"
    cloud.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps({}))

    saved = cloud.layout.ministack / "secretsmanager.json"
    eventually(lambda: saved.exists() and name in saved.read_text(), seconds=SAVE_EVERY_SECONDS + 5)
    time.sleep(0.1)
    assert "Persistence: failed" not in (cloud.layout.logs / "ministack.log").read_text()


def test_the_sender_is_told_the_id_that_log_and_row_have(cloud: Cloud) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int))

    answer = cloud.deliver("github", event)

    ((_, _, correlation_id),) = eventually(lambda: cloud.arrived(event.event_id))
    assert answer.headers["x-amzn-requestid"] == correlation_id
    eventually(lambda: f'"correlation_id":"{correlation_id}"' in cloud.logs())
