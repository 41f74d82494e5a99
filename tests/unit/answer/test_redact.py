"""Secrets and addresses of documents: found once, and gone from all that an answer says, shows and leaves behind."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.answer.fakes import CATS, ListSearcher, Speaker, answerer, passages, told
from tests.unit.answer.test_guard_out import AWS, AWS_SECRET, GITHUB, OPENAI, PEM, PIECES, SAMPLES
from twin.answer.faults import find_fault
from twin.answer.guard_in import Guards, tidy
from twin.answer.guard_out import OutputGuard
from twin.answer.redact import DEEPEST, LEFT_OUT, redact, redact_trace
from twin.answer.secrets import find, may_hold
from twin.records import Message, Question, Span, Trace

ASK = Question("Which key does the service of tombstones use?")
SECRET = f"The service of tombstones uses the key {OPENAI} for documents. Ask ada@corp.org for another key."
SAID = "The service of tombstones uses the key [redacted: API key] for documents."


def shown(value) -> str:
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)


def clear(value) -> bool:
    return OPENAI in shown(value) or "ada@corp.org" in shown(value)


@pytest.mark.parametrize("generator", [None, Speaker("It uses a key of its own [1].")])
async def test_a_secret_of_a_document_is_in_nothing_that_an_answer_shows_or_leaves(generator):
    one = answerer(passages(SECRET, title=f"About {OPENAI}"), generator)
    _, _, answer = await told(one.answer(ASK))
    assert answer.passages[0].chunk.text.startswith(SAID)
    assert answer.citations[0].passage.chunk.title == "About [redacted: API key]"
    assert not clear(answer)
    assert not clear(one.sink[0])
    assert not clear((await one.retrieve(ASK))[1])
    if generator:
        assert SAID in shown(generator.messages)


async def test_a_redacted_passage_is_cited_and_keeps_the_span_of_its_document():
    text, _, answer = await told(answerer(passages(SECRET)).answer(ASK))
    assert SAID in text
    assert text[answer.citations[0].start : answer.citations[0].end] == "[1]"
    assert answer.passages[0].chunk.span == (0, len(SECRET))


async def test_an_allowed_address_is_shown_and_a_key_beside_it_is_not():
    one = answerer(passages(SECRET), guards=Guards(emails=frozenset({"@corp.org"})))
    _, _, answer = await told(one.answer(ASK))
    assert "ada@corp.org" in answer.passages[0].chunk.text
    assert OPENAI not in shown(answer)


async def test_an_answer_that_repeats_a_redacted_passage_is_named_as_before():
    one = answerer(passages(SECRET))
    await told(one.answer(ASK))
    fault = find_fault(one.sink[0])
    assert (fault.step, fault.reason) == ("guard_out", "text was removed")
    assert "API key" in fault.detail
    beside = answerer([*CATS, *passages(SECRET)])
    await told(beside.answer(Question("What is a tombstone of documents?")))
    quoted = "API key" in beside.sink[0].spans[0].output["text"]
    assert (find_fault(beside.sink[0]) is not None) == quoted


async def test_passages_without_secrets_are_the_very_ones_that_were_found():
    _, _, answer = await told(answerer().answer(Question("What is a tombstone of documents?")))
    assert all(kept is found for kept, found in zip(answer.passages, CATS, strict=True))


async def test_what_the_question_and_the_conversation_held_is_not_kept_in_the_trace():
    calls = {"tool_calls": [{"function": {"arguments": f'{{"key": "{OPENAI}"}}'}}]}
    history = (Message("user", f"My key is {AWS}."), Message("assistant", "Thanks.", calls))
    speaker = Speaker("Yes [1].")
    one = answerer(generator=speaker, searcher=ListSearcher(CATS))
    await told(one.answer(Question(f"Is {OPENAI} mine, or ada@corp.org's?", history)))
    assert OPENAI in shown(speaker.messages)  # the model is asked what was asked
    kept = redact_trace(one.sink[0])
    assert not clear(kept)
    assert AWS not in shown(kept)
    assert kept.spans[0].input["question"] == "Is [redacted: API key] mine, or [redacted: e-mail address]'s?"
    assert redact_trace(kept) == kept


def test_characters_that_nobody_sees_hide_no_secret():
    assert redact(f"key {OPENAI[:12]}\u200b{OPENAI[12:]}")[0] == "key [redacted: API key]"
    assert redact("a\u200bb stays as it was") == ("a\u200bb stays as it was", ())


def test_what_is_nested_without_end_is_left_out():
    value = OPENAI
    for _ in range(10 * DEEPEST):
        value = [value]
    span = Span(id="a", parent="", name="answer", start=0, end=1, input=value)
    trace = Trace(id="t", release="", index="", model="", thread="", status="ok", spans=(span,))
    found = redact_trace(trace).spans[0].input
    while isinstance(found, list):
        (found,) = found
    assert found == LEFT_OUT


@pytest.mark.parametrize("text", [*SAMPLES, PEM, f"password: {AWS_SECRET}", f"to\u017fken={GITHUB}", "plain words", ""])
def test_a_whole_text_is_redacted_as_a_stream_is(text):
    _same(text)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*PIECES, AWS_SECRET, "access_key", '": "']), max_size=14).map("".join))
def test_no_text_is_passed_over_that_the_guard_would_change(text):
    _same(text)


def _same(text):
    guard = OutputGuard()
    assert redact(text)[0] == guard.feed(tidy(text)) + guard.close()


@pytest.mark.parametrize("secret", [AWS, GITHUB, OPENAI, "x@y.de", "a://b:c@d"])
def test_short_runs_are_looked_into_where_they_can_be_secrets(secret):
    assert may_hold(f"here: {secret}!")
    assert list(find(secret))
