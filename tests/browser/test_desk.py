import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.contrasts import CONTRASTS
from tests.browser.shown import expect_shown
from tests.browser.stand_in import Session, StandIn


@pytest.fixture
def waiting(stand_in: StandIn) -> Session:
    session = Session(
        "s-1",
        status="waiting",
        customer="Aiko Tanaka",
        reason="The parcel is damaged.",
        summary="Volume 3 arrived with a torn cover. Aiko wants a new copy, not the money.",
    )
    session.store("customer", "My parcel is damaged", "c-0")
    session.store("bot", "I am sorry. Shall I call a person?")
    stand_in.sessions[session.session_id] = session
    return session


def open_desk(open_page: OpenPage, stand_in: StandIn, fragment: str = "#token=agent-token", **options: Any) -> Page:
    return open_page(f"{stand_in.address}/desk{fragment}", **options)


def reply(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your reply")


def take(page: Page, name: str = "Aiko Tanaka") -> None:
    page.get_by_role("button", name=re.compile(f"^Take {name}")).click()


def test_the_token_leaves_the_address_at_once(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_desk(open_page, stand_in)

    expect(page.get_by_role("navigation", name="Conversations")).to_be_visible()

    assert page.url == f"{stand_in.address}/desk"
    assert "agent-token" not in page.content()
    assert page.evaluate("history.length") == 2
    page.reload()
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Access token")).to_be_focused()
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_a_token_is_entered_and_a_wrong_one_refused(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_desk(open_page, stand_in, "")
    field = page.get_by_label("Access token")
    expect(field).to_be_focused()

    field.fill("wrong")
    field.press("Enter")

    expect(page.get_by_role("alert").first).to_have_text("This token is not valid, or no longer.")
    field.fill(" agent-token ")
    field.press("Enter")
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()
    expect(page.get_by_text("You have none.")).to_be_visible()
    expect(page.get_by_role("heading", name="Waiting")).to_be_focused()


def test_the_list_lives_and_the_title_counts(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_desk(open_page, stand_in)
    expect(page).to_have_title("Agent desk")

    for number in (2, 1):
        since = f"2026-01-0{number}T10:00:00+00:00"
        stand_in.sessions[f"s-{number}"] = Session(f"s-{number}", "waiting", f"Customer {number}", since=since)
    stand_in.tell_queue()

    expect(page).to_have_title("(2) Agent desk")
    expect(page.get_by_text("2 customers are waiting")).to_be_visible()
    expect(page.locator("#waiting .name")).to_contain_text(["Customer 1", "Customer 2"])


@pytest.mark.usefixtures("waiting")
def test_whoever_is_slower_is_told(open_page: OpenPage, stand_in: StandIn, waiting: Session) -> None:
    page = open_desk(open_page, stand_in)
    stand_in.claim_error = {"code": "bad_request", "message": "Bert has taken it."}
    waiting.agent = "Bert"

    take(page)

    expect(page.get_by_role("alert").filter(has_text="Bert has taken it.")).to_be_visible()
    expect(page.get_by_text("Choose a conversation.")).to_be_visible()
    expect(page.get_by_role("heading", name="Waiting")).to_be_focused()
    waiting.status = "handoff"
    stand_in.tell_queue()
    expect(page.get_by_text("Nobody is waiting.")).to_be_visible()


def test_a_conversation_from_taking_to_returning(open_page: OpenPage, stand_in: StandIn, waiting: Session) -> None:
    page = open_desk(open_page, stand_in)

    take(page)

    expect(page.get_by_role("heading", name="Aiko Tanaka")).to_be_visible()
    expect(page.get_by_text("Volume 3 arrived with a torn cover.")).to_be_visible()
    expect_shown(page, waiting)
    expect(reply(page)).to_be_focused()
    reply(page).fill("Anna here. A new copy is on its way. <b>")
    reply(page).press("Enter")
    stand_in.write_as_customer(waiting, "Thank you! <img src=x>")
    expect_shown(page, waiting)
    expect(page).to_have_title("Agent desk")
    page.get_by_role("button", name="Return to MangaAssist").click()
    expect(page.locator("#standing")).to_have_text("Back with MangaAssist")
    expect(reply(page)).to_be_hidden()
    expect(page.get_by_role("heading", name="Aiko Tanaka")).to_be_focused()
    assert waiting.status == "active"


def test_ending_asks_first(open_page: OpenPage, stand_in: StandIn, waiting: Session) -> None:
    page = open_desk(open_page, stand_in)
    take(page)
    end = page.get_by_role("button", name="End", exact=True)

    end.click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it open").click()
    assert waiting.status == "handoff"
    end.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert waiting.status == "handoff"
    end.click()
    page.get_by_role("dialog").get_by_role("button", name="End it").click()

    expect(page.locator("#standing")).to_have_text("Ended")
    expect(page.get_by_role("heading", name="Aiko Tanaka")).to_be_focused()
    assert waiting.status == "closed"


def test_unread_messages_are_counted_and_a_begun_reply_is_kept(
    open_page: OpenPage, stand_in: StandIn, waiting: Session
) -> None:
    stand_in.sessions["s-2"] = Session("s-2", "waiting", "Ben")
    page = open_desk(open_page, stand_in)
    take(page)
    reply(page).fill("half a sent")
    take(page, "Ben")
    expect(page.get_by_role("heading", name="Ben")).to_be_visible()
    expect(reply(page)).to_have_value("")

    stand_in.write_as_customer(waiting, "Hello?")
    stand_in.write_as_customer(waiting, "Anybody there?")

    row = page.get_by_role("button", name=re.compile("^Aiko Tanaka"))
    expect(row).to_contain_text("2")
    row.click()
    expect(page.get_by_label("2 unread")).to_have_count(0)
    expect(reply(page)).to_have_value("half a sent")
    expect_shown(page, waiting)


def test_a_break_and_a_reload_lose_nothing(open_page: OpenPage, stand_in: StandIn, waiting: Session) -> None:
    page = open_desk(open_page, stand_in)
    take(page)
    expect_shown(page, waiting)

    page.context.set_offline(True)
    reply(page).fill("Written in a tunnel")
    reply(page).press("Enter")
    waiting.store("customer", "Meanwhile", "c-9")
    page.context.set_offline(False)

    expect(page.locator("#log .balloon")).to_have_text(
        ["My parcel is damaged", "I am sorry. Shall I call a person?", "Meanwhile", "Written in a tunnel"]
    )
    expect_shown(page, waiting)
    page.reload()
    page.get_by_role("button", name=re.compile("^Aiko Tanaka")).click()
    expect_shown(page, waiting)


def test_a_phone_shows_one_pane_at_a_time(open_page: OpenPage, stand_in: StandIn, waiting: Session) -> None:
    page = open_desk(open_page, stand_in, width=360, height=740)
    expect(page.get_by_role("heading", name="Waiting")).to_be_visible()
    expect(page.locator("#blank")).to_be_hidden()

    take(page)

    expect_shown(page, waiting)
    expect(page.get_by_role("heading", name="Waiting")).to_be_hidden()
    expect(page.get_by_text("Volume 3 arrived with a torn cover.")).to_be_hidden()
    page.get_by_text("Summary", exact=True).click()
    expect(page.get_by_text("Volume 3 arrived with a torn cover.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Back to the lists").click()
    expect(page.get_by_role("button", name=re.compile("^Aiko Tanaka"))).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_desk_can_be_used_by_keyboard_alone(open_page: OpenPage, stand_in: StandIn, waiting: Session) -> None:
    page = open_desk(open_page, stand_in)
    take = page.get_by_role("button", name=re.compile("^Take"))
    expect(take).to_be_focused()
    press = page.keyboard.press
    press("Shift+Tab")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    press("Tab")
    page.reload()
    expect(take).to_be_focused()
    press("Enter")

    expect(reply(page)).to_be_focused()
    page.keyboard.type("Hello, Anna here.")
    press("Enter")
    expect_shown(page, waiting)
    for name in ("Messages", "Summary"):
        press("Shift+Tab")
        assert name in (page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
    press("Shift+Tab")
    expect(page.get_by_role("button", name="End", exact=True)).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(
    open_page: OpenPage, stand_in: StandIn, waiting: Session, scheme: str
) -> None:
    stand_in.sessions["s-2"] = Session("s-2", "waiting", "Ben", reason="Refund")
    page = open_desk(open_page, stand_in, context=scheme)
    take(page)
    expect_shown(page, waiting)
    assert page.evaluate(CONTRASTS) == []


def test_customer_and_agent_talk(open_page: OpenPage, stand_in: StandIn) -> None:
    chat = open_page(stand_in.address, width=360, height=740)
    chat.get_by_role("button", name="Talk to a person").click()
    desk = open_desk(open_page, stand_in)
    take(desk, "Aiko")
    expect(chat.locator("#status")).to_have_text("You are talking with our team")

    reply(desk).fill("How can I help?")
    reply(desk).press("Enter")
    expect(chat.get_by_role("log")).to_contain_text("How can I help?")
    chat.get_by_role("textbox", name="Your message").fill("With my parcel")
    chat.get_by_role("button", name="Send").click()

    expect_shown(desk, stand_in.session)
    expect_shown(chat, stand_in.session)


def test_the_list_says_whose_agent_is_gone_and_who_left_a_message(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.sessions["s-1"] = Session("s-1", "waiting", "Aiko", "Torn cover", standing={"agent": "Bert"})
    stand_in.sessions["s-2"] = Session("s-2", "waiting", "Ben", standing={"left": True})

    page = open_desk(open_page, stand_in)

    expect(page.locator("#waiting .reason")).to_have_text(["Was with Bert · Torn cover", "Left a message"])


def test_the_lists_tell_visitors_apart_and_what_they_said_last(open_page: OpenPage, stand_in: StandIn) -> None:
    for session_id, reason in (("1a2b3c4d5e6f", "Torn cover"), ("9f8e7d6c5b4a", "Refund")):
        stand_in.sessions[session_id] = Session(session_id, "waiting", "anonymous", reason)
    page = open_desk(open_page, stand_in)
    expect(page.locator("#waiting .reason")).to_have_text(["Torn cover", "Refund"])

    take(page, "Visitor 1a2b")

    expect(page.get_by_role("heading", name="Visitor 1a2b")).to_be_visible()
    expect(page.locator("#session")).to_have_text("1a2b3c4d5e6f")
    row = page.get_by_role("button", name=re.compile("^Visitor 1a2b"))
    expect(row).to_contain_text("Torn cover")
    session = stand_in.sessions["1a2b3c4d5e6f"]
    stand_in.write_as_customer(session, "It is volume 3.")
    expect(row).to_contain_text("It is volume 3.")
    reply(page).fill("Thank you!")
    reply(page).press("Enter")
    expect_shown(page, session)
    expect(row).to_contain_text("It is volume 3.")
    page.reload()
    expect(row).to_contain_text("Torn cover")


def test_an_agent_sees_whether_the_customer_is_there(open_page: OpenPage, stand_in: StandIn) -> None:
    chat = open_page(stand_in.address)
    chat.get_by_role("button", name="Talk to a person").click()
    desk = open_desk(open_page, stand_in)
    take(desk, "Aiko")
    expect(desk.locator("#standing")).to_have_text("With you")

    chat.goto("about:blank")
    stand_in.wait_until(lambda: not stand_in.session.sockets)
    reply(desk).fill("Are you there?")
    reply(desk).press("Enter")
    expect(desk.locator("#standing")).to_have_text("With you · the customer is away")

    stand_in.write_as_customer(stand_in.session, "I am back")
    expect(desk.locator("#standing")).to_have_text("With you")


def test_a_reply_whose_acknowledgement_is_lost_is_shown_once(
    open_page: OpenPage, stand_in: StandIn, waiting: Session
) -> None:
    page = open_desk(open_page, stand_in)
    take(page)
    expect_shown(page, waiting)
    stand_in.drops_acks = True

    reply(page).fill("On its way")
    reply(page).press("Enter")
    stand_in.wait_until(lambda: len(waiting.turns) == 3)
    stand_in.drops_acks = False

    expect_shown(page, waiting)


def test_a_window_of_another_width_still_follows_the_end(
    open_page: OpenPage, stand_in: StandIn, waiting: Session
) -> None:
    for number in range(12):
        waiting.store("bot", f"A rather long answer, number {number}. " * 6)
    page = open_desk(open_page, stand_in, width=1180, height=760)
    take(page)
    expect_shown(page, waiting)
    for width in (390, 1180, 390):
        page.set_viewport_size({"width": width, "height": 760})
        page.wait_for_timeout(200)
        left = page.locator("#log").evaluate("(log) => log.scrollHeight - log.scrollTop - log.clientHeight")
        assert left < 4
