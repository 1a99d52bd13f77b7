"""A browser, the pages' stand-in server, and a page that fails its test when anything went wrong in it."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

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


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a browser of its own, or in that of another page; ends with what went wrong in any."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []
    expected = list(EXPECTED)

    def watch(page: Page) -> None:
        page.set_default_timeout(5000)
        page.on("pageerror", lambda error: wrong.append(f"{error.name}: {error.message} {error.stack}"))
        page.on(
            "console",
            lambda said: (
                wrong.append(said.text) if said.type == "error" and not said.text.startswith(tuple(expected)) else None
            ),
        )

    def open_in(
        address: str,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "light",
        beside: Page | None = None,
        allow_refused_frames: bool = False,
    ) -> Page:
        if allow_refused_frames:
            expected.append("Framing ")
        if beside is None:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
                locale="en-GB",
            )
            context.add_init_script(REPORT_VIOLATIONS)
            context.on("page", watch)
            contexts.append(context)
        else:
            context = beside.context
        page = context.new_page()
        page.goto(address)
        return page

    yield open_in
    for context in contexts:
        context.close()
    assert wrong == []
