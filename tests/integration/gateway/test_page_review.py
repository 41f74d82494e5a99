"""A review on the chat page: what waits, one proposal at a time, decided by button or key."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.integration.gateway.page_driver import Reader, reading
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Served, Stream
from tests.integration.gateway.scripted_gateway import trace as kept
from tests.unit.dataset.reviewing import CORRECTION, QUESTION, marked, trace, trace_id
from twin.records import Span


@pytest.fixture
def twin(twin: ScriptedTwin) -> ScriptedTwin:
    """Three answers that were marked down wait for a review."""
    twin.marked[:] = marked(3)
    return twin


def progress(reader: Reader) -> Locator:
    return reader.page.locator("#review-progress")


def body(reader: Reader) -> Locator:
    return reader.page.locator("#review-body")


def reviewing(reader: Reader, at: str = "1 of 3") -> None:
    reader.button("Review").click()
    expect(progress(reader)).to_have_text(at)


def test_a_proposal_is_shown_with_all_that_a_decision_needs(reader: Reader, twin: ScriptedTwin) -> None:
    twin.marked[:] = [trace(trace_id(0), -1.0, comment="wrong")]
    reviewing(reader, "1 of 1")
    expect(reader.page.get_by_role("heading", name=QUESTION)).to_be_visible()
    expect(reader.page.get_by_role("region", name="Chosen")).to_have_text("A tombstone remembers a document that is gone.")
    expect(reader.page.get_by_role("region", name="Rejected")).to_have_text("It is a stone.")
    for words in ("This answer was marked down; the passage it should have followed", "Comment: wrong", "ada", "d" * 32):
        expect(body(reader)).to_contain_text(words)


def test_a_correction_is_not_shown_twice(reader: Reader) -> None:
    reviewing(reader)
    assert body(reader).inner_text().count(CORRECTION) == 1


def test_buttons_approve_turn_down_and_skip_and_each_decision_is_kept_at_once(reader: Reader, twin: ScriptedTwin) -> None:
    reviewing(reader)
    reader.button("Approve").click()
    expect(progress(reader)).to_have_text("2 of 3")
    assert list(twin.decisions.values()) == [True]
    reader.button("Turn down").click()
    expect(progress(reader)).to_have_text("3 of 3")
    assert list(twin.decisions.values()) == [True, False]
    reader.button("Skip").click()
    expect(body(reader)).to_contain_text("You are through: 1 approved, 1 turned down, 1 skipped.")
    expect(reader.button("Approve")).to_be_hidden()
    assert list(twin.decisions.values()) == [True, False]
    reader.button("Begin again").click()
    expect(progress(reader)).to_have_text("1 of 1")
    expect(body(reader)).to_contain_text(f"{QUESTION} 2")


def test_keys_approve_turn_down_and_skip(reader: Reader, twin: ScriptedTwin) -> None:
    reviewing(reader)
    for key, at in (("s", "2 of 3"), ("n", "3 of 3"), ("Y", "")):
        reader.page.keyboard.press(key)
        expect(progress(reader)).to_have_text(at)
    expect(body(reader)).to_contain_text("1 still waits")
    assert list(twin.decisions.values()) == [False, True]


def test_keys_that_mean_something_else_decide_nothing(reader: Reader, twin: ScriptedTwin) -> None:
    reader.box.press_sequentially("yes no")
    expect(reader.box).to_have_value("yes no")
    reviewing(reader)
    for key in ("Control+y", "Alt+n", "x", "Enter"):
        reader.page.keyboard.press(key)
    reader.page.keyboard.down("y")
    for _ in range(5):  # held, it repeats
        reader.page.keyboard.down("y")
    expect(progress(reader)).to_have_text("2 of 3")
    reader.page.keyboard.up("y")
    assert len(twin.decisions) == 1


def test_keys_pressed_faster_than_the_twin_answers_decide_what_is_in_sight(reader: Reader, twin: ScriptedTwin) -> None:
    reviewing(reader)
    reader.page.evaluate(
        "() => 'yyy'.split('').forEach((key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })))"
    )
    expect(progress(reader)).to_have_text("2 of 3")
    assert len(twin.decisions) == 1


def test_more_proposals_than_come_at_a_time_are_gone_through_in_order(reader: Reader, twin: ScriptedTwin) -> None:
    twin.marked[:] = marked(23)
    reviewing(reader, "1 of 23")
    for number in range(1, 23):
        reader.page.keyboard.press("s" if number % 2 else "y")
        expect(progress(reader)).to_have_text(f"{number + 1} of 23")
        expect(body(reader)).to_contain_text(f"{QUESTION} {number}")
    reader.page.keyboard.press("s")
    expect(body(reader)).to_contain_text("12 still wait")


def test_where_nothing_waits_the_page_says_how_proposals_come_about(reader: Reader, twin: ScriptedTwin) -> None:
    twin.marked.clear()
    reader.button("Review").click()
    expect(reader.page.get_by_role("heading", name="Nothing waits for a review")).to_be_visible()
    expect(body(reader)).to_contain_text("when a reader marks an answer down")
    expect(reader.button("Approve")).to_be_hidden()


def test_when_all_is_decided_the_page_says_what_comes_next(reader: Reader) -> None:
    reviewing(reader)
    for at in ("2 of 3", "3 of 3", ""):
        reader.page.keyboard.press("y")
        expect(progress(reader)).to_have_text(at)
    expect(body(reader)).to_contain_text("Nothing waits any more")
    expect(body(reader)).to_contain_text("twin dataset build")
    expect(reader.button("Begin again")).to_have_count(0)


@pytest.mark.parametrize(("scopes", "seen"), [(["ask", "feedback"], False), (["admin"], True)])
def test_only_an_admin_finds_the_way_to_the_review(browser: Browser, served: Served, scopes: list[str], seen: bool) -> None:
    _, token = served.keys.create("reader", scopes)
    with reading(browser, served.url) as reader:
        reader.page.get_by_label("API key").fill(token)
        reader.button("Use key").click()
        expect(reader.page.locator("#knows")).to_contain_text("Release")
        expect(reader.button("Review")).to_be_visible(visible=seen)
        if seen:
            reviewing(reader)


def test_a_failure_is_told_and_the_same_proposal_waits_on(reader: Reader, twin: ScriptedTwin) -> None:
    reviewing(reader)
    twin.decisions.broken = "reviews.db: there is no space left for it; free some and run again"
    reader.page.keyboard.press("y")
    alert = reader.page.get_by_role("alert")
    expect(alert).to_contain_text("there is no space left for it")
    expect(progress(reader)).to_have_text("1 of 3")
    twin.decisions.broken = ""
    alert.get_by_role("button", name="Try again").click()
    expect(progress(reader)).to_have_text("2 of 3")
    expect(alert).to_be_hidden()
    assert list(twin.decisions.values()) == [True]


def test_proposals_that_cannot_be_read_are_told_and_asked_for_again(reader: Reader, twin: ScriptedTwin) -> None:
    twin.decisions.broken = "reviews.db: the file is damaged"
    reader.button("Review").click()
    expect(reader.page.get_by_role("alert")).to_contain_text("the file is damaged")
    expect(reader.button("Approve")).to_be_hidden()
    twin.decisions.broken = ""
    reader.button("Try again").click()
    expect(progress(reader)).to_have_text("1 of 3")


def test_a_twin_that_is_gone_is_told(reader: Reader, served: Served) -> None:
    reviewing(reader)
    served.stop()
    reader.page.keyboard.press("y")
    expect(reader.page.get_by_role("alert")).to_contain_text("The twin cannot be reached")
    expect(progress(reader)).to_have_text("1 of 3")


def turned_down(twin: ScriptedTwin, id: str) -> None:
    twin.decisions[id] = False


def marked_otherwise(twin: ScriptedTwin, _: str) -> None:
    twin.marked.pop(0)
    twin.marked.extend(marked(5)[3:])


@pytest.mark.parametrize(
    ("meanwhile", "words", "left"),
    [
        (turned_down, "was turned down already; the first decision stands", 3),
        (marked_otherwise, "there is no such proposal", 5),
    ],
)
def test_what_changed_meanwhile_is_told_and_the_review_goes_on(
    reader: Reader, twin: ScriptedTwin, served: Served, meanwhile: Callable[[ScriptedTwin, str], None], words: str, left: int
) -> None:
    reviewing(reader)
    (first,) = reader.page.evaluate("async () => (await (await fetch('v1/reviews?limit=1')).json()).data.map((one) => one.id)")
    meanwhile(twin, first)
    reader.page.evaluate("async () => { await fetch('v1/reviews'); }")  # another reviewer looks too
    reader.page.keyboard.press("y")
    expect(reader.page.locator("#review-note")).to_contain_text(words)
    expect(progress(reader)).to_have_text(f"2 of {left}")
    expect(body(reader)).to_contain_text(f"{QUESTION} 1")
    assert True not in twin.decisions.values()
    reader.page.keyboard.press("s")
    expect(reader.page.locator("#review-note")).to_be_hidden()


def test_two_reviewers_decide_each_proposal_once(browser: Browser, served: Served, twin: ScriptedTwin) -> None:
    with reading(browser, served.url) as one, reading(browser, served.url) as other:
        reviewing(one)
        reviewing(other)
        one.page.keyboard.press("y")
        expect(progress(one)).to_have_text("2 of 3")
        other.page.keyboard.press("n")
        expect(other.page.locator("#review-note")).to_contain_text("was approved already")
        other.page.keyboard.press("n")
        expect(progress(other)).to_have_text("3 of 3")
        assert list(twin.decisions.values()) == [True, False]


def test_the_trace_opens_beside_and_its_keys_are_its_own(reader: Reader, twin: ScriptedTwin) -> None:
    twin.kept[trace_id(0)] = kept(Span(id="a", parent="", name="answer", start=0, end=1), id=trace_id(0))
    reviewing(reader)
    reader.page.get_by_role("link", name=trace_id(0)).click()
    expect(reader.panel.locator(".step")).to_have_text("answer")
    reader.page.keyboard.press("y")
    reader.page.keyboard.press("Escape")
    expect(reader.panel).to_be_hidden()
    expect(progress(reader)).to_have_text("1 of 3")
    assert twin.decisions == {}
    reader.page.get_by_role("link", name=trace_id(0)).click()
    expect(reader.panel.locator(".step")).to_have_text("answer")
    reader.button("Skip").click()
    expect(reader.panel).to_be_hidden()  # it was the last one's
    expect(progress(reader)).to_have_text("2 of 3")


def test_leaving_goes_back_to_the_chat_as_it_was(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["slow"] = Stream(["First words"], hang=True)
    turn = reader.ask("slow")
    expect(turn).to_contain_text("First words")
    reviewing(reader)
    expect(reader.box).to_be_hidden()
    reader.page.keyboard.press("Escape")
    expect(reader.button("Review")).to_be_focused()
    expect(turn).to_have_attribute("aria-busy", "true")  # Esc ended the review, and not the answer
    assert not twin.cancelled.is_set()
    reviewing(reader)
    twin.released.set()
    reader.button("Back to the chat").click()
    expect(turn).to_have_attribute("aria-busy", "false")
    expect(turn).to_contain_text("First words")


def test_each_proposal_is_announced_and_focus_stays_where_the_reader_works(reader: Reader) -> None:
    reviewing(reader)
    expect(reader.page.locator("#review-title")).to_be_focused()
    expect(reader.page.locator("#live")).to_have_text(f" 1 of 3: {QUESTION} 0", use_inner_text=False)
    reader.button("Skip").focus()
    for at in ("2 of 3", "3 of 3"):
        reader.page.keyboard.press("Enter")
        expect(progress(reader)).to_have_text(at)
        expect(reader.button("Skip")).to_be_focused()
    reader.page.keyboard.press("Enter")
    expect(body(reader)).to_contain_text("3 still wait")
    expect(reader.page.locator("#review-title")).to_be_focused()
