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

NAMELESS = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, summary, [role=region], dialog[open]')]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.[0]?.textContent.trim() || e.getAttribute('aria-labelledby')))
  .map((e) => e.outerHTML)"""
# Text and what is behind it, flattened over the page's own background; below 4.5:1 it is hard to read (WCAG 2 AA).
FAINT = """() => {
  const parts = (colour) => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = colour; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255]; };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  for (let node; (node = words.nextNode());) {
    const e = node.parentElement;
    if (!node.data.trim() || !e.checkVisibility() || e.closest(':disabled, .unseen, noscript, datalist, select')) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) faint.push(`${node.data.trim().slice(0, 30)} ${((a + .05) / (b + .05)).toFixed(2)}`);
  }
  return faint;
}"""


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


def overflow(page: Page) -> int:
    """By how many pixels something is wider than the window."""
    widest = "Math.max(...['html', '#scroll', '#review-body'].map((one) => document.querySelector(one).scrollWidth))"
    return int(page.evaluate(f"() => {widest} - innerWidth"))


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
