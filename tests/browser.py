"""Chromium for tests -> a Playwright browser. Knows no page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium() -> str:
    """The path of an installed Chromium: `TWIN_TEST_CHROMIUM`, or the first of the usual names."""
    asked = os.environ.get("TWIN_TEST_CHROMIUM", "")
    found = shutil.which(asked) if asked else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        missing = f"TWIN_TEST_CHROMIUM={asked} is not a program" if asked else "no Chromium is installed"
        raise RuntimeError(
            f"{missing}: `apt-get install -y chromium`, or set TWIN_TEST_CHROMIUM to one; the page's tests need it"
        )
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """A headless browser that asks nothing of the network by itself."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
