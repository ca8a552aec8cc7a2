"""A headless Chromium that notes what a page says and asks for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    """The browser that `CHROMIUM` names, else the first on the PATH, else the one that `playwright install` has put."""
    with sync_playwright() as play:
        found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
        opened = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page that is open, with everything that it said on the console, threw, or asked another place for."""

    def __init__(self, browser: Browser, file: Path, fragment: str = "", **settings: Any) -> None:
        settings = {"viewport": {"width": 1440, "height": 900}, **settings}
        self.page: Page = browser.new_context(**settings).new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(f"{file.as_uri()}{fragment}")
        if settings.get("java_script_enabled", True):
            self.settle()

    def _note(self, url: str) -> None:
        if not url.startswith("file:") or self.page.url not in ("about:blank", url.partition("#")[0]):
            self.said.append(f"asks for {url}")

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()

    def settle(self) -> None:
        """Until what comes in later frames is there."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))")
        self.page.wait_for_function("!document.querySelector('[aria-busy]')")

    def close(self) -> None:
        self.page.context.close()
