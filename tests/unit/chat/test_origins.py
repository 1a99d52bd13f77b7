"""Whose pages may open sessions: a browser says of which origin a page is, and nobody else has to."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

import pytest

from chalicelib.aws.rest import HttpRequest
from chalicelib.chat.opening import Opening
from chalicelib.chat.tokens import Tokens
from chalicelib.errors import SettingsError, UnauthorizedError
from chalicelib.settings import OriginSettings
from tests.fakes import FakeSecrets
from tests.unit.chat.place import open_place

HOST = MappingProxyType({"host": "abc.execute-api.eu-west-1.amazonaws.com"})
SECRETS: dict[str, Sequence[str]] = {"chat-signing": ["s" * 32]}


@pytest.fixture(scope="module")
def opening() -> Iterator[Opening]:
    with open_place() as place:
        tokens = Tokens(FakeSecrets(SECRETS), place.clock)
        origins = ("https://chat.example.com", "https://help.example.com:8443")
        yield Opening(place.sessions, tokens, "wss://socket.example.com", origins)


def request(headers: Mapping[str, str]) -> HttpRequest:
    return HttpRequest(b"{}", {**HOST, **headers}, None, "r-1")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://abc.execute-api.eu-west-1.amazonaws.com"},
        {"origin": "https://chat.example.com"},
        {"origin": "https://help.example.com:8443"},
        {"origin": "http://localhost:8000", "host": "localhost:8000"},
        {"origin": "https://chat.example.org", "host": "Chat.example.org"},
    ],
)
def test_our_own_pages_and_those_who_are_no_page_get_in(opening: Opening, headers: dict[str, str]) -> None:
    assert opening.open(request(headers)).status == HTTPStatus.CREATED


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://chat.example.com",
        "https://help.example.com",
        "https://chat.example.com.evil.example",
        "https://evil.example/https://chat.example.com",
        "abc.execute-api.eu-west-1.amazonaws.com",
        "ftp://abc.execute-api.eu-west-1.amazonaws.com",
        "https://http://abc.execute-api.eu-west-1.amazonaws.com",
        "https://abc.execute-api.eu-west-1.amazonaws.com:444",
    ],
)
def test_pages_of_other_origins_are_refused(opening: Opening, origin: str) -> None:
    with pytest.raises(UnauthorizedError, match="origin"):
        opening.open(request({"origin": origin}))


def test_a_request_without_a_host_is_no_way_around(opening: Opening) -> None:
    with pytest.raises(UnauthorizedError):
        opening.open(HttpRequest(b"{}", {"origin": "https://"}, None, "r-1"))


@pytest.mark.parametrize(
    ("variables", "origins"),
    [
        ({}, ()),
        ({"PUBLIC_URL": ""}, ()),
        ({"PUBLIC_URL": "https://Chat.example.com/api/"}, ("https://chat.example.com",)),
        ({"CHAT_ORIGINS": " https://a.example  http://b.example:81 "}, ("https://a.example", "http://b.example:81")),
        (
            {"PUBLIC_URL": "http://127.0.0.1:8000", "CHAT_ORIGINS": "https://a.example"},
            ("http://127.0.0.1:8000", "https://a.example"),
        ),
    ],
)
def test_the_origins_are_the_public_one_and_those_listed(variables: dict[str, str], origins: tuple[str, ...]) -> None:
    assert OriginSettings.from_environ(variables).origins == origins


@pytest.mark.parametrize(
    "listed", ["*", "shop.example", "https://shop.example/", "https://Shop.example", "null", "https://["]
)
def test_what_is_no_origin_is_named(listed: str) -> None:
    with pytest.raises(SettingsError, match="CHAT_ORIGINS"):
        OriginSettings.from_environ({"CHAT_ORIGINS": f"https://a.example {listed}"})
