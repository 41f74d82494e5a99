"""The chat page: several turns, stopping, editing, filters, feedback and traces."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.integration.gateway.page_driver import Reader, reading
from tests.integration.gateway.scripted_gateway import TRACE, ScriptedTwin, Served, Stream, passage, trace
from twin.records import Fault, Filter, Span

USUAL = "What is a tombstone?"
STEPS = trace(
    Span(id="a", parent="", name="answer", start=10.0, end=10.5),
    Span(id="b", parent="a", name="retrieve", start=10.0, end=10.2, output=[{"text": "<img src=x onerror=alert(1)>"}]),
    Span(id="c", parent="a", name="rerank", start=10.2, end=10.25, status="degraded", error="refused"),
)
LOW = Fault("retrieve", "low scores", "0.12")


def test_later_question_carries_the_conversation(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["And then?"] = Stream(["Nothing."], [])
    reader.asked(USUAL)
    reader.asked("And then?")
    assert [turn.role for turn in twin.asked[1].history] == ["user", "assistant"]
    assert twin.asked[1].history[1].content.startswith("A **tombstone** marks")


def test_new_conversation_forgets_the_old_one(reader: Reader, twin: ScriptedTwin) -> None:
    reader.asked(USUAL)
    reader.button("New conversation").click()
    expect(reader.page.get_by_role("article")).to_have_count(0)
    expect(reader.page.get_by_role("heading", name="Ask the author’s own writing")).to_be_visible()
    reader.asked(USUAL)
    assert twin.asked[1].history == ()


def test_stop_and_escape_cancel_the_answer_on_the_server(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["slow"] = Stream(["Begun"], hang=True)
    stops = (lambda: reader.button("Stop the answer").click(), lambda: reader.page.keyboard.press("Escape"))
    for stop in stops:
        turn = reader.ask("slow")
        expect(turn).to_contain_text("Begun")
        stop()
        expect(turn).to_contain_text("Stopped. The answer is incomplete.")
        assert twin.cancelled.wait(10)
        twin.cancelled.clear()
    expect(reader.button("Send question")).to_be_visible()


def test_new_conversation_in_mid_stream_cancels_and_leaves_nothing_behind(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["slow"] = Stream(["Begun"], hang=True)
    expect(reader.ask("slow")).to_contain_text("Begun")
    reader.button("New conversation").click()
    assert twin.cancelled.wait(10)
    reader.asked(USUAL)
    expect(reader.page.get_by_role("article")).to_have_count(1)


def test_shift_enter_breaks_the_line_and_nothing_is_sent_empty(reader: Reader, twin: ScriptedTwin) -> None:
    reader.box.press("Enter")
    reader.box.fill("one")
    reader.box.press("Shift+Enter")
    expect(reader.box).to_have_value("one\n")
    assert twin.asked == []


def test_second_enter_while_an_answer_runs_keeps_the_draft(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["slow"] = Stream(["Begun"], hang=True)
    expect(reader.ask("slow")).to_contain_text("Begun")
    reader.box.fill("next")
    reader.box.press("Enter")
    expect(reader.box).to_have_value("next")
    assert len(twin.asked) == 1


def test_up_edits_the_last_question_and_escape_lets_it_be(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["Edited?"] = Stream(["Yes."], [])
    reader.asked(USUAL)
    reader.box.press("ArrowUp")
    expect(reader.box).to_have_value(USUAL)
    reader.box.press("Escape")
    expect(reader.box).to_have_value("")
    reader.box.press("ArrowUp")
    reader.asked("Edited?")
    expect(reader.page.get_by_role("article")).to_have_count(1)
    assert twin.asked[1].history == ()


def test_filters_go_with_the_question_and_can_be_cleared(reader: Reader, twin: ScriptedTwin) -> None:
    reader.page.get_by_text("Filters").click()
    reader.page.get_by_label("Author").fill("ada")
    reader.page.get_by_label("Kind").select_option("post")
    reader.page.get_by_label("Passages").fill("3")
    reader.asked(USUAL)
    assert (twin.asked[0].filter, twin.asked[0].k) == (Filter("ada", "post"), 3)
    expect(reader.page.locator("#authors option")).to_have_count(1)
    reader.button("Clear").click()
    reader.asked(USUAL)
    assert twin.asked[1].filter == Filter()


def test_thumb_and_comment_are_stored_and_can_be_changed(reader: Reader, twin: ScriptedTwin) -> None:
    turn = reader.asked(USUAL)
    turn.get_by_role("button", name="Good answer").click()
    expect(turn.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    turn.get_by_label("Comment").fill("Clear & short")
    turn.get_by_role("button", name="Send comment").click()
    expect(turn).to_contain_text("Saved with your comment.")
    turn.get_by_role("button", name="Bad answer").click()
    expect(turn.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(turn.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")
    assert twin.votes == [
        (TRACE, 1, ""),
        (TRACE, 1, "Clear & short"),
        (TRACE, -1, "Clear & short"),
    ]


def test_feedback_that_cannot_be_kept_is_told_and_not_shown_as_given(reader: Reader, twin: ScriptedTwin) -> None:
    twin.full = "traces.db: the disk is full"
    turn = reader.asked(USUAL)
    good = turn.get_by_role("button", name="Good answer")
    good.click()
    expect(turn).to_contain_text("Not saved: The twin is not available. traces.db: the disk is full")
    expect(good).to_have_attribute("aria-pressed", "false")
    twin.full = ""
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")


def test_key_that_may_only_ask_is_told_so_by_feedback_and_trace(browser: Browser, served: Served) -> None:
    _, key = served.keys.create("page", ["ask"])
    with reading(browser, served.url) as reader:
        reader.page.get_by_label("API key").fill(key)
        reader.button("Use key").click()
        turn = reader.asked(USUAL)
        turn.get_by_role("button", name="Good answer").click()
        expect(turn).to_contain_text(
            "Not saved: This key may not do that. this key may not do that: it lacks the scope feedback"
        )
        turn.get_by_role("link", name="Trace").click()
        expect(reader.panel.get_by_role("alert")).to_contain_text("it lacks the scope admin")


def test_trace_shows_its_steps_times_and_the_step_at_fault(reader: Reader, twin: ScriptedTwin) -> None:
    twin.kept[TRACE], twin.fault = STEPS, LOW
    link = reader.asked(USUAL).get_by_role("link", name="Trace")
    link.click()
    expect(reader.panel).to_contain_text("Step at fault: retrieve")
    expect(reader.panel.locator(".step")).to_have_text(["answer", "retrieve", "rerankdegraded"])
    expect(reader.panel.locator(".time")).to_have_text(["500 ms", "200 ms", "50 ms"])
    reader.panel.get_by_text("retrieve", exact=True).click()
    expect(reader.panel.locator("pre").first).to_contain_text("<img src=x onerror=alert(1)>")
    reader.page.keyboard.press("Escape")
    expect(reader.panel).to_be_hidden()
    expect(link).to_be_focused()
    expect(reader.page).to_have_url(reader.url)


def test_trace_can_be_opened_by_its_address_and_a_lost_one_says_so(reader: Reader, twin: ScriptedTwin) -> None:
    twin.kept[TRACE], twin.fault = STEPS, LOW
    reader.page.goto("about:blank")
    reader.open(f"#trace/{TRACE}")
    expect(reader.panel).to_contain_text("Step at fault: retrieve")
    reader.page.goto("about:blank")
    reader.open("#trace/none")
    expect(reader.panel).to_contain_text("This trace is no longer kept.")


def test_scrolling_up_stops_following_and_a_button_leads_back(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["long"] = Stream([f"Line {n}\n\n" for n in range(200)], [passage(1, "x")])
    reader.asked("long")
    area = reader.page.locator("#scroll")
    end = "(e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2"
    expect(reader.button("Latest ↓")).to_be_hidden()
    reader.page.wait_for_function(
        "() => { const e = document.getElementById('scroll'); return e.scrollHeight - e.scrollTop - e.clientHeight < 2; }"
    )
    area.evaluate("(e) => { e.scrollTop = 0; }")
    reader.button("Latest ↓").click()
    expect(reader.button("Latest ↓")).to_be_hidden()
    reader.page.wait_for_function(f"() => ({end})(document.getElementById('scroll'))")


def test_trace_opens_again_after_a_passage_took_its_place(reader: Reader, twin: ScriptedTwin) -> None:
    twin.kept[TRACE] = STEPS
    turn = reader.asked(USUAL)
    turn.get_by_role("link", name="Trace").click()
    expect(reader.panel.locator(".step")).to_have_count(3)
    turn.locator("button.cite").first.click()
    expect(reader.panel).to_contain_text("A gone document")
    turn.get_by_role("link", name="Trace").click()
    expect(reader.panel.locator(".step")).to_have_count(3)


def test_escape_in_the_question_closes_the_passage_beside(reader: Reader) -> None:
    reader.asked(USUAL).locator("button.cite").first.click()
    reader.box.focus()
    reader.page.keyboard.press("Escape")
    expect(reader.panel).to_be_hidden()


def test_address_that_names_no_trace_opens_nothing(reader: Reader) -> None:
    reader.page.goto("about:blank")
    reader.open("#trace/%zz<b>")
    expect(reader.page.locator("#facts")).to_contain_text("Release")
    expect(reader.panel).to_be_hidden()
