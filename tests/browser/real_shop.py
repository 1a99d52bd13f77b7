"""A real local cloud whose shop knows order 1001, and what people do on its pages."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner
from playwright.sync_api import Locator, Page, expect

from chalicelib.aws.tables import Table
from chalicelib.chat.sessions import Sessions
from ops.cli import main as ops
from tests.browser.shown import SHOWN, UNSETTLED
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually, start_cloud

PATIENCE = 30_000
"""Milliseconds: a function's first start, the model's pauses, and a busy machine."""


@dataclass
class RealShop:
    """A local cloud that knows order 1001."""

    cloud: Cloud

    @property
    def address(self) -> str:
        return self.cloud.endpoints.http

    def desk(self, agent: str) -> str:
        """The address with which an agent signs in, with a token as operators make it."""
        arguments = ["--directory", str(self.cloud.layout.directory), "agents", "token", agent]
        made = CliRunner().invoke(ops, arguments)
        assert made.exit_code == 0, made.output
        return f"{self.address}/desk#token={made.stdout.strip()}"

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


@contextmanager
def real_shop(directory: Path) -> Iterator[RealShop]:
    """A local cloud in ``directory`` in which order 1001 was placed, paid, packed, sent and delivered."""
    cloud = start_cloud(directory, "--no-reload")
    try:
        cloud.command("send", "shopify", "--count", "5")
        delivered = "select 1 from orders where number = 1001 and status = 'delivered'"
        eventually(lambda: cloud.query(delivered), seconds=30)
        yield RealShop(cloud)
    finally:
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
