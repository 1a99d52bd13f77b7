import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.contrasts import CONTRASTS
from tests.browser.shown import expect_shown
from tests.browser.stand_in import Frame, Session, StandIn, final, streamed


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your message")


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Conversation")


def open_chat(open_page: OpenPage, stand_in: StandIn, **options: Any) -> Page:
    page = open_page(stand_in.address, **options)
    expect(page.locator("body")).to_have_attribute("data-status", re.compile(".+"))
    return page


def say(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def test_an_answer_streams_and_is_then_the_stored_one(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.is_held = True
    page = open_chat(open_page, stand_in)
    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()

    say(page, "hello")

    expect(log(page)).to_contain_text("MangaAssist is writing")
    stand_in.release()
    expect_shown(page, stand_in.session)
    assert stand_in.session.told == [("customer", "hello"), ("bot", "You said: hello")]
    expect(page.get_by_role("heading", name="How can we help?")).to_be_hidden()
    expect(box(page)).to_be_focused()
    page.reload()
    expect_shown(page, stand_in.session)
    assert "token" in stand_in.requests[-1]


def disordered(_session: Session, message_id: str, _content: str) -> list[Frame]:
    """A first attempt that is given up, then a second whose pieces come late, twice, and after the end."""
    first = streamed(message_id, "Wrong ", "from ", "the start")
    second = streamed(message_id, "One ", "two ", "three ", "four", attempt=2)
    order = [second[1], second[0], first[2], second[0], second[3], second[1]]
    return [*first[:2], *order, second[2], final("One two three four"), *second]


def test_pieces_out_of_order_are_shown_in_order_and_once(open_page: OpenPage, stand_in: StandIn) -> None:
    seen: list[str] = []

    def record(text: str) -> None:
        seen.append(text)

    stand_in.answer = disordered
    stand_in.pause = 0.03
    page = open_chat(open_page, stand_in)
    page.expose_function("record", record)
    page.evaluate("""() => new MutationObserver(() => {
      const draft = document.querySelector(".draft .balloon");
      if (draft) record(draft.textContent);
    }).observe(document.getElementById("log"), { subtree: true, childList: true, characterData: true })""")

    say(page, "count")

    expect_shown(page, stand_in.session)
    stand_in.wait_until(lambda: stand_in.is_idle)
    stand_in.send(stand_in.session, {"type": "message", **stand_in.session.turns[-1]})
    page.wait_for_timeout(100)
    expect_shown(page, stand_in.session)
    distinct = list(dict.fromkeys(seen))
    assert distinct == ["Wrong ", "Wrong from ", "One two ", "One two three four"]


def test_a_socket_dropped_at_any_frame_loses_and_doubles_nothing(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    page.evaluate("Math.random = () => 0")  # the shortest pauses
    for number in range(1, 6):  # the acknowledgement, three pieces, the answer
        stand_in.drop_after = number
        say(page, f"message {number}")
        expect_shown(page, stand_in.session)
        assert stand_in.drop_after is None
    stand_in.drop_after = 1  # and the history itself
    stand_in.drop_all()
    say(page, "message 6")
    expect_shown(page, stand_in.session)
    assert len(stand_in.session.turns) == 12


def test_an_answer_goes_on_after_a_break_in_its_middle(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.answer = lambda _session, message_id, _content: [
        *streamed(message_id, "One ", "two ", "three ", "four ", "five"),
        final("One two three four five"),
    ]
    page = open_chat(open_page, stand_in)
    stand_in.drop_after = 3
    stand_in.pause = 0.15

    say(page, "count")

    expect(log(page)).to_contain_text("One two")
    expect_shown(page, stand_in.session)


def test_what_is_written_offline_is_sent_once_when_the_network_is_back(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline", exact=True)).to_be_visible()

    say(page, "sent from a tunnel")
    expect(log(page)).to_contain_text("Sending…")
    page.context.set_offline(False)

    expect_shown(page, stand_in.session)
    assert [frame["content"] for frame in stand_in.received if frame["action"] == "message"] == ["sent from a tunnel"]


def test_a_message_whose_acknowledgement_is_lost_is_sent_again_under_the_same_id(
    open_page: OpenPage, stand_in: StandIn
) -> None:
    page = open_chat(open_page, stand_in)
    page.evaluate("""() => {
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data) {
        if (JSON.parse(data).action === "message" && !window.lost) { window.lost = true; this.close(); return; }
        send.call(this, data);
      };
    }""")

    say(page, "hello?")

    expect_shown(page, stand_in.session)
    assert len(stand_in.session.turns) == 2


def test_an_error_stands_at_its_message_and_offers_what_helps(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    for code in ("rate_limited", "unavailable", "internal"):
        stand_in.message_error = {"code": code, "message": "Not now."}
        say(page, f"hello {code}")
        article = page.get_by_role("article").filter(has_text=f"hello {code}").filter(has_text="Not now.")
        article.get_by_role("button", name="Try again").click()
        expect_shown(page, stand_in.session)
    sent = [frame for frame in stand_in.received if frame["action"] == "message"]
    assert [one["message_id"] for one in sent[::2]] == [again["message_id"] for again in sent[1::2]]

    for code in ("too_large", "bad_request"):
        stand_in.message_error = {"code": code, "message": "Never."}
        say(page, f"hello {code}")
        article = page.get_by_role("article").filter(has_text=f"hello {code}")
        expect(article).to_contain_text("Never.")
        expect(article.get_by_role("button")).to_have_count(0)


def test_an_error_of_no_message_is_a_notice(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)

    stand_in.send(stand_in.session, {"type": "error", "code": "internal", "message": "Something broke."})

    expect(page.get_by_text("Something broke.")).to_be_visible()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Something broke.")).to_be_hidden()


def test_a_person_takes_over_and_gives_back(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)

    page.get_by_role("button", name="Talk to a person").click()

    status = page.locator("#status")
    expect(status).to_have_text("Passed on to our team")
    expect(page.get_by_role("button", name="Talk to a person")).to_be_hidden()
    expect(page.locator("#notice")).to_be_hidden()  # the conversation itself says how it goes on
    assert stand_in.received[-1]["action"] == "request_human"
    stand_in.tell(stand_in.session, "system", "Anna has joined.")
    stand_in.tell_status(stand_in.session, "handoff")
    expect(status).to_have_text("You are talking with our team")
    stand_in.tell(stand_in.session, "agent", "Hello, Anna here.", "a-1")
    say(page, "a person!")
    expect_shown(page, stand_in.session)
    stand_in.tell_status(stand_in.session, "active")
    expect(page.get_by_role("button", name="Talk to a person")).to_be_visible()


def test_the_desk_hears_what_it_is_about(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    say(page, "My parcel\n\nis " + "very " * 60 + "late")
    expect_shown(page, stand_in.session)

    page.get_by_role("button", name="Talk to a person").click()

    stand_in.wait_until(lambda: stand_in.session.status == "waiting")
    assert stand_in.session.reason == ("My parcel is " + "very " * 60)[:200]


def test_a_closed_conversation_offers_a_new_one(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    say(page, "hello")
    expect_shown(page, stand_in.session)
    first = stand_in.session

    stand_in.tell_status(first, "closed")

    expect(box(page)).to_be_hidden()
    expect(page.get_by_role("button", name="Start a new chat")).to_be_focused()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    expect(page.get_by_role("article")).to_have_count(0)
    say(page, "again")
    stand_in.wait_until(lambda: stand_in.session is not first)
    expect_shown(page, stand_in.session)


def test_a_message_into_a_closed_conversation_says_so(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    stand_in.message_error = {"code": "session_closed", "message": "This conversation has ended."}

    say(page, "too late")

    expect(page.get_by_role("button", name="Start a new chat")).to_be_visible()


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "</p></article><h1>out</h1>",
    "javascript:alert(1) &amp; &lt;b&gt; <a href='javascript:alert(1)'>x</a>",
    "two\nlines  and   spaces\n\n\tand a tab",
    "\u202egnp.exe אבג 日本語 👩‍👩‍👧",
    "https://shop.example/\"onmouseover=\"alert(1) 'x' https://a.example/<b>",
]


def test_what_anybody_writes_is_text(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    stand_in.answer = lambda _session, _message_id, content: [final(content)]

    for text in HOSTILE:
        for author in ("agent", "system"):
            stand_in.tell(stand_in.session, author, text)
        say(page, text)
        expect_shown(page, stand_in.session)

    assert [content for _, content in stand_in.session.told] == [text for text in HOSTILE for _ in range(4)]
    assert page.title() == "MangaAssist"
    assert page.locator("#log").locator("img, script, h1, b").count() == 0
    for link in page.locator("#log a").all():
        assert (link.get_attribute("href") or "").startswith("https://")
        assert link.get_attribute("rel") == "noopener noreferrer"


def test_addresses_become_links_without_the_sentence_around_them(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)

    stand_in.tell(
        stand_in.session, "bot", "See (https://shop.example/a), https://shop.example/b_(c). http://[no ftp://no.example"
    )

    links = page.get_by_role("article").get_by_role("link")
    expect(links).to_have_text(["https://shop.example/a", "https://shop.example/b_(c)"])


def test_a_page_can_be_used_by_keyboard_alone(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    press = page.keyboard.press
    # An empty log is no place to stop at.
    for name in (
        "Talk to a person",
        "Where is my order?",
        "I would like to return something",
        "How long does shipping take?",
    ):
        press("Tab")
        expect(page.get_by_role("button", name=name)).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    press("Tab")
    expect(box(page)).to_be_focused()
    press("Shift+Tab")
    press("Enter")

    expect_shown(page, stand_in.session)
    expect(box(page)).to_be_focused()
    page.keyboard.type("first")
    press("Shift+Enter")
    page.keyboard.type("second")
    press("Enter")
    expect_shown(page, stand_in.session)
    assert stand_in.session.turns[2]["content"] == "first\nsecond"
    press("Shift+Tab")
    expect(log(page)).to_be_focused()


def test_the_page_tells_assistive_technology_what_it_is(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    expect(page.get_by_role("heading", level=1, name="MangaAssist")).to_be_visible()
    expect(log(page)).to_have_attribute("aria-live", "polite")
    expect(page.get_by_role("main")).to_be_visible()
    say(page, "hello")
    expect_shown(page, stand_in.session)
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("article .who").all_text_contents() == ["You", "MangaAssist"]


def test_what_is_too_long_is_said_before_it_is_sent(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)

    box(page).fill("漫" * 4001)

    expect(page.get_by_text("1 characters too many")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    box(page).fill("👍" * 4000)
    expect(page.get_by_text("0 characters left")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1280, 800)])
def test_it_follows_the_end_unless_somebody_reads_further_up(
    open_page: OpenPage, stand_in: StandIn, width: int, height: int
) -> None:
    page = open_chat(open_page, stand_in, width=width, height=height)
    for number in range(12):
        stand_in.tell(stand_in.session, "bot", f"A rather long answer, number {number}. " * 6)
    expect(page.get_by_role("article")).to_have_count(12)
    at_end = (
        "() => { const l = document.getElementById('log'); return l.scrollHeight - l.scrollTop - l.clientHeight < 4 }"
    )
    page.wait_for_function(at_end)

    log(page).evaluate("(element) => { element.scrollTop = 0; }")
    page.wait_for_timeout(50)
    stand_in.tell(stand_in.session, "bot", "Something new")

    jump = page.get_by_role("button", name="Newest messages")
    expect(jump).to_be_visible()
    assert log(page).evaluate("(element) => element.scrollTop") == 0
    jump.click()
    page.wait_for_function(at_end)
    expect(jump).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_expired_token_starts_anew(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    say(page, "hello")
    expect_shown(page, stand_in.session)
    stand_in.tokens.clear()

    page.reload()

    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()
    expect(page.get_by_text("Your last conversation has ended. This is a new one.")).to_be_visible()
    assert stand_in.requests[-1] == {}
    assert len(stand_in.sessions) == 2


def test_a_conversation_that_ended_meanwhile_stays_to_be_read(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    say(page, "hello")
    expect_shown(page, stand_in.session)
    page.context.set_offline(True)
    say(page, "one more thing")
    stand_in.tokens.clear()
    page.context.set_offline(False)

    expect(page.locator("#status")).to_have_text("This conversation has ended")
    expect(log(page)).to_contain_text("You said: hello")
    expect(log(page)).to_contain_text("This was not sent: the conversation has ended.")
    assert len(stand_in.sessions) == 1
    page.get_by_role("button", name="Start a new chat").click()
    say(page, "again")
    stand_in.wait_until(lambda: len(stand_in.sessions) == 2)
    expect_shown(page, stand_in.session)


def test_a_chat_can_be_forgotten_on_a_shared_computer(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    forget = page.get_by_role("button", name="End the chat and forget it here")
    expect(forget).to_be_hidden()
    say(page, "my secret")
    expect_shown(page, stand_in.session)
    first = stand_in.session
    other = open_page(stand_in.address)
    expect_shown(other, first)
    other.evaluate("document.hasFocus = () => false")
    forget.click()
    page.keyboard.press("Escape")
    expect_shown(page, first)
    box(page).fill("half a sent")

    forget.click()
    page.get_by_role("dialog").get_by_role("button", name="End and forget").click()

    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()
    expect(box(page)).to_be_focused()
    expect(box(page)).to_have_value("")
    for window in (page, other):
        expect(window.get_by_role("article")).to_have_count(0)
    stand_in.wait_until(lambda: len(stand_in.sessions) == 2)
    kept = page.evaluate("JSON.parse(localStorage.getItem('mangaassist.session')).session_id")
    assert kept == stand_in.session.session_id != first.session_id
    page.reload()
    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()


def test_the_welcome_waits_for_nobody(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.refusals = [(503, {"code": "unavailable", "message": "Later."})] * 2
    page = open_page(stand_in.address)

    page.get_by_role("button", name="How long does shipping take?").click()

    stand_in.wait_until(lambda: len(stand_in.sessions) == 1)
    expect_shown(page, stand_in.session)
    assert stand_in.session.told[0] == ("customer", "How long does shipping take?")


def test_an_answer_that_has_not_ended_shows_so(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.answer = lambda _session, message_id, _content: [*streamed(message_id, "One ", "two"), final("One two")]
    stand_in.pause = 0.3
    page = open_chat(open_page, stand_in)

    say(page, "count")

    expect(page.locator(".draft .dots")).to_be_visible()
    expect_shown(page, stand_in.session)
    expect(page.locator(".dots")).to_have_count(0)


def test_four_hundred_percent_leave_room_to_read(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in, width=320, height=256)
    assert page.evaluate("document.querySelector('main').clientHeight") >= 112  # five lines
    say(page, "hello")
    expect_shown(page, stand_in.session)
    stand_in.tell_status(stand_in.session, "waiting")
    stand_in.send(stand_in.session, {"type": "error", "code": "internal", "message": "Something broke. " * 8})
    expect(page.get_by_role("button", name="Dismiss")).to_be_visible()
    assert page.evaluate("document.getElementById('log').clientHeight") >= 67  # three of them
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_javascript_the_page_says_so(browser: Browser, stand_in: StandIn) -> None:
    page = browser.new_page(java_script_enabled=False)
    for address in ("", "/desk"):
        page.goto(stand_in.address + address)
        expect(page.locator("noscript .notice")).to_be_in_viewport()
        expect(page.get_by_text("Connecting…")).to_be_hidden()
    page.goto(stand_in.address)
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.close()


def test_a_service_that_is_away_is_tried_again(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.refusals = [(503, {"code": "unavailable", "message": "Later."})] * 2

    page = open_chat(open_page, stand_in)

    say(page, "hello")
    expect_shown(page, stand_in.session)


def test_a_second_window_shows_the_same_conversation(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    say(page, "hello")
    expect_shown(page, stand_in.session)
    other = open_page(stand_in.address)
    expect_shown(other, stand_in.session)
    say(page, "both?")
    expect_shown(page, stand_in.session)
    assert len(stand_in.sessions) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(open_page: OpenPage, stand_in: StandIn, scheme: str) -> None:
    page = open_chat(open_page, stand_in, context=scheme, width=360, height=740)
    assert page.evaluate(CONTRASTS) == []
    say(page, "hello")
    expect_shown(page, stand_in.session)
    stand_in.tell_status(stand_in.session, "waiting")
    stand_in.tell(stand_in.session, "agent", "Hello, https://shop.example")
    stand_in.tell(stand_in.session, "system", "Anna has joined.")
    stand_in.message_error = {"code": "unavailable", "message": "Not now."}
    say(page, "one more")
    expect(page.get_by_text("Not now.")).to_be_visible()
    assert page.evaluate(CONTRASTS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


ELSEWHERE = {"type": "error", "code": "unauthorized", "message": "This conversation goes on in another window."}


def test_a_window_that_another_has_taken_over_from_waits_until_it_is_used(
    open_page: OpenPage, stand_in: StandIn
) -> None:
    page = open_chat(open_page, stand_in)
    page.evaluate("document.hasFocus = () => false")
    stand_in.send(stand_in.session, ELSEWHERE)

    expect(page.get_by_text("This conversation goes on in another window.")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Open in another window")
    page.wait_for_timeout(600)  # longer than a reconnect takes
    assert len(stand_in.requests) == 1
    page.get_by_role("button", name="Continue here").click()
    say(page, "hello")
    expect_shown(page, stand_in.session)

    stand_in.send(stand_in.session, ELSEWHERE)
    expect(page.get_by_role("button", name="Continue here")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('focus'))")
    say(page, "hello again")
    expect_shown(page, stand_in.session)
    assert len(stand_in.requests) == 3


def test_the_window_in_use_takes_the_conversation_back(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    page.evaluate("document.hasFocus = () => true")
    stand_in.send(stand_in.session, ELSEWHERE)

    stand_in.wait_until(lambda: len(stand_in.requests) == 2)
    say(page, "hello")
    expect_shown(page, stand_in.session)


def test_a_greeting_that_is_refused_is_tried_again(open_page: OpenPage, stand_in: StandIn) -> None:
    stand_in.hello_error = {"code": "unavailable", "message": "Not now."}

    page = open_chat(open_page, stand_in)

    say(page, "hello")
    expect_shown(page, stand_in.session)
    expect(page.get_by_text("Not now.")).to_be_hidden()


def test_what_was_seen_stays_when_the_history_is_longer_than_is_told(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    for number in range(3):
        say(page, f"message {number}")
    expect_shown(page, stand_in.session)
    stand_in.history = 2

    stand_in.drop_all()
    say(page, "the last one")

    expect_shown(page, stand_in.session)


def test_a_closed_conversation_does_not_turn_into_another(open_page: OpenPage, stand_in: StandIn) -> None:
    page = open_chat(open_page, stand_in)
    say(page, "hello")
    expect_shown(page, stand_in.session)
    stand_in.tell_status(stand_in.session, "closed")
    expect(page.get_by_text("This conversation has ended.")).to_be_visible()

    stand_in.drop_all()
    page.wait_for_timeout(600)

    assert len(stand_in.requests) == 1
    expect_shown(page, stand_in.session)
