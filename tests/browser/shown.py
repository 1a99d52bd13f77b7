"""What a page shows of a conversation, compared with what is stored."""

import time

from playwright.sync_api import Page, expect

from tests.browser.stand_in import Session

SHOWN = """() => [...document.querySelectorAll("#log .turn:not(.thinking)")].map((turn) => [
  ["customer", "bot", "agent", "system"].find((author) => turn.classList.contains(`turn-${author}`)),
  turn.querySelector(".balloon").textContent,
])"""


UNSETTLED = ".sending, .failed, .draft, .thinking"


def expect_shown(page: Page, session: Session) -> None:
    """In the end the text on the page is what is stored: nothing twice, nothing missing, in the same order."""
    deadline = time.monotonic() + 5
    while (shown := page.evaluate(SHOWN)) != [list(turn) for turn in session.told] or page.locator(UNSETTLED).count():
        if time.monotonic() > deadline:
            assert shown == [list(turn) for turn in session.told]
            expect(page.locator(UNSETTLED)).to_have_count(0)
        page.wait_for_timeout(20)
