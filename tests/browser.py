"""Headless Chromium for tests of pages: offline, and everything that a page should not do is noted.

    with chromium() as browser:
        visit = Visit(browser, path)
        visit.page.click("button")
        assert visit.complaints == []

It needs Debian's package chromium.
"""

import atexit
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def why_not() -> str | None:
    """Why no browser can be started here, if none can."""
    if find_spec("playwright") is None:
        return "playwright is not installed"
    return None if shutil.which("chromium") else "there is no chromium"


def require() -> None:
    """Skip the test if no browser can be started here; fail it if PCSWEEP_REQUIRE_CHROMIUM is set."""
    reason = why_not()
    if reason and os.environ.get("PCSWEEP_REQUIRE_CHROMIUM"):
        pytest.fail(f"PCSWEEP_REQUIRE_CHROMIUM is set, but {reason}")
    if reason:
        pytest.skip(reason)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser, the same for all tests of a process; what has been opened in it meanwhile is closed at the end."""
    require()
    browser = _started()
    before = browser.contexts
    try:
        yield browser
    finally:
        for context in browser.contexts:
            if context not in before:
                context.close()


@cache
def _started() -> "Browser":
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))


class Visit:
    """A page opened from the file system, without a network, in a context of its own.

    Args:
        browser: of `chromium`.
        path: of the page; of one with scripts, its root has `data-ready` when they are done.
        hash: the end of the address, from the `#` on.
        options: of the context, such as its viewport.
    """

    def __init__(self, browser: "Browser", path: Path, hash: str = "", **options: Any) -> None:
        self.complaints: list[str] = []  # messages on the console, errors, dialogs, and requests for anything but the page
        self.url = path.as_uri()
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "offline": True, **options})
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self._complain(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self._complain(f"error: {error}"))
        self.page.on("dialog", self._refuse)
        self.page.on("request", lambda request: self._look_at(request.url))
        self.page.goto(self.url + hash)
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector("html[data-ready=yes]")

    def _complain(self, text: str) -> None:
        self.complaints.append(text)

    def _refuse(self, dialog: "Dialog") -> None:
        self._complain(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _look_at(self, url: str) -> None:
        if url.partition("#")[0] != self.url and not url.startswith(("data:", "blob:")):
            self._complain(f"request: {url}")
