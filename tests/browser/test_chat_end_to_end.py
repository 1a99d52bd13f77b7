"""The pages on a real local cloud: nothing stands in for anything but the language model."""

import random
import re
from collections.abc import Iterator
from http import HTTPStatus

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser.conftest import OpenPage
from tests.browser.real_shop import (
    PATIENCE,
    RealShop,
    ask_for_order,
    expect_answers,
    expect_status,
    log,
    real_shop,
    say,
)

PHONE, DESKTOP = {"width": 390, "height": 780}, {"width": 1180, "height": 760}

ANSWER_SECONDS = 4.0
"""About so long an order's answer takes."""

RECORD_DRAFTS = """() => {
  window.drafts = new Set();
  new MutationObserver(() => {
    const draft = document.querySelector(".draft .balloon");
    if (draft) drafts.add(draft.textContent);
  }).observe(document.getElementById("log"), { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[RealShop]:
    assert browser.is_connected()  # without one there is no need for a cloud
    with real_shop(tmp_path_factory.mktemp("shop") / ".localcloud") as shop:
        yield shop


@pytest.mark.parametrize(
    ("customer_size", "agent_size"), [(PHONE, DESKTOP), (DESKTOP, PHONE)], ids=["phone", "desktop"]
)
def test_from_a_question_to_a_person_and_back(
    open_page: OpenPage, shop: RealShop, customer_size: dict[str, int], agent_size: dict[str, int]
) -> None:
    chat = open_page(shop.address, context=f"customer {customer_size}", **customer_size)
    desk = open_page(shop.desk("Anna"), context=f"agent {agent_size}", **agent_size)
    chat.evaluate(RECORD_DRAFTS)

    ask_for_order(chat)

    expect(log(chat)).to_contain_text("Your order 1001 is delivered.")
    assert chat.evaluate("drafts.size") > 2, "the answer streams"
    shop.expect_shown(chat, chat)

    say(chat, "I want to talk to a person")
    expect_status(chat, "Passed on to our team")
    shop.expect_shown(chat, chat)
    desk.get_by_role("button", name=re.compile("^Take")).click(timeout=PATIENCE)
    expect_status(chat, "You are talking with our team")
    shop.expect_shown(desk, chat)
    say(desk, "Anna here. <b>What</b> can I do for you?")
    expect(log(chat)).to_contain_text("Anna here. <b>What</b>", timeout=PATIENCE)
    say(chat, "The cover is torn.")
    expect(log(desk)).to_contain_text("The cover is torn.", timeout=PATIENCE)
    shop.expect_shown(desk, chat)

    desk.get_by_role("button", name="Return to MangaAssist").click()
    expect(desk.locator("#standing")).to_have_text("Back with MangaAssist", timeout=PATIENCE)
    expect_status(chat, "Here to help")
    say(chat, "hello")
    expect_answers(chat, 4)
    shop.expect_shown(chat, chat)

    chat.get_by_role("button", name="Talk to a person").click()
    if desk.get_by_role("button", name="Back to the lists").is_visible():
        desk.get_by_role("button", name="Back to the lists").click()
    desk.get_by_role("button", name=re.compile("^Take")).click(timeout=PATIENCE)
    desk.get_by_role("button", name="End", exact=True).click(timeout=PATIENCE)
    desk.get_by_role("dialog").get_by_role("button", name="End it").click()
    expect_status(chat, "This conversation has ended")
    shop.expect_shown(chat, chat)
    for page in (chat, desk):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pages_of_other_origins_open_no_session(open_page: OpenPage, shop: RealShop) -> None:
    page = open_page(shop.address.replace("127.0.0.1", "localhost"), context="localhost")
    expect_status(page, "Here to help")

    answer = requests.post(f"{shop.address}/chat/sessions", headers={"Origin": "https://evil.example"}, timeout=30)

    assert (answer.status_code, answer.json()["code"]) == (HTTPStatus.UNAUTHORIZED, "unauthorized")


def test_reloads_at_any_moment_of_an_answer_lose_and_double_nothing(open_page: OpenPage, shop: RealShop) -> None:
    page = open_page(shop.address, context="reloads")
    ask_for_order(page)
    seed = random.randrange(1000)
    chance = random.Random(seed)
    for number in range(5):
        say(page, f"where is my order 1001? ({number})")
        for _ in range(2):
            page.wait_for_timeout(1000 * chance.uniform(0, ANSWER_SECONDS / 2))
            page.reload()
        expect_answers(page, 3 + number)
        shop.expect_shown(page, page)
    authors = [author for author, _ in shop.told(page)]
    assert authors == ["customer", "bot"] * 7, f"seed {seed}"


def test_the_page_comes_back_after_the_cloud_died(open_page: OpenPage, shop: RealShop) -> None:
    page = open_page(shop.address, context="kill")
    expect_status(page, "Here to help")
    say(page, "hello")
    expect_answers(page, 1)
    page.wait_for_timeout(6000)  # MiniStack saves its state every five seconds

    shop.cloud.command("kill", "ministack")
    expect_status(page, "Connection lost")
    say(page, "still there?")

    expect_answers(page, 2)
    shop.expect_shown(page, page)
