"""What a reader does with the chat page, by role and name as a screen reader gives them, and what the browser saw meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect

WATCH = """
window.__violations = [];
addEventListener("securitypolicyviolation", (event) => window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class Reader:
    """A reader before the page at `url`. `foreign`, `errors` and `dialogs` are what must stay empty."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.foreign: list[str] = []
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        page.add_init_script(WATCH)
        page.on("request", lambda request: request.url.startswith((url, "data:")) or self.foreign.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def open(self, path: str = "") -> None:
        self.page.goto(self.url + path)

    def ask(self, question: str) -> Locator:
        """Sends `question`; the turn it becomes."""
        self.box.fill(question)
        self.box.press("Enter")
        return self.turn

    def asked(self, question: str) -> Locator:
        """Sends `question` and waits for the end of its answer."""
        turn = self.ask(question)
        expect(turn).to_have_attribute("aria-busy", "false")
        return turn

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Your question")

    @property
    def turn(self) -> Locator:
        return self.page.get_by_role("article").last

    @property
    def panel(self) -> Locator:
        return self.page.locator("#panel")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def harmed(self) -> dict[str, Any]:
        """Everything that must not have happened, empty when nothing did."""
        seen = {
            "pwned": self.page.evaluate("() => window.__pwned"),
            "violations": self.page.evaluate("() => window.__violations"),
            "foreign": self.foreign,
            "errors": self.errors,
            "dialogs": self.dialogs,
        }
        return {name: value for name, value in seen.items() if value}


@contextmanager
def reading(browser: Browser, url: str, **context: Any) -> Iterator[Reader]:
    """A fresh profile before the page; fails if something harmful happened in it."""
    options = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce", **context}
    with browser.new_context(**options) as profile:
        profile.set_default_timeout(8000)
        reader = Reader(profile.new_page(), url)
        reader.open()
        yield reader
        assert reader.harmed() == {}
