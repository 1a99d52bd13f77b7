"""Pictures of the pages for the documentation: ``python -m tests.browser.screenshots`` writes them to docs/images."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, find_chromium
from tests.browser.real_shop import PATIENCE, ask_for_order, expect_status, log, real_shop, say
from tests.browser.shop import Shop
from tests.browser.stand_in import Session, StandIn, echo, streamed

IMAGES = Path(__file__).parents[2] / "docs" / "images"

TORN = "Volume 3 of the last parcel had a torn cover."

PHONE, DESKTOP = (390, 780), (1180, 760)

TALK = [
    ("customer", "Hi! Where is my order 10482?"),
    (
        "bot",
        """Order 10482 left our warehouse on Tuesday. The carrier expects to deliver it tomorrow before noon.

You can follow it here: https://shop.example/orders/10482""",
    ),
    ("customer", "Great. Volume 3 of the last parcel had a torn cover though."),
    ("bot", "I am sorry about that. Would you like a new copy, or your money back?"),
    ("customer", "A new copy please. Can I talk to somebody?"),
    ("system", "Anna from the shop has joined."),
    ("agent", "Hello, Anna here. A new copy is packed and leaves with tonight's parcel. You may keep the torn one."),
]


def ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def told(session: Session, turns: list[tuple[str, str]]) -> Session:
    for number, (author, content) in enumerate(turns):
        session.store(author, content, f"m-{number}" if author == "customer" else None)
    return session


def visit(browser: Browser, address: str, size: tuple[int, int], *, dark: bool = False) -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    page.goto(address)
    return page


def save(page: Page, name: str) -> None:
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


def chat(browser: Browser, stand_in: StandIn) -> None:
    save(visit(browser, stand_in.address, PHONE), "chat-phone-welcome")
    page = visit(browser, stand_in.address, PHONE, dark=True)
    expect_status(page, "Here to help")
    session = told(stand_in.session, TALK)
    session.status = "handoff"
    page.reload()
    page.get_by_role("log").get_by_text("Anna here").wait_for()
    save(page, "chat-phone-dark")
    stand_in.answer = lambda _session, message_id, _content: streamed(
        message_id, "We send everything ", "within one working day. ", "Within the EU a parcel "
    )
    page = visit(browser, stand_in.address, PHONE)
    page.get_by_role("button", name="How long does shipping take?").click()
    page.get_by_text("Within the EU a parcel").wait_for()
    save(page, "chat-phone-streaming")


def embedded(browser: Browser, stand_in: StandIn) -> None:
    shop = Shop(script=f"{stand_in.address}/assets/embed.js", identity=None)
    stand_in.shops = [shop.address]
    stand_in.answer = echo
    page = visit(browser, shop.address, DESKTOP)
    page.get_by_role("button", name="Chat with MangaAssist").click()
    page.frame_locator("iframe").get_by_text("Here to help").wait_for()
    save(page, "chat-in-a-shop")
    shop.stop()


def desk(browser: Browser, stand_in: StandIn) -> None:
    stand_in.sessions.clear()
    for number, (customer, reason) in enumerate(
        [("Ben Okafor", "Refund for order 10377"), ("anonymous", "Can I change the address of my order?")]
    ):
        session = Session(f"{number}c7e41f09d2b", "waiting", customer, reason, since=ago(7 - 4 * number))
        stand_in.sessions[session.session_id] = session
    summary = "Order 10482 arrives tomorrow. Volume 3 of an earlier parcel had a torn cover; Aiko wants a new copy."
    aiko = told(
        Session("5e80b1fa4c63", "handoff", "Aiko Tanaka", TORN, summary=summary, agent="Anna", since=ago(12)), TALK
    )
    clara = told(
        Session("a94d02c7e5f8", "handoff", "Clara Weiss", "Where is my parcel?", agent="Anna", since=ago(31)), TALK[:2]
    )
    stand_in.sessions |= {session.session_id: session for session in (aiko, clara)}
    page = visit(browser, f"{stand_in.address}/desk#token=agent-token", DESKTOP, dark=True)
    page.get_by_role("button", name=re.compile("^Aiko")).click()
    page.get_by_role("log").get_by_text("Anna here").wait_for()
    stand_in.write_as_customer(clara, "Thank you, that is kind!")
    save(page, "desk-desktop-dark")
    save(visit(browser, f"{stand_in.address}/desk#token=agent-token", PHONE), "desk-phone-lists")
    save(visit(browser, f"{stand_in.address}/desk", PHONE), "desk-phone-sign-in")


def real(browser: Browser) -> None:
    """The chat and the desk as they are on a local cloud: an order's answer, and then a person."""
    with TemporaryDirectory() as directory, real_shop(Path(directory) / ".localcloud") as shop:
        chat = visit(browser, shop.address, PHONE)
        ask_for_order(chat)
        shop.expect_shown(chat, chat)
        take_both(chat, "chat")
        desk = visit(browser, shop.desk("Anna"), DESKTOP)
        say(chat, "I want to talk to a person")
        expect_status(chat, "Passed on to our team")
        desk.get_by_role("button", name=re.compile("^Take")).click(timeout=PATIENCE)
        log(desk).get_by_text("Anna has joined").wait_for(timeout=PATIENCE)
        say(desk, "Hello, Anna here. What can I do for you?")
        log(chat).get_by_text("Anna here").wait_for(timeout=PATIENCE)
        say(chat, "One cover is torn. Can I have a new copy?")
        shop.expect_shown(desk, chat)
        take_both(desk, "desk")
        chat.close()
        desk.close()


def take_both(page: Page, name: str) -> None:
    for place, (width, height) in (("phone", PHONE), ("desktop", DESKTOP)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(300)
        page.screenshot(path=IMAGES / f"{name}-{place}.png")


def main() -> None:
    stand_in = StandIn().start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        chat(browser, stand_in)
        embedded(browser, stand_in)
        desk(browser, stand_in)
        real(browser)
        browser.close()
    stand_in.stop()


if __name__ == "__main__":
    main()
