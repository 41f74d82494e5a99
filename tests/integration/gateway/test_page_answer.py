"""The chat page: a question, its streamed answer, its citations."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.integration.gateway.page_driver import Reader
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Stream, passage


def test_question_is_answered_with_text_citations_and_sources(reader: Reader, twin: ScriptedTwin) -> None:
    turn = reader.asked("What is a tombstone?")
    expect(turn.locator("strong")).to_have_text("tombstone")
    expect(turn.get_by_role("button", name="Citation 1: Note 1")).to_be_visible()
    expect(turn.locator(".source")).to_have_count(2)
    assert [(asked.text, asked.history) for asked in twin.asked] == [("What is a tombstone?", ())]


def test_text_is_seen_while_the_answer_still_streams(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["slow"] = Stream(["First words", " and more"], hang=True)
    turn = reader.ask("slow")
    expect(turn).to_contain_text("First words and more")
    expect(turn).to_have_attribute("aria-busy", "true")
    twin.released.set()
    expect(turn).to_have_attribute("aria-busy", "false")


def test_citation_opens_its_passage_by_mouse(reader: Reader) -> None:
    reader.asked("What is a tombstone?")
    reader.button("Citation 1: Note 1").click()
    expect(reader.panel.locator(".passage")).to_have_text(
        "A gone document\nbecomes a tombstone.\n\n  It leaves the index.", use_inner_text=True
    )
    expect(reader.panel).to_contain_text("Ada Author")
    expect(reader.panel.get_by_role("link", name="Note 1")).to_have_attribute("rel", "noopener noreferrer")
    reader.button("Close").click()
    expect(reader.panel).to_be_hidden()


def test_citation_opens_steps_and_closes_by_keyboard_and_focus_comes_back(reader: Reader) -> None:
    reader.asked("What is a tombstone?")
    reader.button("Citation 1: Note 1").focus()
    reader.page.keyboard.press("Enter")
    expect(reader.panel).to_contain_text("A gone document")
    expect(reader.page.locator("#panel-title")).to_be_focused()
    reader.page.keyboard.press("Tab")
    reader.page.keyboard.press("Enter")
    expect(reader.panel).to_contain_text("The build reads tombstones too.")
    reader.page.keyboard.press("Escape")
    expect(reader.panel).to_be_hidden()
    expect(reader.button("Citation 1: Note 1")).to_be_focused()


def test_focus_returns_to_the_citation_that_was_opened_last(reader: Reader) -> None:
    reader.asked("What is a tombstone?")
    reader.button("Citation 1: Note 1").click()
    reader.button("Citation 2: Note 2").click()
    expect(reader.panel).to_contain_text("The build reads tombstones too.")
    reader.button("Close").click()
    expect(reader.button("Citation 2: Note 2")).to_be_focused()


def test_number_without_a_passage_and_number_in_code_stay_text(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["numbers"] = Stream(["See [7], `row[1]` and [1].\n\n```python\nx[1]\n```"], [passage(1, "One.")])
    turn = reader.asked("numbers")
    expect(turn.locator(".cite")).to_have_count(1)
    expect(turn.locator("p").first).to_contain_text("See [7], row[1] and 1.")
    expect(turn.locator("pre")).to_have_text("x[1]")


def test_extractive_and_degraded_answers_are_labelled(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["quote"] = Stream(["Quoted [1]."], [passage(1, "Quoted.")], mode="extractive", degraded=("rerank",))
    turn = reader.asked("quote")
    expect(turn.get_by_text("extractive", exact=True)).to_be_visible()
    expect(turn.get_by_text("without rerank")).to_be_visible()


def test_answer_without_a_passage_says_so(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["nothing"] = Stream(["I do not know."], [])
    expect(reader.asked("nothing")).to_contain_text("No passage was found for this question.")


def test_answer_cut_at_the_token_limit_says_so(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers["long"] = Stream(["Half of"], [], finish="length")
    expect(reader.asked("long")).to_contain_text("cut off at the model’s token limit")


def test_markdown_becomes_headings_lists_tables_code_and_links(reader: Reader, twin: ScriptedTwin) -> None:
    text = "# Head\n\n- one\n  - two\n- three\n\n3. c\n4. d\n\n| a | b |\n|---|---|\n| 1 | `x` |\n\n> said\n\n[site](https://example.org/a_(b)) *em* __strong__ ~ snake_case_name"
    twin.answers["marks"] = Stream([*text], [])
    turn = reader.asked("marks")
    shape = "(e) => [...e.querySelectorAll('*')].map((n) => n.localName).filter((n) => !['div', 'p', 'thead', 'tbody'].includes(n)).join(' ')"
    assert (
        turn.locator(".answer").evaluate(shape)
        == "h3 ul li ul li li ol li li table tr th th tr td td code blockquote a em strong"
    )
    expect(turn.locator("ol")).to_have_attribute("start", "3")
    expect(turn.get_by_role("link", name="site")).to_have_attribute("href", "https://example.org/a_(b)")
    expect(turn).to_contain_text("snake_case_name")


def test_streamed_in_single_characters_it_reads_as_sent_at_once(reader: Reader, twin: ScriptedTwin) -> None:
    text = "Intro **bold** 🜂 `code`\n\n1. a\n2. b\n\n```sql\nselect 1;\n```\n\nEnd [1]."
    html = []
    for pieces in ([text], [*text]):
        twin.answers["same"] = Stream(pieces, [passage(1, "One.")])
        html.append(reader.asked("same").locator(".answer").inner_html())
    assert html[0] == html[1]


def test_code_and_answer_can_be_copied(reader: Reader, twin: ScriptedTwin) -> None:
    reader.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    twin.answers["code"] = Stream(["Run:\n\n```sh\necho '<b>'\n```"], [])
    turn = reader.asked("code")
    turn.get_by_role("button", name="Copy code").click()
    expect(turn.get_by_role("button", name="Copied")).to_be_visible()
    assert reader.page.evaluate("() => navigator.clipboard.readText()") == "echo '<b>'"
    turn.get_by_role("button", name="Copy", exact=True).click()
    assert reader.page.evaluate("() => navigator.clipboard.readText()") == "Run:\n\n```sh\necho '<b>'\n```"


def test_number_stays_with_the_word_before_it(reader: Reader, twin: ScriptedTwin) -> None:
    reader.page.set_viewport_size({"width": 360, "height": 700})
    text = "".join(f"{'a' * (n % 17 + 1)} word [1] " for n in range(60)) + "b" * 200 + " [1]"
    twin.answers["wrap"] = Stream([text], [passage(1, "One.")])
    keep = reader.asked("wrap").locator(".keep")
    assert keep.count() == 61
    apart = "(all) => all.slice(0, -1).filter((e) => e.getClientRects().length > 1).length"
    assert keep.evaluate_all(apart) == 0


def test_code_passage_is_set_in_fixed_width_and_prose_is_not(reader: Reader, twin: ScriptedTwin) -> None:
    code = passage(1, "def f():\n    return 1", kind="repository", uri="git+https://example.org/r//f.py?ref=main")
    prose = passage(2, "# Head", kind="repository", uri="git+https://example.org/r//README.md?ref=main")
    twin.answers["both"] = Stream(["[1] [2]"], [code, prose])
    turn = reader.asked("both")
    for at, fixed in ((0, True), (1, False)):
        turn.locator("button.cite").nth(at).click()
        style = reader.panel.locator(".passage").evaluate("(e) => getComputedStyle(e).fontFamily")
        assert ("monospace" in style) is fixed
