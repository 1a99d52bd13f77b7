import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.shop import Shop
from tests.browser.stand_in import StandIn


def identity_of(subject: str) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": subject}).encode()).decode().rstrip("=")
    return f"e30.{claims}.signature"


AIKO, BEN = identity_of("aiko"), identity_of("ben")


@pytest.fixture
def shop(stand_in: StandIn) -> Iterator[Shop]:
    running = Shop(script=f"{stand_in.address}/assets/embed.js", identity=AIKO)
    stand_in.shops = [running.address]
    yield running
    running.stop()


def open_shop(open_page: OpenPage, shop: Shop, **options: Any) -> Page:
    page = open_page(shop.address, **options)
    page.get_by_role("button", name="Chat with MangaAssist").click()
    return page


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Chat with MangaAssist']")


def is_ready(page: Page) -> None:
    expect(chat(page).get_by_role("button", name="Talk to a person")).to_be_visible()


def test_one_script_tag_brings_the_chat_to_a_shop(open_page: OpenPage, stand_in: StandIn, shop: Shop) -> None:
    page = open_shop(open_page, shop)
    is_ready(page)
    assert stand_in.requests == [{"identity": AIKO}]
    box = chat(page).get_by_role("textbox", name="Your message")
    expect(box).to_be_focused()

    box.fill("hello from the shop")
    box.press("Enter")

    expect(chat(page).get_by_role("log")).to_contain_text("You said: hello from the shop")
    box.press("Escape")
    launcher = page.get_by_role("button", name="Chat with MangaAssist")
    expect(launcher).to_be_focused()
    expect(box).to_be_hidden()
    stand_in.tell(stand_in.session, "agent", "One more thing")
    page.get_by_role("button", name="Chat with MangaAssist, 1 unread").click()
    expect(chat(page).get_by_text("One more thing")).to_be_visible()
    assert AIKO not in page.frames[1].url


def test_the_conversation_is_the_customers_who_is_signed_in(open_page: OpenPage, stand_in: StandIn, shop: Shop) -> None:
    page = open_shop(open_page, shop)
    is_ready(page)
    page.reload()
    page.get_by_role("button", name="Chat with MangaAssist").click()
    is_ready(page)
    assert set(stand_in.requests[-1]) == {"token"}
    assert len(stand_in.sessions) == 1

    page.evaluate("(jwt) => { document.querySelector('script[data-identity]').dataset.identity = jwt; }", BEN)
    expect(chat(page).locator("body")).to_have_attribute("data-link", "open")
    stand_in.wait_until(lambda: stand_in.requests[-1] == {"identity": BEN})
    is_ready(page)
    page.evaluate("() => { delete document.querySelector('script[data-identity]').dataset.identity; }")
    stand_in.wait_until(lambda: stand_in.requests[-1] == {})

    is_ready(page)
    assert len(stand_in.sessions) == 3


def test_an_identity_that_is_too_old_leaves_a_visitor_without_a_name(
    open_page: OpenPage, stand_in: StandIn, shop: Shop
) -> None:
    stand_in.refusals = [(401, {"code": "unauthorized", "message": "Too old."})]

    page = open_shop(open_page, shop)

    is_ready(page)
    assert stand_in.requests == [{"identity": AIKO}, {}]


def test_a_shop_that_is_not_allowed_gets_no_chat(open_page: OpenPage, stand_in: StandIn, shop: Shop) -> None:
    stand_in.shops = ["https://another.example"]

    page = open_shop(open_page, shop, allow_refused_frames=True, width=390, height=844)

    says_so = page.get_by_text("The chat is not available at the moment.")
    expect(says_so).to_be_visible()
    expect(page.locator("iframe")).to_be_hidden()
    assert stand_in.requests == []
    page.get_by_role("button", name="Close", exact=True).click()
    expect(says_so).to_be_hidden()
    launcher = page.get_by_role("button", name="Chat with MangaAssist")
    expect(launcher).to_be_focused()
    stand_in.shops = [shop.address]
    launcher.click()
    is_ready(page)


def test_a_chat_that_does_not_come_can_be_closed_at_once(open_page: OpenPage, stand_in: StandIn, shop: Shop) -> None:
    stand_in.shops = ["https://another.example"]
    page = open_shop(open_page, shop, allow_refused_frames=True, width=390, height=844)

    page.keyboard.press("Escape")

    expect(page.locator("iframe")).to_have_count(0)
    page.get_by_role("button", name="Chat with MangaAssist").click()
    page.get_by_role("button", name="Close the chat").click()
    expect(page.locator("iframe")).to_have_count(0)
    page.wait_for_timeout(1600)  # longer than one waits for the chat
    expect(page.get_by_text("The chat is not available at the moment.")).to_be_hidden()


def test_a_chat_that_comes_late_is_shown_after_all(open_page: OpenPage, stand_in: StandIn, shop: Shop) -> None:
    page = open_page("about:blank", context="with a clock of its own", width=390, height=844)
    page.clock.install()
    page.goto(shop.address)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    script = f"{stand_in.address}/assets/chat.js"
    page.route(script, hold)
    with page.expect_request(script):
        page.get_by_role("button", name="Chat with MangaAssist").click()
    expect(page.get_by_role("button", name="Close the chat")).to_be_visible()

    page.clock.run_for(8_000)

    says_so = page.get_by_text("The chat is not available at the moment.")
    expect(says_so).to_be_visible()
    held[0].continue_()
    is_ready(page)
    expect(says_so).to_be_hidden()
    expect(page.get_by_role("button", name="Close the chat", exact=True)).to_be_hidden()


def test_nobody_but_the_shop_is_listened_to(open_page: OpenPage, stand_in: StandIn, shop: Shop) -> None:
    shop.identity = None
    page = open_shop(open_page, shop)
    is_ready(page)
    assert stand_in.requests == [{}]
    forged = {"type": "frontdesk:identity", "identity": BEN}

    chat(page).locator("body").evaluate("(_, message) => window.postMessage(message, '*')", forged)
    page.evaluate("(message) => window.postMessage({ type: 'frontdesk:minimize' }, '*')", forged)
    page.wait_for_timeout(300)

    assert stand_in.requests == [{}]
    is_ready(page)


def test_the_launcher_stays_small_and_the_chat_fills_a_phone(
    open_page: OpenPage, stand_in: StandIn, shop: Shop
) -> None:
    page = open_shop(open_page, shop, width=320, height=640)
    is_ready(page)

    assert page.locator("iframe").bounding_box() == {"x": 0, "y": 0, "width": 320, "height": 640}
    chat(page).get_by_role("button", name="Where is my order?").click()
    expect(chat(page).locator(".turn-bot.stored")).to_be_visible()
    for place in ("html", "h1"):
        assert chat(page).locator(place).evaluate("(element) => element.scrollWidth <= element.clientWidth")
    chat(page).get_by_role("button", name="Close the chat window").click()
    expect(page.locator("iframe")).to_be_hidden()
    expect(page.get_by_role("button", name="Chat with MangaAssist")).to_be_focused()
