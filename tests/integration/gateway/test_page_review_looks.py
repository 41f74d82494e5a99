"""How a review looks: widths, schemes, names, contrast, and texts that are long, wide or written to mislead."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.gateway.page_driver import FAINT, NAMELESS, Reader, overflow, reading
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Served
from tests.unit.dataset.reviewing import CORRECTION, marked, trace, trace_id
from twin.records import Trace

WIDE = "<b>" + "W" * 3000 + "\u202egnp.exe \U000e0041"


@pytest.fixture
def twin(twin: ScriptedTwin) -> ScriptedTwin:
    """Three answers that were marked down wait for a review."""
    twin.marked[:] = marked(3)
    return twin


def reviewing(reader: Reader, at: str = "1 of 3") -> None:
    reader.button("Review").click()
    expect(reader.page.locator("#review-progress")).to_have_text(at)


@pytest.mark.parametrize(("width", "beside"), [(1200, True), (360, False)])
def test_chosen_and_rejected_stand_side_by_side_or_one_below_the_other(
    browser: Browser, served: Served, width: int, beside: bool
) -> None:
    with reading(browser, served.url, viewport={"width": width, "height": 740}) as reader:
        reviewing(reader)
        boxes = [reader.page.get_by_role("region", name=name).bounding_box() for name in ("Chosen", "Rejected")]
        assert boxes[0]
        assert boxes[1]
        assert (boxes[0]["y"] == boxes[1]["y"]) is beside
        assert (boxes[0]["x"] < boxes[1]["x"]) is beside


def huge() -> Trace:
    """Texts that are long, wide and written to mislead."""
    said = "\n".join(f"Line {n} of a very long answer that goes on and on." for n in range(1000))
    return trace(trace_id(0), -1.0, text=said + WIDE, comment=WIDE + CORRECTION, question=WIDE)


@pytest.mark.parametrize(("width", "height"), [(320, 560), (360, 740), (768, 1024), (1600, 900)])
def test_long_and_wide_texts_leave_the_choices_in_sight(
    browser: Browser, served: Served, twin: ScriptedTwin, width: int, height: int
) -> None:
    twin.marked[:] = [huge()]
    with reading(browser, served.url, viewport={"width": width, "height": height}) as reader:
        assert overflow(reader.page) <= 0
        reviewing(reader, "1 of 1")
        assert overflow(reader.page) <= 0
        for name in ("Approve", "Turn down", "Skip", "Back to the chat"):
            expect(reader.button(name)).to_be_in_viewport(ratio=1)
        expect(reader.page.get_by_role("region", name="Chosen")).to_be_in_viewport()
        twin.decisions.broken = WIDE
        reader.page.keyboard.press("y")
        expect(reader.page.get_by_role("alert")).to_contain_text("WWW")
        assert overflow(reader.page) <= 0
        expect(reader.button("Approve")).to_be_in_viewport(ratio=1)


def test_what_hides_in_a_text_is_written_out(reader: Reader, twin: ScriptedTwin) -> None:
    hidden = "a\u202eb\u2066c\u200dd\x1be\U000e0041\tf\n\u05d0"
    twin.marked[:] = [trace(trace_id(0), -1.0, text=hidden, comment=CORRECTION)]
    reviewing(reader, "1 of 1")
    shown = reader.page.get_by_role("region", name="Rejected").text_content()
    assert shown == "a⟨U+202E⟩b⟨U+2066⟩c\u200dd⟨U+001B⟩e⟨U+E0041⟩\tf\n\u05d0"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_every_control_of_a_review_has_a_name_and_every_text_is_readable(
    browser: Browser, served: Served, twin: ScriptedTwin, scheme: Any, width: int
) -> None:
    twin.marked[:] = [trace(trace_id(0), -1.0, comment="wrong"), *marked(2)[1:]]

    def check(reader: Reader) -> None:
        reader.page.mouse.move(0, 0)
        assert reader.page.evaluate(NAMELESS) == []
        assert reader.page.evaluate(FAINT) == []

    with reading(browser, served.url, color_scheme=scheme, viewport={"width": width, "height": 800}) as reader:
        reviewing(reader, "1 of 2")
        twin.decisions.broken = "the disk is gone"
        reader.page.keyboard.press("y")
        expect(reader.page.get_by_role("alert")).to_be_visible()
        check(reader)
        twin.decisions.broken = ""
        for at in ("2 of 2", ""):
            reader.page.keyboard.press("s")
            expect(reader.page.locator("#review-progress")).to_have_text(at)
        check(reader)
