import json

import pytest

from chalicelib.errors import InvalidBodyError, NotFoundError
from chalicelib.webhooks.signatures import SignatureError, verify
from chalicelib.webhooks.sources import READ_AS_FORM, SOURCES, Message, find_source


def test_github_is_identified_by_its_headers() -> None:
    message = Message({"x-github-delivery": "72d3162e", "x-github-event": "push"}, b"not even JSON")

    assert SOURCES["github"].identify(message) == ("72d3162e", "push")


def test_a_body_may_name_its_id_and_type() -> None:
    message = Message({}, b'{"id": "parcel-7", "type": "parcel.delivered"}')

    assert SOURCES["hmac-sha256"].identify(message) == ("parcel-7", "parcel.delivered")


@pytest.mark.parametrize("value", [None, 7, "", "x" * 256, "a\nb", "a\u0000", "\ud800", ["a"]])
def test_what_is_no_name_counts_as_absent(value: object) -> None:
    message = Message({}, json.dumps({"id": value, "type": value}).encode())

    assert SOURCES["hmac-sha256"].identify(message) == (None, None)


def test_a_body_that_is_no_json_has_no_name() -> None:
    assert SOURCES["hmac-sha256"].identify(Message({}, b"[1]")) == (None, None)
    assert SOURCES["hmac-sha256"].identify(Message({}, b"\xff")) == (None, None)


def test_a_body_is_checked_against_the_shape_of_its_source() -> None:
    with pytest.raises(InvalidBodyError):
        SOURCES["standard-webhooks"].check(Message({}, b"{}"))
    assert SOURCES["github"].check(Message({}, b"{}")).text == "{}"


def test_a_form_that_lacks_something_is_said_to_have_been_read_as_one() -> None:
    body = b'{"type": "parcel.delivered"}'
    as_form = Message({"content-type": "application/x-www-form-urlencoded"}, body)

    with pytest.raises(InvalidBodyError) as refused:
        SOURCES["hmac-sha256"].check(as_form)
    with pytest.raises(InvalidBodyError) as untyped:
        SOURCES["hmac-sha256"].check(Message({}, b"{}"))

    assert refused.value.reasons == (*untyped.value.reasons, READ_AS_FORM)
    assert SOURCES["hmac-sha256"].check(Message({}, body)).value == {"type": "parcel.delivered"}


def test_only_known_sources_are_found() -> None:
    assert find_source("github").name == "github"
    for name in ("", "GitHub", "github/", "__class__", "../github"):
        with pytest.raises(NotFoundError):
            find_source(name)


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_every_source_has_a_scheme_that_exists(source: object) -> None:
    scheme = source.scheme  # type: ignore[attr-defined]

    with pytest.raises(SignatureError) as refused:
        verify(scheme, body=b"", headers={}, secrets=["c2VjcmV0"], now=0.0)
    assert "no signature scheme" not in str(refused.value)


def test_a_form_is_read_by_its_content_type() -> None:
    headers = {"content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8", "i-twilio-idempotency-token": "t"}

    assert SOURCES["twilio"].identify(Message(headers, b"MessageStatus=sent")) == ("t", "sent")
    assert SOURCES["twilio"].identify(Message({}, b"MessageStatus=sent")) == (None, None)


def test_slack_names_the_event_inside() -> None:
    event = Message({}, b'{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}')
    command = Message({"content-type": "application/x-www-form-urlencoded"}, b"command=%2Forder&text=1001")

    assert SOURCES["slack"].identify(event) == ("Ev1", "app_mention")
    assert SOURCES["slack"].identify(command) == (None, "/order")


@pytest.mark.parametrize("prefix", ["x-shopify-", "shopify-"])
def test_shopify_has_two_spellings_of_its_headers(prefix: str) -> None:
    message = Message({f"{prefix}webhook-id": "w1", f"{prefix}topic": "orders/paid"}, b"{}")

    assert SOURCES["shopify"].identify(message) == ("w1", "orders/paid")
