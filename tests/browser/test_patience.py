"""What takes minutes: with a clock that the test turns on."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.shown import expect_shown
from tests.browser.stand_in import Session, StandIn
from tests.browser.test_chat import say

MINUTE = 60_000


@pytest.fixture
def page(open_page: OpenPage, stand_in: StandIn) -> Page:
    page = open_page("about:blank", context="with a clock of its own")
    page.clock.install()
    page.goto(stand_in.address)
    expect(page.locator("#status")).to_have_text("Here to help")
    return page


def silence(_session: Session, _message_id: str, _content: str) -> list[dict[str, object]]:
    return []


def count(stand_in: StandIn, action: str) -> int:
    return sum(frame["action"] == action for frame in stand_in.received)


def test_an_idle_connection_is_kept_alive(page: Page, stand_in: StandIn) -> None:
    for number in (1, 2):
        page.clock.run_for(4 * MINUTE)
        stand_in.wait_until(lambda number=number: count(stand_in, "ping") == number)  # type: ignore[misc]
        page.wait_for_timeout(100)  # for the pong to arrive

    assert count(stand_in, "hello") == 1


def test_a_dead_connection_is_noticed_and_replaced(page: Page, stand_in: StandIn) -> None:
    stand_in.is_mute = True
    page.clock.run_for(4 * MINUTE + 1000)
    stand_in.wait_until(lambda: count(stand_in, "ping") == 1)

    page.clock.run_for(10_000)

    stand_in.wait_until(lambda: count(stand_in, "hello") == 2)
    say(page, "still there?")
    expect_shown(page, stand_in.session)


def test_a_greeting_that_nobody_hears_is_tried_on_another_connection(page: Page, stand_in: StandIn) -> None:
    stand_in.unheard_hellos = 1
    stand_in.drop_all()
    expect(page.locator("#status")).to_have_text("Connection lost")
    page.clock.run_for(1000)
    stand_in.wait_until(lambda: count(stand_in, "hello") == 2)

    page.clock.run_for(16_000)

    stand_in.wait_until(lambda: count(stand_in, "hello") == 3)
    say(page, "hello")
    expect_shown(page, stand_in.session)


def test_after_a_sleep_the_connection_has_to_prove_itself(page: Page, stand_in: StandIn) -> None:
    page.clock.fast_forward(3 * MINUTE)  # sooner than the next ping

    stand_in.wait_until(lambda: count(stand_in, "ping") >= 1)


def test_the_token_is_renewed_before_it_expires(page: Page, stand_in: StandIn) -> None:
    page.clock.fast_forward(51 * MINUTE)

    stand_in.wait_until(lambda: len(stand_in.requests) == 2)

    assert set(stand_in.requests[1]) == {"token"}
    assert count(stand_in, "hello") == 1


def test_an_answer_whose_frames_were_lost_is_looked_up(page: Page, stand_in: StandIn) -> None:
    stand_in.answer = silence
    say(page, "hello")
    expect(page.get_by_text("MangaAssist is writing")).to_be_visible()
    stand_in.session.store("bot", "Nobody heard this.", stand_in.session.turns[0]["message_id"])

    page.clock.run_for(46_000)

    expect_shown(page, stand_in.session)


def test_an_answer_that_never_comes_is_not_awaited_for_ever(page: Page, stand_in: StandIn) -> None:
    stand_in.answer = silence
    say(page, "hello")
    expect(page.get_by_text("MangaAssist is writing")).to_be_visible()

    page.clock.run_for(46_000)
    stand_in.wait_until(lambda: count(stand_in, "hello") == 2)
    expect(page.get_by_text("No answer came.")).to_be_hidden()
    page.clock.run_for(16_000)

    expect(page.get_by_text("No answer came.")).to_be_visible()
    expect(page.get_by_text("MangaAssist is writing")).to_be_hidden()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("No answer came.")).to_be_hidden()
    stand_in.wait_until(lambda: count(stand_in, "message") == 2)
