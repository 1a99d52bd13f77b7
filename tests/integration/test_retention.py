"""Retention on a real PostgreSQL."""

import json

import pytest

from chalicelib.webhooks.processing import read_event
from chalicelib.webhooks.retention import BATCH, STOP_BEFORE_MS, Retention, last_heard
from tests.builders import NOW, load_event
from tests.fakes import FakeClock
from tests.integration.cloud import Cloud
from tests.integration.place import Place
from tests.integration.test_orders import TABLE, shopify, story

FILL = """
insert into webhook_events (source, external_id, event_type, state, received_at, content_type, headers, body,
                            body_sha256, correlation_id)
select 'github', 'event-' || number, 'push', 'stored', to_timestamp(%s) - number * interval '1 hour', 'x', '{}', '',
       '', ''
  from generate_series(1, %s) as number
"""


def retention(place: Place, days: int) -> Retention:
    return Retention(place.new_database(), days, FakeClock(NOW))


def plenty() -> float:
    return 300_000


def test_only_what_is_too_old_goes(place: Place) -> None:
    place.query(FILL, NOW, 48)
    place.query("insert into webhook_conflicts select source, external_id, 'x', received_at, '' from webhook_events")

    assert retention(place, 1).purge(plenty) == {"events": 24, "conflicts": 24, "erasures": 0, "finished": True}

    assert place.query("select count(*) from webhook_events") == [(24,)]
    assert place.query("select count(*) from webhook_conflicts") == [(24,)]
    assert retention(place, 1).purge(plenty) == {"events": 0, "conflicts": 0, "erasures": 0, "finished": True}


def test_it_stops_in_time_and_goes_on_in_the_next_run(place: Place) -> None:
    place.query(FILL, NOW, 2 * BATCH + 30)

    assert retention(place, 1).purge(lambda: STOP_BEFORE_MS) == {
        "events": BATCH,
        "conflicts": 0,
        "erasures": 0,
        "finished": False,
    }
    assert retention(place, 1).purge(plenty) == {"events": BATCH + 6, "conflicts": 0, "erasures": 0, "finished": True}
    assert place.query("select count(*) from webhook_events") == [(24,)]


def test_orders_stay(place: Place) -> None:
    place.store.write(story(1001))
    before = place.query(TABLE)
    place.query("update webhook_events set received_at = to_timestamp(0)")

    assert retention(place, 1).purge(plenty)["events"] == 5

    assert place.query(TABLE) == before


def test_the_silence_of_each_source_is_measured(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.query(FILL, NOW, 3)
    place.store.write([read_event(shopify("a", "x", {}).envelope)])

    retention(place, 1).report_silence(["github", "shopify", "stripe"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert {line["source"]: line["SecondsSinceLastHeard"] for line in lines} == {"github": [3600.0], "shopify": [0.0]}
    heard = place.new_database().run(lambda connection: last_heard(connection, ["stripe", "github"]))
    assert {name: NOW - time.timestamp() for name, time in heard.items()} == {"github": 3600.0}


def test_the_function_runs(cloud: Cloud) -> None:
    payload = json.dumps(load_event("schedule"))
    answer = cloud.client("lambda").invoke(FunctionName="frontdesk-local-purge_old_events", Payload=payload)

    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    assert result["finished"] is True
