"""The local cloud's phone in a browser, with a codehook that answers as told."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Page, expect

from chalicelib.web import assets
from localcloud.phone.page import Phone
from tests.browser.conftest import OpenPage
from tests.browser.contrasts import CONTRASTS
from tests.unit.localcloud.model.serving import Running
from tests.unit.localcloud.phone.codehook import FakeCodehook, answer, bot, elicit

BOTS = {"en_US": bot(), "es_US": bot("es_US")}


class Place:
    """The phone beside the pages' assets, as the front door has them."""

    def __init__(self) -> None:
        self.codehook: Any = FakeCodehook()
        application = web.Application()
        application.router.add_get("/assets/{name}", self._asset)
        Phone(self._ask, lambda: BOTS).add_routes(application)
        self._running = Running(application)
        self.address = f"{self._running.url}/phone"

    async def _asset(self, request: web.Request) -> web.Response:
        file = assets.asset(request.match_info["name"])
        return web.Response(body=file.body, headers=file.headers)

    def _ask(self, event: dict[str, Any]) -> Any:
        return self.codehook(event)

    def stop(self) -> None:
        self._running.stop()


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.stop()


def call(page: Page) -> None:
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("status")).to_have_text("On the line")


def say(page: Page, words: str) -> None:
    page.get_by_role("textbox", name="What you say").fill(words)
    page.get_by_role("button", name="Say", exact=True).click()


def press(page: Page, keys: str) -> None:
    for key in keys:
        page.locator(f'[data-key="{key}"]').click()


def test_a_call_by_words_and_keys(open_page: OpenPage, place: Place) -> None:
    place.codehook = FakeCodehook(elicit("Pin", "Your PIN?"), answer("Close", "Thank you."))
    page = open_page(place.address)
    log = page.get_by_role("log")

    call(page)
    say(page, "verify me")
    expect(log).to_contain_text("Your PIN?")
    press(page, "12*0042")

    expect(log).to_contain_text("Thank you.")
    expect(log.locator(".turn-own .balloon")).to_have_text(["verify me", "⌨ 0042"])
    expect(log.locator(".turn-system")).to_contain_text("the call has ended")
    expect(page.get_by_role("status")).to_have_text("Hung up")
    expect(page.get_by_role("textbox", name="What you say")).to_be_hidden()
    assert place.codehook.events[1]["inputTranscript"] == "0042"


def test_digits_may_be_ended_and_typed(open_page: OpenPage, place: Place) -> None:
    place.codehook = FakeCodehook(elicit("TransferAmount", "How much?"), answer("Close", "Good."))
    page = open_page(place.address)

    call(page)
    say(page, "make a transfer")
    expect(page.get_by_role("log")).to_contain_text("How much?")
    page.locator('[data-key="2"]').focus()
    page.keyboard.type("25")
    expect(page.locator("#digits")).to_have_text("25")
    page.keyboard.type("#")

    expect(page.get_by_role("log")).to_contain_text("Good.")
    assert place.codehook.values == {"TransferAmount": "25"}


def test_silence_another_language_and_what_was_exchanged(open_page: OpenPage, place: Place) -> None:
    place.codehook = FakeCodehook(answer("ElicitIntent", "¿Sigue ahí?"))
    page = open_page(place.address)

    page.get_by_label("Language of the call").select_option("es_US")
    call(page)
    page.get_by_role("button", name="Say nothing").click()

    expect(page.get_by_role("log")).to_contain_text("¿Sigue ahí?")
    expect(page.locator(".turn-bot")).to_have_attribute("lang", "es-US")
    page.get_by_text("What Lex and the codehook said").click()
    expect(page.locator("#events pre")).to_contain_text('"localeId": "es_US"')
    page.get_by_role("button", name="Hang up").click()
    expect(page.get_by_role("status")).to_have_text("Hung up")


def test_what_goes_wrong_is_shown_and_the_call_goes_on(open_page: OpenPage, place: Place) -> None:
    page = open_page(place.address)
    call(page)
    page.route("**/phone/calls/*", lambda route: route.fulfill(status=503, json={"message": "It is restarting."}))

    say(page, "help")

    expect(page.get_by_role("alert")).to_have_text("It is restarting.")
    page.unroute("**/phone/calls/*")
    place.codehook = FakeCodehook(answer("Close", "Good."))
    say(page, "help")
    expect(page.get_by_role("log")).to_contain_text("Good.")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("context", ["light", "dark"])
def test_everything_can_be_read_and_reached_on_a_phone(open_page: OpenPage, place: Place, context: str) -> None:
    place.codehook = FakeCodehook(elicit("Pin", "Your PIN?"))
    page = open_page(place.address, width=360, height=740, context=context)
    call(page)
    say(page, "verify me")
    expect(page.get_by_role("log")).to_contain_text("Your PIN?")

    assert page.evaluate(CONTRASTS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for key in "1234567890*#":
        box = page.locator(f'[data-key="{key}"]').bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    expect(page.get_by_text("Your PIN?", exact=True)).to_be_in_viewport()
    expect(page.get_by_role("button", name="Say", exact=True)).to_be_in_viewport()
