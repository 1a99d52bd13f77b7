"""What the page ``/phone`` asks, over real HTTP."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from aiohttp import web
from botocore.exceptions import EndpointConnectionError

from infra.languages import LanguageError
from localcloud.phone.page import CALLS, Phone
from tests.unit.localcloud.model.serving import Running
from tests.unit.localcloud.phone.codehook import FakeCodehook, answer, bot, elicit
from tests.unit.localcloud.strangers import STRANGERS

BOTS = {"en_US": bot(), "es_US": bot("es_US")}


class Line:
    """The phone's server, with a codehook that a test fills."""

    def __init__(self) -> None:
        self.codehook: Any = FakeCodehook()
        application = web.Application()
        Phone(self._ask, self.bots).add_routes(application)
        self._running = Running(application)
        self.fault: Exception | None = None

    def bots(self) -> dict[str, Any]:
        if self.fault:
            raise self.fault
        return BOTS

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        return requests.get(f"{self._running.url}{path}", headers=headers, timeout=10)

    def send(self, body: bytes, headers: Mapping[str, str]) -> requests.Response:
        return requests.post(f"{self._running.url}/phone/calls", data=body, headers=headers, timeout=10)

    def post(self, path: str, body: Any) -> requests.Response:
        return requests.post(f"{self._running.url}/phone/{path}", json=body, timeout=10)

    def begin(self, locale: str = "en_US") -> str:
        return str(self.post("calls", {"locale": locale}).json()["call"])

    def _ask(self, event: dict[str, Any]) -> Any:
        return self.codehook(event)

    def stop(self) -> None:
        self._running.stop()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.stop()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/phone", "text/html"), ("/phone/phone.css", "text/css"), ("/phone/phone.js", "text/javascript")],
)
def test_the_page_runs_nothing_but_its_own_files(line: Line, path: str, kind: str) -> None:
    answer = line.get(path)

    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/phone/other.js", "/phone/..%2fpage.py"])
def test_there_are_no_other_files(line: Line, path: str) -> None:
    assert line.get(path).status_code == 404


def test_languages_are_told(line: Line) -> None:
    assert line.get("/phone/locales").json() == {"locales": ["en_US", "es_US"]}


def test_a_call_is_made_keyed_and_ended(line: Line) -> None:
    line.codehook = FakeCodehook(elicit("Pin", "PIN?"), elicit("Pin", "Again?"), answer("Close", "Thank you."))
    begun = line.post("calls", {"locale": "en_US"}).json()
    path = f"calls/{begun['call']}"

    first = line.post(path, {"say": "verify me"}).json()
    second = line.post(path, {}).json()
    third = line.post(path, {"keys": "1234#"}).json()

    assert (begun["heard"], begun["digits"]) == ([], None)
    assert (first["heard"], first["digits"], first["ended"]) == (["PIN?"], 4, False)
    assert second["heard"] == ["Again?"]
    assert (third["heard"], third["ended"]) == (["Thank you.", "(the call has ended)"], True)
    assert [event["inputMode"] for event in line.codehook.events] == ["Speech", "Speech", "DTMF"]
    assert [one["event"]["inputTranscript"] for one in third["exchanges"]] == ["1234"]
    assert line.post(path, {"say": "hello"}).status_code == 404


def test_calls_are_in_their_language(line: Line) -> None:
    line.codehook = FakeCodehook(answer("Close", "Adiós."))

    line.post(f"calls/{line.begin('es_US')}", {"say": "ayuda"})

    assert line.codehook.events[0]["bot"]["localeId"] == "es_US"


def test_old_calls_are_forgotten(line: Line) -> None:
    first = line.begin()
    for _ in range(CALLS):
        line.begin()

    assert line.post(f"calls/{first}", {"say": "help"}).json() == {
        "code": "not_found",
        "message": "This call has ended: begin another one.",
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("calls", {"locale": "tlh"}),
        ("calls", []),
        ("calls/{call}", {"say": 1}),
        ("calls/{call}", {"say": "x", "keys": "1"}),
        ("calls/{call}", {"keys": "12ab"}),
        ("calls/{call}", {"say": "x" * 1_025}),
        ("calls/{call}", {"keys": "1" * 51}),
    ],
)
def test_what_is_malformed_is_refused(line: Line, path: str, body: Any) -> None:
    refused = line.post(path.replace("{call}", line.begin()), body)

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[" * 10_000, "application/json", 400),
        (b"[" * 100_000, "application/json", 413),
        (b'{"locale": "en_US"}', "application/json; charset=bogus", 400),
        (b'{"locale": "\xff"}', "application/json", 400),
        (b"", "application/json", 400),
        (b'{"locale": "' + b"x" * 16_384 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_small_object_is_refused(line: Line, body: bytes, kind: str, status: int) -> None:
    refused = line.send(body, {"Content-Type": kind})

    assert (refused.status_code, refused.headers["Content-Type"]) == (status, "application/json; charset=utf-8")
    assert refused.json()["code"] == {400: "bad_request", 413: "too_large"}[status]


def test_another_sites_form_cannot_call(line: Line) -> None:
    refused = line.send(b'{"locale": "en_US"}', {"Content-Type": "text/plain"})

    assert refused.status_code == 415


@pytest.mark.parametrize("headers", STRANGERS)
def test_another_sites_page_cannot_call(line: Line, headers: dict[str, str]) -> None:
    refused = line.send(b'{"locale": "en_US"}', {"Content-Type": "application/json", **headers})

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert line.get("/phone", headers).status_code == 403


def test_a_cloud_that_does_not_answer_is_told(line: Line) -> None:
    call = line.begin()
    line.codehook = FakeCodehook(EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))

    refused = line.post(f"calls/{call}", {"say": "help"})

    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "MiniStack may be restarting" in refused.json()["message"]


def test_a_bot_that_is_none_is_told(line: Line) -> None:
    line.fault = LanguageError("en_US: there is no message ask_pin.")

    refused = line.post("calls", {"locale": "en_US"})

    assert (refused.status_code, refused.json()["message"]) == (
        503,
        "There is no bot to call: en_US: there is no message ask_pin.",
    )
