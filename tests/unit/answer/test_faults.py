from contextlib import suppress
from dataclasses import replace

import pytest

from tests.unit.answer.fakes import CATS, ListSearcher, Speaker, answerer, passages, told
from twin.answer.faults import documents_of, find_fault, support, usual_ranges
from twin.answer.ports import Piece
from twin.answer.prompt import Prompt
from twin.errors import AnswerError, IndexStoreError, UpstreamError
from twin.records import Question, Usage

ASK = Question("What is a tombstone of documents?")
GOOD = "Tombstones mark the documents that are gone from a source [3]."


async def trace_of(question=ASK, *, parameters=(), **fields):
    one = answerer(**fields)
    with suppress(AnswerError):
        await told(one.answer(question, dict(parameters)))
    return one.sink[0]


def live(trace):
    return {
        found["document"]: found["content_hash"] for span in trace.spans if span.name == "retrieve" for found in span.output
    }


async def healthy(count=25):
    return [await trace_of(generator=Speaker(GOOD)) for _ in range(count)]


async def test_a_healthy_trace_has_no_fault():
    traces = await healthy()
    usual = usual_ranges(traces)
    assert [find_fault(trace, usual, live(trace)) for trace in traces] == [None] * len(traces)
    assert find_fault(await trace_of()) is None


@pytest.mark.parametrize(
    ("fields", "step", "reason"),
    [
        ({"found": []}, "retrieve", "nothing was found"),
        ({"question": Question("Quantum chromodynamics?")}, "retrieve", "scores are low"),
        ({"searcher": ListSearcher(error=IndexStoreError("gone"))}, "retrieve", "the step failed"),
        ({"question": Question(" ")}, "guard_in", "the question was refused"),
        ({"generator": Speaker(UpstreamError("hung", status=504))}, "generate", "the model server failed"),
        (
            {"generator": Speaker("Half", Piece(finish_reason="length"), UpstreamError("x"))},
            "generate",
            "the model server failed",
        ),
        ({"generator": Speaker(GOOD + " [9]")}, "cite", "a citation was invented"),
        (
            {
                "generator": Speaker(
                    "The orbit of a distant planet is perturbed by gravitational resonance and the solar wind [3]."
                )
            },
            "cite",
            "a citation does not support its sentence",
        ),
        ({"generator": Speaker(GOOD + " Mail ada@corp.org")}, "guard_out", "text was removed"),
        ({"generator": Speaker(Piece(raw={"refusal": "I can't"}))}, "generate", "the model refused"),
        (
            {
                "generator": Speaker(GOOD),
                "prompt": Prompt(tokens=300),
                "found": passages(*["Tombstones of documents. " * 100 + str(n) for n in range(6)]),
            },
            "prompt",
            "passages were cut off",
        ),
    ],
)
async def test_the_step_at_fault_is_named(fields, step, reason):
    fields = dict(fields)
    trace = await trace_of(fields.pop("question", ASK), **fields)
    fault = find_fault(trace)
    assert (fault.step, fault.reason) == (step, reason)


class Cut(Speaker):
    async def generate(self, messages, parameters):
        yield Piece(text=GOOD)
        yield Piece(finish_reason=self.pieces[0], usage=Usage(10, 5))


@pytest.mark.parametrize(("finish", "reason"), [("length", "the answer was cut off"), ("content_filter", "the model refused")])
async def test_an_answer_that_ended_early_is_named(finish, reason):
    fault = find_fault(await trace_of(generator=Cut(finish)))
    assert (fault.step, fault.reason) == ("generate", reason)


async def test_a_document_that_changed_or_is_gone_is_named():
    trace = await trace_of(generator=Speaker(GOOD))
    today = live(trace)
    assert set(documents_of(trace)) == set(today)
    changed = find_fault(trace, {}, today | {documents_of(trace)[1]: "other"})
    assert (changed.step, changed.reason) == ("retrieve", "a passage's document has changed since")
    del today[documents_of(trace)[0]]
    assert find_fault(trace, {}, today).reason == "a passage's document is gone"


async def test_what_is_outside_the_usual_range_is_named_and_better_is_not():
    usual = usual_ranges(await healthy())
    trace = await trace_of(generator=Speaker(GOOD))

    def changed(**fields):
        return replace(trace, spans=tuple(replace(s, **fields) if s.name == "generate" else s for s in trace.spans))

    many = find_fault(changed(usage=Usage(10, 5000)), usual)
    assert (many.step, many.reason) == ("generate", "an unusual count of completion tokens")
    generate = next(s for s in trace.spans if s.name == "generate")
    slow = find_fault(changed(attributes={**generate.attributes, "first_token": 60.0}), usual)
    assert slow.reason == "the model server was slow"
    assert find_fault(changed(attributes={**generate.attributes, "first_token": 0.0}), usual) is None
    low = [replace(p, score=p.score / 100) for p in CATS]
    assert find_fault(await trace_of(found=low, generator=Speaker(GOOD)), usual).reason == "scores are low"


async def test_an_optional_step_that_failed_is_named_last():
    class Broken:
        async def score(self, question, passages):
            raise UpstreamError("no reranker")

    fault = find_fault(await trace_of(generator=Speaker(GOOD), reranker=Broken()))
    assert (fault.step, fault.reason) == ("rerank", "the step was left out")


async def test_few_traces_make_nothing_unusual():
    assert usual_ranges(await healthy(10)) == {}


def test_a_sentence_in_another_language_is_not_judged():
    german = "Grabsteine bezeichnen die Dokumente, welche aus einer Quelle verschwunden sind"
    assert support(german, CATS[2].chunk.text) is None
    assert support("Too short", CATS[2].chunk.text) is None
    assert support("Tombstones mark all documents that are gone from the index forever", CATS[2].chunk.text) > 0.5
