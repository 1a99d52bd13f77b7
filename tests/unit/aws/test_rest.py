import json
from http import HTTPStatus
from typing import Any

import pytest
from chalice.app import Chalice, Request, Response

from chalicelib.aws.rest import Answer, HttpRequest, answer_error, answers, read_request
from chalicelib.aws.tables import ConditionFailedError
from chalicelib.errors import (
    FrontdeskError,
    InvalidBodyError,
    NotFoundError,
    RequestError,
    SettingsError,
    SignatureError,
    TooLargeError,
    UnavailableError,
)
from tests.builders import rest_event


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RequestError("no"), 400, "bad_request"),
        (InvalidBodyError(["no"]), 400, "invalid_body"),
        (SignatureError("no"), 401, "invalid_signature"),
        (NotFoundError("no"), 404, "not_found"),
        (TooLargeError("no"), 413, "too_large"),
        (UnavailableError("no"), 503, "unavailable"),
        (SettingsError("STAGE is missing"), 500, "internal"),
        (FrontdeskError("secret"), 500, "internal"),
        (RuntimeError("secret"), 500, "internal"),
    ],
)
def test_each_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    answer = answer_error(error)

    assert answer.status_code == status
    assert answer.body["code"] == code
    assert set(answer.body) <= {"code", "message", "reasons"}


def test_an_invalid_body_is_answered_with_its_reasons() -> None:
    answer = answer_error(InvalidBodyError(["`type` is missing.", "`data` is missing."]))

    assert answer.body["reasons"] == ("`type` is missing.", "`data` is missing.")


def test_unavailable_says_when_to_come_back() -> None:
    assert answer_error(UnavailableError("later", retry_after=7)).headers == {"Retry-After": "7"}


def test_what_was_not_raised_on_purpose_is_logged_and_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    answer = answer_error(RuntimeError("arn:aws:iam::123456789012:role/secret"))

    assert "secret" not in json.dumps(answer.body)
    assert "RuntimeError" in capsys.readouterr().out


def test_a_view_answers_with_its_status_or_its_error() -> None:
    @answers
    def view(good: bool) -> Answer:
        if good:
            return Answer({"status": "accepted"}, HTTPStatus.ACCEPTED)
        raise NotFoundError("There is no such source.")

    good, bad = view(good=True), view(good=False)

    assert isinstance(good, Response)
    assert (good.status_code, good.body) == (202, {"status": "accepted"})
    assert (bad.status_code, bad.body["code"]) == (404, "not_found")


def test_an_answer_may_be_a_text() -> None:
    @answers
    def view() -> Answer:
        return Answer("1158201444", content_type="text/plain")

    response = view()

    assert (response.status_code, response.body) == (200, "1158201444")
    assert response.headers == {"X-Content-Type-Options": "nosniff", "Content-Type": "text/plain"}


class TestRequests:
    def read(self, **changes: Any) -> HttpRequest:
        app = Chalice(app_name="test")
        app.current_request = Request(rest_event("twilio", b"a=b", {"X-Twilio-Signature": "x"}) | changes)
        return read_request(app)

    def test_what_arrives_becomes_plain_values(self) -> None:
        request = self.read()

        assert (request.body, request.headers["x-twilio-signature"]) == (b"a=b", "x")
        assert request.request_id == "6c1f6f0e-2c5e-4a55-9d3a-0f1e2d3c4b5a"
        assert request.query == {}

    def test_when_the_gateway_had_it_is_known(self) -> None:
        context = rest_event("github", b"", {})["requestContext"]
        without = {name: value for name, value in context.items() if name != "requestTimeEpoch"}

        assert self.read().arrived_at == 1_795_176_000.0
        assert self.read(requestContext=without).arrived_at is None  # under `chalice local`

    def test_without_a_public_url_it_is_the_gateways_own(self) -> None:
        host = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"

        assert self.read().url == f"https://{host}/api/webhooks/github"

    def test_the_public_url_replaces_what_the_gateway_saw(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUBLIC_URL", "https://hooks.example.com/v1/")

        assert self.read().url == "https://hooks.example.com/v1/webhooks/twilio"

    def test_the_query_is_encoded_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUBLIC_URL", "https://hooks.example.com")
        query = {"a": ["1 2", "é&="], "bodySHA256": ["00ff"], "empty": [""]}

        request = self.read(multiValueQueryStringParameters=query)

        assert request.url == (
            "https://hooks.example.com/webhooks/twilio?a=1%202&a=%C3%A9%26%3D&bodySHA256=00ff&empty="
        )
        assert request.query == {"a": "é&=", "bodySHA256": "00ff", "empty": ""}

    def test_an_odd_name_in_the_path_stays_in_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUBLIC_URL", "https://hooks.example.com")

        request = self.read(pathParameters={"source": "../{x}?a#b"})

        assert request.url == "https://hooks.example.com/webhooks/..%2F%7Bx%7D%3Fa%23b"


@pytest.mark.parametrize("error", [ConditionFailedError([None], [True]), FrontdeskError("secret")])
def test_an_error_that_escaped_is_no_misconfiguration(
    error: FrontdeskError, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer_error(error).body == {"code": "internal", "message": "Something broke here; it is logged."}
    assert "unexpected error" in capsys.readouterr().out
    assert "misconfigured" in answer_error(SettingsError("STAGE is missing")).body["message"]
