"""The report's page in a browser: hostile text is shown and never run, nothing is asked of anyone, and it fits every screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import started
from tests.unit.release.making import report, rows, thresholds
from twin.release.gate import decide
from twin.release.report import Judging, Model
from twin.release.report_html import page as drawn

HARM = "window.__pwned=1;alert(1)"
ATTACKS = [
    f"<script>{HARM}</script>",
    f"</div></details></main><script>{HARM}</script>",
    f"<img src=x onerror='{HARM}'>",
    f"</title></style><svg onload={HARM}>",
    f"<iframe srcdoc='<script>parent.{HARM}</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/a.css><style>@import 'https://evil.example/b.css'</style>",
    f'" onmouseover="{HARM}" \'',
    f"{{{{ 7*7 }}}} {{% for x in y %}} ${{{HARM}}} <!-- --> ]]>",
    "\u202egpj.exe\u2066 \x00\x1b[31m \ufeff",
    "w" * 3000,
    "a\n" * 2000,
    "",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


def hostile() -> str:
    made = list(rows([0.5, 0.9] * 10, [0.6] * 20))
    for at, text in enumerate(ATTACKS):
        texts = dict.fromkeys(("question", "reference", "candidate", "running"), text)
        made[at] = msgspec.structs.replace(made[at], id=f"{at}{text}", problems=(text,), **texts)
    whole = report(
        made, candidate=Model(name=ATTACKS[0], digest=ATTACKS[1]), running=Model(name=ATTACKS[7], digest=ATTACKS[2]), made=ATTACKS[3],
        inputs={text: text for text in ATTACKS}, notes=tuple(ATTACKS), leaked=tuple(ATTACKS),
        judge=Judging(model=ATTACKS[4], prompt="", agreement={ATTACKS[5]: 0.5}, judged=3),
    )  # fmt: skip
    return drawn(whole, decide(whole, thresholds()))


class Seen:
    """A page from a file, and what the browser saw of it."""

    def __init__(self, browser: Browser, folder: Path, html: str, **context: Any) -> None:
        file = folder / "report.html"
        file.write_text(html, encoding="utf-8")
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.profile = browser.new_context(**context)
        self.page: Page = self.profile.new_page()
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text))
        self.page.on("dialog", lambda dialog: (self.errors.append(dialog.message), dialog.dismiss()))
        self.page.goto(file.as_uri())
        self.url = file.as_uri()


def test_hostile_text_is_shown_and_never_run(browser: Browser, tmp_path: Path) -> None:
    seen = Seen(browser, tmp_path, hostile())
    for shut in seen.page.locator("details").all()[1:]:
        shut.locator("summary").click()
    made = "() => document.querySelectorAll('script, iframe, img, object, embed, base, link, a, form, [onload], [onerror], [onmouseover]').length"
    assert seen.page.evaluate(made) == 0
    assert seen.page.evaluate("() => window.__pwned") is None
    assert seen.page.evaluate("() => document.querySelectorAll('meta[http-equiv=refresh]').length") == 0
    assert (seen.asked, seen.errors) == ([seen.url], [])
    expect(seen.page.locator("h1")).to_contain_text(ATTACKS[0])
    seen.profile.close()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [320, 390, 768, 1400])
def test_page_fits_every_screen_and_needs_no_script(browser: Browser, tmp_path: Path, width: int, scripts: bool) -> None:
    seen = Seen(browser, tmp_path, hostile(), viewport={"width": width, "height": 800}, java_script_enabled=scripts)
    boxes = [one.bounding_box() for one in seen.page.locator("h1, .verdict, .card, table, details, svg").all()]
    assert all(box is None or (box["x"] >= 0 and box["x"] + box["width"] <= width + 0.5) for box in boxes)
    summary = seen.page.locator("summary").last
    summary.click()
    expect(seen.page.locator("details").last.get_by_role("heading", name="Candidate")).to_be_visible()
    seen.profile.close()


def test_verdict_stands_on_the_first_screen_and_plots_have_names(browser: Browser, tmp_path: Path) -> None:
    whole = report(rows([0.9] * 20, [0.6] * 20))
    seen = Seen(browser, tmp_path, drawn(whole, decide(whole, thresholds())), viewport={"width": 390, "height": 700})
    expect(seen.page.get_by_label("Verdict")).to_be_in_viewport(ratio=1)
    expect(seen.page.get_by_label("Verdict")).to_contain_text("style.delta: is worse, by up to 0.3")
    assert seen.page.get_by_role("img").count() == 3
    assert all(one.get_attribute("aria-label") for one in seen.page.get_by_role("img").all())
    seen.profile.close()


CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > .5) return c; } return [255, 255, 255]; };
  let worst = 21;
  for (const e of document.querySelectorAll('p, li, dt, dd, th, td, h1, h2, h3, span, strong, summary, figcaption, .text')) {
    if (!e.textContent.trim() || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    worst = Math.min(worst, (a + .05) / (b + .05));
  }
  return worst;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(browser: Browser, tmp_path: Path, scheme: str) -> None:
    whole = report(rows([0.5, 0.9] * 10, [0.6] * 20))
    seen = Seen(browser, tmp_path, drawn(whole, decide(whole, thresholds())), color_scheme=scheme)
    assert seen.page.evaluate(CONTRAST) >= 4.5
    dark = seen.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
    assert dark == (scheme == "dark")
    seen.profile.close()
