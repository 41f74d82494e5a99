"""Which conversations a candidate answers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.answer.fakes import CATS, Kept, ListSearcher, Speaker, WordEmbedder
from twin.answer.answerer import Answerer
from twin.answer.canary import Canary, beginning, part
from twin.answer.ports import Done
from twin.records import Message, Question


def canary(share: int, *, ready: bool = True) -> Canary:
    speaker = Speaker("The candidate speaks [1].")
    speaker.model = "candidate"
    return Canary(speaker, share, lambda: ready)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text()), max_size=6), st.text(), st.text())
def test_every_later_turn_of_a_conversation_goes_where_its_first_went(turns, first, text):
    opening = Question(first)
    history = (Message("user", first), *(Message(role, said) for role, said in turns))
    assert part(beginning(Question(text, history))) == part(beginning(opening))


@given(st.text(min_size=1), st.text(), st.text())
def test_a_named_thread_decides_whatever_is_said_in_it(thread, first, second):
    assert part(beginning(Question(first, thread=thread))) == part(beginning(Question(second, thread=thread)))


def test_the_share_of_conversations_is_the_share_that_was_asked_for():
    taken = sum(canary(10).takes(f"conversation {number}") for number in range(10_000))
    assert 900 < taken < 1100
    assert not any(canary(0).takes(str(number)) for number in range(1000))
    assert all(canary(100).takes(str(number)) for number in range(1000))


def test_a_larger_share_keeps_the_conversations_that_the_candidate_has():
    assert all(canary(40).takes(str(number)) for number in range(2000) if canary(10).takes(str(number)))


async def said(answerer: Answerer, **how) -> Done:
    return [event async for event in answerer.answer(Question("When do cats hunt?"), **how)][-1]


async def test_whoever_answers_stands_in_the_answer_and_in_its_trace():
    for share, name in ((100, "candidate"), (0, "spoken")):
        sink = Kept()
        answerer = Answerer(
            embedder=WordEmbedder(), searcher=ListSearcher(CATS), sink=sink, generator=Speaker("So."), canary=canary(share)
        )
        ended = await said(answerer)
        assert (ended.answer.model, sink[0].model, sink[0].spans[0].attributes["canary"]) == (name, name, name == "candidate")


async def test_a_candidate_that_is_not_ready_answers_nothing_unless_it_is_asked_for_by_name():
    answerer = Answerer(
        embedder=WordEmbedder(),
        searcher=ListSearcher(CATS),
        sink=Kept(),
        generator=Speaker("So."),
        canary=canary(100, ready=False),
    )
    assert (await said(answerer)).answer.model == "spoken"
    assert (await said(answerer, model="candidate")).answer.model == "candidate"
