"""A browser, and pages in it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM
from playwright.sync_api import Browser, Page, sync_playwright

from attnprobe.records import Scan
from attnprobe.report.html_report import report

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Runs before the page: what the content policy blocked, and whether a name became code
WATCH = """
window.trouble = [];
document.addEventListener("securitypolicyviolation", (event) => trouble.push(event.violatedDirective));
window.alert = () => trouble.push("alert");
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens a scan's page. `page.requested`: every address asked for; `page.logged`: every message."""
    contexts = []

    def open_page(scan: Scan, language: str = "en", fragment: str = "", **settings: Any) -> Page:
        path = tmp_path / "report.html"
        path.write_bytes(report.render(scan, language))
        settings.setdefault("viewport", {"width": 1366, "height": 768})
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.requested, page.logged = [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("console", lambda message: page.logged.append(message.text))
        page.on("pageerror", lambda error: page.logged.append(str(error)))
        page.add_init_script(WATCH)
        page.goto(path.as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()
