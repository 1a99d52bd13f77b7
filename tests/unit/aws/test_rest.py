import json
from http import HTTPStatus

import pytest
from chalice.app import Response

from chalicelib.aws.rest import Answer, answer_error, answers
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
