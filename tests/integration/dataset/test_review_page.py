"""From a reader's thumb on the page to an example in the next dataset, with a terminal's review beside the page's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import started
from tests.integration.cli.running import serving, told, twin
from tests.integration.dataset.tables import preferences
from tests.integration.gateway.page_driver import Reader, reading

QUESTIONS = ("What is said on queues?", "What is said on gardens?", "What is said on compilers?")
CORRECTIONS = (
    "Queues teach more about people than about waiting, and I never jump one.",
    "Gardens want patience, and a fence against whatever else is patient.",
    "A compiler is the only reader who says at once what it did not understand.",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


def mark_down(reader: Reader, question: str, correction: str) -> None:
    """Asks, marks the answer down and says what should have been said."""
    turn = reader.asked(question)
    turn.get_by_role("button", name="Bad answer").click()
    turn.get_by_role("textbox", name="Comment").fill(correction)
    turn.get_by_role("button", name="Send comment").click()
    expect(turn).to_contain_text("Saved with your comment.")


def test_a_thumb_down_with_a_comment_becomes_an_example_once_it_is_approved(browser: Browser, folder: Path) -> None:
    twin(folder, "index", "build", "--switch")
    with serving(folder) as (address, _), reading(browser, f"{address}/") as reader:
        for question, correction in zip(QUESTIONS, CORRECTIONS, strict=True):
            mark_down(reader, question, correction)
        assert preferences(folder) == {}
        reader.button("Review").click()
        progress = reader.page.locator("#review-progress")
        expect(progress).to_have_text("1 of 3")
        expect(reader.page.get_by_role("region", name="Chosen")).to_have_text(CORRECTIONS[0])
        rejected = reader.page.get_by_role("region", name="Rejected").text_content()
        reader.page.keyboard.press("y")
        expect(progress).to_have_text("2 of 3")
        reader.page.keyboard.press("n")
        expect(progress).to_have_text("3 of 3")
        terminal = told(folder, "dataset", "review", "--approve-all")
        assert terminal == {"approved": 1, "turned_down": 0, "waiting": 0}
        reader.page.keyboard.press("n")
        expect(reader.page.locator("#review-note")).to_contain_text("was approved already; the first decision stands")
        expect(reader.page.locator("#review-body")).to_contain_text("Nothing waits any more")
    found = preferences(folder)
    assert set(found) == {QUESTIONS[0], QUESTIONS[2]}
    assert (found[QUESTIONS[0]]["answer"], found[QUESTIONS[0]]["rejected"]) == (CORRECTIONS[0], rejected)
    assert found[QUESTIONS[2]]["answer"] == CORRECTIONS[2]
