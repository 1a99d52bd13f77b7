"""Who may command the local cloud."""

from collections.abc import Iterator

import pytest
import requests
from aiohttp import web

from localcloud.guard import guard
from tests.unit.localcloud.model.serving import Running
from tests.unit.localcloud.strangers import STRANGERS


async def answer(_: web.Request) -> web.Response:
    return web.Response(text="done")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    application = web.Application(middlewares=[guard("/phone", commands="/phone/calls")])
    application.router.add_get("/phone", answer)
    application.router.add_post("/phone/calls", answer)
    application.router.add_route("*", r"/{path:[\s\S]*}", answer)
    running = Running(application)
    yield running.url
    running.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LocalHost:80", "[::1]", "[::1]:8000"])
def test_this_machine_may_ask_by_any_of_its_names(url: str, host: str) -> None:
    for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
        assert requests.get(f"{url}/phone", headers=headers, timeout=5).status_code == 200
        assert requests.post(f"{url}/phone/calls", json={}, headers=headers, timeout=5).status_code == 200


@pytest.mark.parametrize("headers", STRANGERS)
@pytest.mark.parametrize("path", ["/phone", "/%70hone", "/phone?x=1"])
def test_strangers_are_refused(url: str, path: str, headers: dict[str, str]) -> None:
    refused = requests.get(url + path, headers=headers, timeout=5)

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("headers", STRANGERS)
@pytest.mark.parametrize("path", ["/", "/phones", "/chat", "/webhooks/shopify"])
def test_other_routes_have_their_own_rules(url: str, path: str, headers: dict[str, str]) -> None:
    sent = {"Content-Type": "text/plain", **headers}

    assert requests.post(url + path, data="x", headers=sent, timeout=5).text == "done"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_commands_are_json(url: str, kind: str | None) -> None:
    refused = requests.post(f"{url}/phone/calls", headers={"Content-Type": kind}, timeout=5)

    assert (refused.status_code, refused.json()["code"]) == (415, "bad_request")
