"""The pages on a real local cloud: nothing stands in for anything but the language model."""

import random
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from chalicelib.aws.secrets import SecretCache
from chalicelib.aws.tables import Table
from chalicelib.chat.sessions import Sessions
from chalicelib.chat.tokens import Tokens
from chalicelib.webhooks.secrets import SourceSecrets
from tests.browser.conftest import OpenPage
from tests.browser.shown import SHOWN, UNSETTLED
from tests.integration.conftest import STAGE_PREFIX, Cloud, eventually, start_cloud

PHONE, DESKTOP = {"width": 390, "height": 780}, {"width": 1180, "height": 760}
PATIENCE = 30_000
"""Milliseconds: a function's first start, the model's pauses, and a busy machine."""

ANSWER_SECONDS = 4.0
"""About so long an order's answer takes."""

RECORD_DRAFTS = """() => {
  window.drafts = new Set();
  new MutationObserver(() => {
    const draft = document.querySelector(".draft .balloon");
    if (draft) drafts.add(draft.textContent);
  }).observe(document.getElementById("log"), { subtree: true, childList: true, characterData: true });
}"""


@dataclass
class Shop:
    """A local cloud that knows order 1001."""

    cloud: Cloud

    @property
    def address(self) -> str:
        return self.cloud.endpoints.http

    def desk(self, agent: str) -> str:
        """The address with which an agent signs in."""
        cache = SecretCache(self.cloud.client("secretsmanager"), time.monotonic)
        tokens = Tokens(SourceSecrets(cache, "frontdesk/local/", time.time), time.time)
        return f"{self.address}/desk#token={tokens.agent_token(agent, 3600)[0]}"

    def told(self, page: Page) -> list[list[str]]:
        """Who said what, as the table has it, in the conversation of a customer's page."""
        kept = page.evaluate("JSON.parse(localStorage.getItem('mangaassist.session')).session_id")
        sessions = Sessions(Table(self.cloud.client("dynamodb"), STAGE_PREFIX + "sessions"), time.time, lambda: "")
        return [[turn.author, turn.content] for turn in sessions.turns(kept)]

    def expect_shown(self, page: Page, customer: Page) -> None:
        """In the end a page shows what is stored of the customer's conversation, no more and no less."""
        told = self.told(customer)
        deadline = time.monotonic() + PATIENCE / 1000
        while page.evaluate(SHOWN) != told or page.locator(UNSETTLED).count():
            if time.monotonic() > deadline:
                assert page.evaluate(SHOWN) == told
                expect(page.locator(UNSETTLED)).to_have_count(0)
            page.wait_for_timeout(50)
            told = self.told(customer)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Shop]:
    assert browser.is_connected()
    cloud = start_cloud(tmp_path_factory.mktemp("shop") / ".localcloud", "--no-reload")
    cloud.command("send", "shopify", "--count", "5")
    eventually(lambda: cloud.query("select 1 from orders where number = 1001 and status = 'delivered'"), seconds=30)
    yield Shop(cloud)
    cloud.stop(signal.SIGTERM)


def say(page: Page, text: str) -> None:
    box = page.get_by_role("textbox")
    box.fill(text)
    box.press("Enter")


def log(page: Page) -> Locator:
    return page.get_by_role("log")


def expect_status(page: Page, text: str) -> None:
    expect(page.locator("#status")).to_have_text(text, timeout=PATIENCE)


def expect_answers(page: Page, number: int) -> None:
    expect(page.locator(".turn-bot.stored")).to_have_count(number, timeout=PATIENCE)


def ask_for_order(page: Page) -> None:
    expect_status(page, "Here to help")
    say(page, "where is my order 1001?")
    expect_answers(page, 1)
    say(page, "aiko@example.com")
    expect_answers(page, 2)


@pytest.mark.parametrize(
    ("customer_size", "agent_size"), [(PHONE, DESKTOP), (DESKTOP, PHONE)], ids=["phone", "desktop"]
)
def test_from_a_question_to_a_person_and_back(
    open_page: OpenPage, shop: Shop, customer_size: dict[str, int], agent_size: dict[str, int]
) -> None:
    chat = open_page(shop.address, context=f"customer {customer_size}", **customer_size)
    desk = open_page(shop.desk("Anna"), context=f"agent {agent_size}", **agent_size)
    chat.evaluate(RECORD_DRAFTS)

    ask_for_order(chat)

    expect(log(chat)).to_contain_text("Your order 1001 is delivered.")
    assert chat.evaluate("drafts.size") > 2, "the answer streams"
    shop.expect_shown(chat, chat)

    say(chat, "I want to talk to a person")
    expect_status(chat, "Waiting for a person")
    shop.expect_shown(chat, chat)
    desk.get_by_role("button", name=re.compile("^Take")).click(timeout=PATIENCE)
    expect_status(chat, "You are talking with a person")
    shop.expect_shown(desk, chat)
    say(desk, "Anna here. <b>What</b> can I do for you?")
    expect(log(chat)).to_contain_text("Anna here. <b>What</b>", timeout=PATIENCE)
    say(chat, "The cover is torn.")
    expect(log(desk)).to_contain_text("The cover is torn.", timeout=PATIENCE)
    shop.expect_shown(desk, chat)

    desk.get_by_role("button", name="Return to bot").click()
    expect(desk.locator("#standing")).to_have_text("Back with the bot", timeout=PATIENCE)
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


def test_reloads_at_any_moment_of_an_answer_lose_and_double_nothing(open_page: OpenPage, shop: Shop) -> None:
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


def test_the_page_comes_back_after_the_cloud_died(open_page: OpenPage, shop: Shop) -> None:
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
