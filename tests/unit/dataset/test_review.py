import pytest

from tests.unit.dataset.reviewing import CORRECTION, OTHER, PASSAGE, QUESTION, Decisions, Marked, marked, trace
from twin.cli.dataset_review import decide
from twin.dataset.review import proposals, waiting


async def proposed(*traces):
    return await proposals(Marked(traces).scored())


async def test_an_answer_marked_down_is_rejected_for_the_correction():
    (one,) = await proposed(trace("t", -1.0, comment=CORRECTION))
    made = one.example
    assert (made.instruction, made.answer, made.rejected, made.origin) == (QUESTION, CORRECTION, "It is a stone.", "feedback")
    assert (made.document, made.author, one.documents) == ("d" * 32, "ada", ("d" * 32,))


async def test_without_a_correction_the_cited_passage_is_preferred():
    (one,) = await proposed(trace("t", -1.0, comment="wrong"))
    assert (one.example.answer, one.comment) == (PASSAGE["text"], "wrong")
    (one,) = await proposed(trace("t", -1.0, cited=()))
    assert (one.example.answer, one.documents) == (OTHER["text"], ("e" * 32, "d" * 32))


async def test_an_answer_marked_up_is_chosen_before_one_to_the_same_question_that_was_marked_down():
    up, down = (
        trace("a", 1.0, "It remembers what is gone."),
        trace("b", -1.0, question=" what is a TOMBSTONE for? ", passages=()),
    )
    (one,) = await proposed(up, down)
    assert (one.example.answer, one.example.rejected) == ("It remembers what is gone.", "It is a stone.")
    assert await proposed(up) == []


@pytest.mark.parametrize(
    "one",
    [
        trace("t", None),
        trace("t", 0.0),
        trace("t", -1.0, text=" "),
        trace("t", -1.0, question=""),
        trace("t", -1.0, passages=()),
    ],
)
async def test_nothing_is_proposed_where_nothing_can_be_learned(one):
    assert await proposed(one) == []


async def test_the_same_example_is_proposed_once():
    (one,) = await proposed(trace("a", -1.0, comment=CORRECTION), trace("b", -1.0, comment=CORRECTION))
    assert one.trace == "a"


async def test_what_was_decided_does_not_wait():
    first, second, third = await proposals(marked(3).scored())
    assert await waiting(marked(3), Decisions({second.example.id: False})) == [first, third]


async def test_keys_approve_turn_down_skip_and_quit():
    found, store = await proposals(marked(5).scored()), Decisions()
    done = await decide(found, store, iter("ynsq"))
    assert (done.approved, done.turned_down, done.waiting) == (1, 1, 3)
    assert store == {found[0].example.id: True, found[1].example.id: False}


async def test_all_may_be_approved_without_a_terminal():
    store = Decisions()
    assert (await decide(await proposals(marked(3).scored()), store, None)).approved == len(store) == 3


async def test_what_somebody_else_decided_meanwhile_stands_and_is_not_counted(capsys):
    found = await proposals(marked(3).scored())
    store = Decisions({found[0].example.id: False, found[1].example.id: True})
    done = await decide(found, store, iter("yyn"))
    assert (done.approved, done.turned_down, done.waiting) == (0, 1, 0)
    assert list(store.values()) == [False, True, False]
    said = capsys.readouterr().err
    assert said.count("somebody else turned down this one") == said.count("somebody else approved this one") == 1
