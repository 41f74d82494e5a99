"""The chat page when something is wrong: every failure is readable, nothing is lost, and there is a way on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.doubles.chat_api import ChatApi, Refusal, Served, Stream
from tests.integration.gateway.page_driver import TOMBSTONES, Reader, reading

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
def test_refusal_is_told_in_words_and_can_be_tried_again(reader: Reader, api: ChatApi, status: int, title: str) -> None:
    api.answers[USUAL] = Refusal(status, "The gateway's own words.", {"retry-after": "7"})
    alert = reader.asked(USUAL).get_by_role("alert")
    expect(alert).to_contain_text(title)
    expect(alert).to_contain_text("The gateway's own words. Try again in 7 s.")
    api.answers[USUAL] = TOMBSTONES
    alert.get_by_role("button", name="Try again").click()
    expect(reader.turn.locator(".cite")).to_have_count(2)
    expect(reader.page.get_by_role("article")).to_have_count(1)


def test_refusal_with_a_trace_links_to_it(reader: Reader, api: ChatApi) -> None:
    api.answers[USUAL] = Refusal(502, "Upstream refused.", trace="0199bad")
    expect(reader.asked(USUAL).get_by_role("link", name="Trace")).to_have_attribute("href", "#trace/0199bad")


def test_error_in_mid_stream_keeps_what_was_said(reader: Reader, api: ChatApi) -> None:
    api.answers[USUAL] = Stream(["Half an answer"], error="The model server died.")
    turn = reader.asked(USUAL)
    expect(turn.locator(".answer")).to_have_text("Half an answer")
    expect(turn.get_by_role("alert")).to_contain_text("The model server died.")


@pytest.mark.parametrize(("stream", "said"), [(Stream(["Half"], cut=True), "The connection was lost"), (Stream([]), "")])
def test_stream_that_is_cut_or_empty_ends_in_words(reader: Reader, api: ChatApi, stream: Stream, said: str) -> None:
    api.answers[USUAL] = stream
    turn = reader.asked(USUAL)
    expect(turn).to_contain_text(said or "The answer is empty.")


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


def test_key_is_asked_for_kept_in_the_tab_and_never_in_an_address(browser: Browser, served: Served, api: ChatApi) -> None:
    api.keys = {"right"}
    with reading(browser, served.url) as reader:
        addresses: list[str] = []
        reader.page.on("request", lambda request: addresses.append(request.url))
        dialog = reader.page.get_by_role("dialog", name="This twin asks for a key")
        dialog.get_by_label("API key").fill("wrong")
        dialog.get_by_label("API key").press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text("The key is not known.")
        dialog.get_by_label("API key").fill("right")
        reader.button("Use key").click()
        expect(dialog).to_be_hidden()
        expect(reader.page.locator("#facts")).to_contain_text("2026-11-20.1")
        reader.asked(USUAL)
        reader.page.reload()
        reader.asked(USUAL)
        assert reader.page.evaluate("() => JSON.stringify(localStorage)") == "{}"
        assert not [address for address in addresses if "right" in address]


def test_key_revoked_in_a_conversation_is_asked_for_and_the_question_goes_on(reader: Reader, api: ChatApi) -> None:
    reader.asked(USUAL)
    api.keys = {"new"}
    turn = reader.ask(USUAL)
    reader.page.get_by_label("API key").fill("new")
    reader.button("Use key").click()
    expect(reader.page.get_by_role("article")).to_have_count(2)
    expect(turn.locator(".cite")).to_have_count(2)


def test_twin_that_is_not_ready_names_what_is_missing(browser: Browser, served: Served, api: ChatApi) -> None:
    api.missing = ["index: no live index; run `twin index build --switch`"]
    with reading(browser, served.url) as reader:
        expect(reader.page.locator("#notice")).to_contain_text("The twin is not ready yet")
        expect(reader.page.locator("#notice")).to_contain_text("no live index")
        api.missing = []
        expect(reader.page.locator("#notice")).to_be_hidden()
