"""The chat page for every reader: widths, schemes, names, contrast, focus, announcements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from services.gateway.state import PAGE
from tests import browser as browsers
from tests.integration.gateway.page_driver import FAINT, NAMELESS, Reader, overflow, reading
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Served, Stream, passage

USUAL = "What is a tombstone?"
WIDE_TEXT = (
    "x" * 400
    + "\n\n```\n"
    + "code " * 200
    + "\n```\n\n|"
    + "col|" * 30
    + "\n|"
    + "-|" * 30
    + "\n|"
    + "cell|" * 30
    + "\n\nhttps://example.org/"
    + "a" * 300
    + " [1]"
)


@pytest.mark.parametrize("width", [320, 360, 768, 1024, 1600])
def test_no_width_scrolls_sideways(browser: Browser, served: Served, twin: ScriptedTwin, width: int) -> None:
    twin.answers["W" * 300] = Stream(
        [WIDE_TEXT],
        [passage(1, "y" * 500, title="T" * 200, uri="https://example.org/" + "u" * 300)],
        degraded=("understand", "rerank"),
        mode="extractive",
    )
    with reading(browser, served.url, viewport={"width": width, "height": 700}) as reader:
        assert overflow(reader.page) <= 0
        reader.page.get_by_text("Filters").click()
        turn = reader.asked("W" * 300)
        turn.get_by_role("button", name="Good answer").click()
        assert overflow(reader.page) <= 0
        turn.locator("button.cite").click()
        expect(reader.panel).to_be_visible()
        assert overflow(reader.page) <= 0
        body = reader.page.locator("#panel-body")
        assert body.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0


@pytest.mark.parametrize(("width", "beside"), [(1200, True), (700, False)])
def test_passage_stands_beside_when_wide_and_below_when_narrow(
    browser: Browser, served: Served, width: int, beside: bool
) -> None:
    with reading(browser, served.url, viewport={"width": width, "height": 700}) as reader:
        reader.asked(USUAL)
        reader.button("Citation 1: Note 1").click()
        assert reader.panel.evaluate("(e) => e.matches(':modal')") is not beside
        if not beside:
            reader.page.mouse.click(10, 10)  # what is behind the sheet
            expect(reader.panel).to_be_hidden()


def test_open_passage_survives_a_turn_of_the_screen(reader: Reader) -> None:
    reader.asked(USUAL)
    reader.button("Citation 1: Note 1").click()
    for width in (600, 1200, 600):
        reader.page.set_viewport_size({"width": width, "height": 800})
        expect(reader.panel).to_contain_text("A gone document")
    reader.page.keyboard.press("Escape")
    expect(reader.panel).to_be_hidden()
    expect(reader.button("Citation 1: Note 1")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_every_control_has_a_name_and_every_text_is_readable(
    browser: Browser, served: Served, twin: ScriptedTwin, scheme: Any, width: int
) -> None:
    twin.lacking = "index: none is live"
    twin.answers["all"] = Stream(
        ["# H\n\n`code` [1] [l](https://example.org)\n\n```py\nx\n```\n\n> q"],
        [passage(1, "p")],
        mode="extractive",
        degraded=("rerank",),
    )
    twin.answers["bad"] = Stream(["x"], error="It died.")
    with reading(browser, served.url, color_scheme=scheme, viewport={"width": width, "height": 800}) as reader:
        reader.page.get_by_text("Filters").click()
        expect(reader.page.locator("#notice")).to_be_visible()
        reader.asked("bad")
        turn = reader.asked("all")
        turn.get_by_role("button", name="Bad answer").click()
        expect(turn).to_contain_text("Saved.")
        turn.locator("button.cite").click()
        reader.page.mouse.move(0, 0)
        assert reader.page.evaluate(NAMELESS) == []
        assert reader.page.evaluate(FAINT) == []


def test_scheme_follows_the_system_until_the_reader_chooses(browser: Browser, served: Served) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    with reading(browser, served.url, color_scheme="dark") as reader:
        dark = reader.page.evaluate(ground)
        reader.page.emulate_media(color_scheme="light")
        light = reader.page.evaluate(ground)
        assert dark != light
        reader.button("Switch between dark and light").click()
        assert reader.page.evaluate(ground) == dark
        reader.page.reload()
        assert reader.page.evaluate(ground) == dark


def test_answer_is_announced_once_and_politely(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["slow"] = Stream([*"many small pieces"], hang=True)
    reader.page.evaluate(
        "() => { window.said = []; new MutationObserver(() => window.said.push(document.getElementById('live').textContent)).observe(document.getElementById('live'), { childList: true }); }"
    )
    turn = reader.ask("slow")
    expect(turn).to_contain_text("many small pieces")
    twin.released.set()
    expect(turn).to_have_attribute("aria-busy", "false")
    assert reader.page.evaluate("() => window.said") == ["Answering", "Answer: many small pieces"]


def test_question_is_ready_for_typing_and_focus_is_visible(reader: Reader) -> None:
    expect(reader.box).to_be_focused()
    reader.button("New conversation").focus()
    reader.page.keyboard.press("Tab")
    assert reader.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_page_is_small_and_names_no_other_address() -> None:
    files = [path for path in PAGE.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 80 * 1024
    text = "".join(path.read_text() for path in files)
    assert not [
        word
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "https://cdn")
        if word in text
    ]


def test_missing_browser_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TWIN_TEST_CHROMIUM", raising=False)
    with pytest.raises(RuntimeError, match="apt-get install -y chromium"):
        browsers.chromium()
    monkeypatch.setenv("TWIN_TEST_CHROMIUM", "/nowhere")
    with pytest.raises(RuntimeError, match="TWIN_TEST_CHROMIUM=/nowhere is not a program"):
        browsers.chromium()
