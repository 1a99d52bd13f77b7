import hashlib
import json
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.webhooks.orders import OrderChange
from chalicelib.webhooks.shopify import Origin, read_effect
from chalicelib.webhooks.sources import SOURCES, Message
from localcloud import samples, shop
from localcloud.event import FORM
from localcloud.samples import Event, make_event, sign
from localcloud.signing import SIGNERS
from tests.builders import NOW
from tests.signed import ADDRESS, SECRETS

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def several(source: str, count: int = 60) -> Sequence[Event]:
    chance = random.Random(7)
    return [make_event(source, chance, number) for number in range(count)]


def test_whatever_has_a_sample_is_a_source_and_has_a_signer() -> None:
    assert set(samples.SOURCES) <= set(SOURCES)
    assert set(samples.SOURCES) == set(SIGNERS)


def test_an_order_s_events_say_what_to_ask_for_in_the_chat() -> None:
    for event in several("shopify"):
        document = json.loads(event.body)
        number = str(document.get("order_number") or document["name"].strip("#").split(".")[0])
        assert event.about == f"order {number}, {document['email']}"
    assert several("shopify", 1)[0].about == "order 1001, aiko@example.com"
    assert make_event("shopify", random.Random(7), body=b"{}").about == ""


@pytest.mark.parametrize("source", samples.SOURCES)
class TestEverySource:
    def test_frontdesk_knows_a_sample_by_its_id_and_type(self, source: str) -> None:
        for event in several(source):
            assert identify(source, event) == (event.event_id, event.event_type)

    def test_frontdesk_knows_a_replaced_body_by_its_id(self, source: str) -> None:
        for body in (b"", b"\xff", b"[" * 100_000, b"[]", b'{"id": 7}', b'{"id": ""}', b'{"id": "a", "event_id": "b"}'):
            event = make_event(source, random.Random(7), body=body)

            assert event.body == body
            assert identify(source, event)[0] == event.event_id

    def test_bodies_are_what_their_source_promises(self, source: str) -> None:
        for event in several(source):
            assert isinstance(SOURCES[source].check(message(source, event)).value, dict)

    def test_no_two_events_have_the_same_id(self, source: str) -> None:
        events = several(source, 500)

        assert len({event.event_id for event in events}) == 500

    def test_they_are_of_several_types(self, source: str) -> None:
        assert len({event.event_type for event in several(source)}) >= 2

    def test_addresses_are_those_kept_for_examples(self, source: str) -> None:
        text = b"".join(event.body for event in several(source)).decode()

        assert set(re.findall(r"[\w.]+@([\w.]+)", text)) <= {"example.com", "example.org", "example.net"}
        assert all("example.com" in host for host in re.findall(r"https?(?:://|%3A%2F%2F)([\w.]+)", text))


def message(source: str, event: Event) -> Message:
    headers = sign(source, event, SECRETS[SOURCES[source].scheme], NOW, ADDRESS)
    return Message({name.lower(): value for name, value in headers.items()}, event.body)


def identify(source: str, event: Event) -> tuple[str, str]:
    """The id that Frontdesk gives the event, and its type."""
    event_id, event_type = SOURCES[source].identify(message(source, event))
    return event_id or "sha256:" + hashlib.sha256(event.body).hexdigest(), event_type or event.event_type


def test_slack_sends_a_command_now_and_then_and_never_the_handshake() -> None:
    events = several("slack", 100)
    commands = [event for event in events if event.content_type == FORM]

    assert 5 < len(commands) < 40
    assert all(event.event_id.startswith("sha256:") for event in commands)
    assert all(event.event_id.startswith("Ev") for event in events if event not in commands)
    assert "url_verification" not in {event.event_type for event in events}


def test_twilio_sends_forms_and_now_and_then_json_with_its_hash() -> None:
    for event in several("twilio", 100):
        digest = hashlib.sha256(event.body).hexdigest()
        assert event.query == ("" if event.content_type == FORM else f"?bodySHA256={digest}")


def story(number: int) -> list[tuple[str, Any]]:
    """The topics and payloads of one order's life."""
    steps = [shop.next_step(place) for place in range(200)]
    return [(topic, shop.payload(order, topic, NOON)) for order, topic in steps if order == number]


class TestShopify:
    def test_a_single_delivery_places_order_1001(self) -> None:
        event = make_event("shopify", random.Random())
        order = json.loads(event.body)

        assert event.event_type == event.headers["X-Shopify-Topic"] == "orders/create"
        assert (order["order_number"], order["name"], order["fulfillment_status"]) == (1001, "#1001", None)
        assert order["email"] == order["contact_email"] == order["customer"]["email"] == "aiko@example.com"
        assert order["customer"]["id"] == 7001

    def test_an_order_is_placed_paid_packed_sent_and_delivered(self) -> None:
        (_, created), (_, paid), (_, packed), (_, sent), (_, delivered) = steps = story(1001)

        assert [topic for topic, _ in steps] == [
            "orders/create",
            "orders/paid",
            "fulfillments/create",
            "orders/fulfilled",
            "fulfillments/update",
        ]
        assert [created["financial_status"], paid["financial_status"]] == ["pending", "paid"]
        assert (sent["fulfillment_status"], sent["fulfillments"]) == ("fulfilled", [packed])
        assert (packed["status"], delivered["shipment_status"]) == ("success", "delivered")
        assert packed["tracking_number"] == packed["tracking_numbers"][0]
        assert {packed["order_id"], delivered["order_id"]} == {created["id"]}

    def test_some_orders_are_cancelled_instead(self) -> None:
        (_, created), _, (topic, cancelled) = story(1003)

        assert (topic, cancelled["financial_status"]) == ("orders/cancelled", "refunded")
        assert created["cancelled_at"] is None
        assert datetime.fromisoformat(cancelled["cancelled_at"]) == NOON

    @pytest.mark.parametrize("number", range(1001, 1030))
    def test_within_an_order_only_its_state_changes(self, number: int) -> None:
        steps = [step for _, step in story(number)]
        orders = [step for step in steps if "order_number" in step]
        times = [datetime.fromisoformat(step["updated_at"]) for step in steps]

        assert times == sorted(set(times))
        assert times[-1] == NOON
        assert all(datetime.fromisoformat(order["created_at"]) < times[0] for order in orders)
        for unchanging in ("id", "created_at", "customer", "shipping_address", "total_price"):
            assert len({json.dumps(order[unchanging]) for order in orders}) == 1
        bought = [[(item["id"], item["sku"], item["quantity"]) for item in step["line_items"]] for step in steps]
        assert bought == [bought[0]] * len(steps)

    def test_every_step_changes_an_order(self) -> None:
        for event in several("shopify"):
            headers = message("shopify", event).headers
            origin = Origin("shopify", event.event_id, event.event_type, headers, datetime.now(UTC))
            assert isinstance(read_effect(origin, json.loads(event.body)), OrderChange)

    def test_orders_follow_one_another_without_end(self) -> None:
        steps = [shop.next_step(place) for place in range(5_000)]

        assert len(set(steps)) == 5_000
        assert [order for order, topic in steps if topic == "orders/create"] == list(range(1001, steps[-1][0] + 1))
