"""The chat page when something is wrong: every failure is readable, nothing is lost, and there is a way on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.gateway.page_driver import Reader, reading
from tests.integration.gateway.scripted_gateway import RefusalError, ScriptedTwin, Served, Stream

USUAL = "What is a tombstone?"


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (400, "The question was not accepted"),
        (403, "This key may not do that"),
        (413, "The question is too long"),
        (429, "Too many requests"),
        (500, "The twin failed"),
        (502, "The model server failed"),
        (503, "The twin is not available"),
        (504, "The model server took too long"),
    ],
)
def test_refusal_is_told_in_words_and_can_be_tried_again(
    reader: Reader, twin: ScriptedTwin, tombstones: Stream, status: int, title: str
) -> None:
    twin.answers[USUAL] = RefusalError(status, "The gateway's own words.", {"retry-after": "7"})
    alert = reader.asked(USUAL).get_by_role("alert")
    expect(alert).to_contain_text(title)
    expect(alert).to_contain_text("The gateway's own words. Try again in 7 s.")
    twin.answers[USUAL] = tombstones
    alert.get_by_role("button", name="Try again").click()
    expect(reader.turn.locator(".cite")).to_have_count(2)
    expect(reader.page.get_by_role("article")).to_have_count(1)


def test_refusal_with_a_trace_links_to_it(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers[USUAL] = RefusalError(502, "Upstream refused.", trace="0199bad0")
    expect(reader.asked(USUAL).get_by_role("link", name="Trace")).to_have_attribute("href", "#trace/0199bad0")


def test_error_in_mid_stream_keeps_what_was_said(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers[USUAL] = Stream(["Half an answer"], error="The model server died.")
    turn = reader.asked(USUAL)
    expect(turn.locator(".answer")).to_have_text("Half an answer")
    expect(turn.get_by_role("alert")).to_contain_text("The model server died.")


def test_stream_of_a_lost_connection_ends_in_words(reader: Reader, served: Served, twin: ScriptedTwin) -> None:
    twin.answers[USUAL] = Stream(["Half"], hang=True)
    turn = reader.ask(USUAL)
    expect(turn).to_contain_text("Half")
    served.cut()
    expect(turn).to_contain_text("The connection was lost")
    expect(turn).to_contain_text("Half")


def test_defect_in_mid_stream_is_told_by_its_kind_alone(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers[USUAL] = Stream(["Half"], defect=True)
    turn = reader.asked(USUAL)
    expect(turn.get_by_role("alert")).to_contain_text("the gateway failed unexpectedly (RuntimeError)")
    expect(turn).not_to_contain_text("scripted")


def test_empty_stream_ends_in_words(reader: Reader, twin: ScriptedTwin) -> None:
    twin.answers[USUAL] = Stream()
    expect(reader.asked(USUAL)).to_contain_text("The answer is empty.")


def test_twin_that_is_gone_is_told_and_the_question_is_kept(reader: Reader, served: Served) -> None:
    served.stop()
    turn = reader.asked(USUAL)
    expect(turn.get_by_role("alert")).to_contain_text("The twin cannot be reached")
    expect(turn.get_by_role("button", name="Try again")).to_be_visible()


def test_reader_without_a_network_is_told_so(reader: Reader) -> None:
    reader.page.context.set_offline(True)
    expect(reader.asked(USUAL).get_by_role("alert")).to_contain_text("You are offline")
    reader.page.context.set_offline(False)
    reader.button("Try again").click()
    expect(reader.turn.locator(".cite")).to_have_count(2)


def test_key_is_asked_for_kept_in_the_tab_and_never_in_an_address(browser: Browser, served: Served) -> None:
    _, right = served.keys.create("page", ["ask"])
    with reading(browser, served.url) as reader:
        addresses: list[str] = []
        reader.page.on("request", lambda request: addresses.append(request.url))
        dialog = reader.page.get_by_role("dialog", name="This twin asks for a key")
        dialog.get_by_label("API key").fill("wrong")
        dialog.get_by_label("API key").press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text("the key is unknown, revoked or expired")
        dialog.get_by_label("API key").fill(right)
        reader.button("Use key").click()
        expect(dialog).to_be_hidden()
        expect(reader.page.locator("#facts")).to_contain_text("2026-11-20.1")
        reader.asked(USUAL)
        reader.page.reload()
        reader.asked(USUAL)
        assert reader.page.evaluate("() => JSON.stringify(localStorage)") == "{}"
        assert not [address for address in addresses if right in address]


def test_key_asked_for_in_a_conversation_lets_the_question_go_on(reader: Reader, served: Served) -> None:
    reader.asked(USUAL)
    _, new = served.keys.create("page", ["ask"])
    turn = reader.ask(USUAL)
    reader.page.get_by_label("API key").fill(new)
    reader.button("Use key").click()
    expect(reader.page.get_by_role("article")).to_have_count(2)
    expect(turn.locator(".cite")).to_have_count(2)


def test_twin_that_is_not_ready_names_what_is_missing(browser: Browser, served: Served, twin: ScriptedTwin) -> None:
    twin.lacking = "index: no live index; run `twin index build --switch`"
    with reading(browser, served.url) as reader:
        expect(reader.page.locator("#notice")).to_contain_text("The twin is not ready yet")
        expect(reader.page.locator("#notice")).to_contain_text("no live index")
        twin.lacking = ""
        expect(reader.page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize(("status", "said"), [(502, "The gateway answered 502."), (200, "changed the stream")])
def test_page_of_a_proxy_in_place_of_an_answer_is_told(reader: Reader, status: int, said: str) -> None:
    html = "<html><body>Bad gateway <script>window.__pwned = 1</script></body></html>"
    reader.page.route("**/v1/chat/completions", lambda route: route.fulfill(status=status, content_type="text/html", body=html))
    expect(reader.asked(USUAL).get_by_role("alert")).to_contain_text(said)


def test_key_that_was_declined_is_not_asked_for_again_by_itself(browser: Browser, served: Served, twin: ScriptedTwin) -> None:
    served.keys.create("page", ["ask"])
    twin.lacking = "index: none is live"
    with reading(browser, served.url) as reader:
        dialog = reader.page.get_by_role("dialog", name="This twin asks for a key")
        reader.button("Cancel").click()
        with reader.page.expect_response("**/readyz"):
            pass  # the page looks again
        expect(dialog).to_be_hidden()
        reader.button("Key").click()
        expect(dialog).to_be_visible()


def test_question_beyond_the_limit_is_told_and_the_next_one_is_answered(reader: Reader) -> None:
    turn = reader.asked("x" * 2_000_000)
    expect(turn.get_by_role("alert")).to_contain_text("The question is too long")
    expect(reader.asked(USUAL).locator(".cite")).to_have_count(2)
