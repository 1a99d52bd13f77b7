"""A browser, the pages' stand-in server, and a page that fails its test when anything went wrong in it."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.stand_in import StandIn

PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "google-chrome"]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# The browser itself reports these when a server refuses or goes away, which is what some tests are about.
EXPECTED = ("Failed to load resource", "WebSocket connection to")

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""

OpenPage = Callable[..., Page]


def find_chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    return next((found for place in ([named] if named else PLACES) if (found := shutil.which(place))), None)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Package scope: while Playwright runs, no test in this thread can have an event loop of its own."""
    chromium = find_chromium()
    if chromium is None:
        reason = f"No Chromium at CHROMIUM or any of {', '.join(PLACES)}: apt-get install chromium."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    running = StandIn().start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Iterator[Callable[[str], BrowserContext]]:
    """One context for each colour scheme: a new one takes longer than most tests. Every stand-in has a port, and with
    it an origin, of its own, so that pages share no storage."""
    made: dict[str, BrowserContext] = {}

    def context_of(name: str) -> BrowserContext:
        if name not in made:
            made[name] = browser.new_context(
                color_scheme="dark" if name == "dark" else "light", reduced_motion="reduce", locale="en-GB"
            )
            made[name].add_init_script(REPORT_VIOLATIONS)
        return made[name]

    yield context_of
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(contexts: Callable[[str], BrowserContext]) -> Iterator[OpenPage]:
    """Opens an address in a window of its own; at the end, nothing may have gone wrong in any."""
    pages: list[Page] = []
    wrong: list[str] = []
    expected = list(EXPECTED)

    def read_console(said: ConsoleMessage) -> None:
        if said.type == "error" and not said.text.startswith(tuple(expected)):
            wrong.append(said.text)

    def open_in(
        address: str,
        *,
        width: int = 1280,
        height: int = 800,
        context: str = "light",
        allow_refused_frames: bool = False,
    ) -> Page:
        if allow_refused_frames:
            expected.append("Framing ")
        page = contexts(context).new_page()
        pages.append(page)
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: wrong.append(f"{error.name}: {error.message} {error.stack}"))
        page.on("console", read_console)
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address)
        return page

    yield open_in
    for page in pages:
        page.context.set_offline(False)
        page.close()
    assert wrong == []
