from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dataset.fakes import example
from twin.dataset.pairs import Pairing
from twin.records import ExampleKind

ANSWER = "First it is written. Then it is read by the index. Then it is forgotten. Nobody misses it after all."


def pairs(examples, seed=0):
    pairing = Pairing(seed)
    return [pairing.pair(one) for one in examples]


def one(number, document="a", **fields):
    return example(f"{ANSWER} That was number {number}.", document=document, **fields)


@given(st.integers(0, 2**32), st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_the_chosen_answer_is_the_example_s_own_and_the_rejected_one_another(seed, documents):
    examples = [one(n, document) for n, document in enumerate(documents)]
    found = pairs(examples, seed)
    assert found == pairs(examples, seed)
    for made, pair in zip(examples, found, strict=True):
        assert pair.kind is ExampleKind.PREFERENCE
        assert (pair.instruction, pair.answer, pair.document) == (made.instruction, made.answer, made.document)
        assert pair.rejected
        assert pair.rejected != made.answer


@given(st.integers(0, 2**32), st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_what_is_rejected_is_labelled_by_how_it_was_made(seed, documents):
    examples = [one(n, document, author=document) for n, document in enumerate(documents)]
    for at, pair in enumerate(pairs(examples, seed)):
        label = pair.origin.removeprefix("structural:")
        before = {made.answer: made.document for made in examples[:at]}
        if label == "foreign-author":
            assert before[pair.rejected] != pair.document
        elif label == "truncated":
            assert pair.answer.startswith(pair.rejected)
        else:
            assert label == "shuffled"
            assert sorted(pair.rejected.split()) == sorted(pair.answer.split())


def test_answers_of_another_document_by_the_same_author_are_foreign_too():
    found = pairs([one(n, "ab"[n % 2]) for n in range(30)])
    assert {pair.origin for pair in found} >= {"structural:foreign", "structural:truncated"}


def test_another_seed_makes_other_pairs():
    examples = [one(n, "ab"[n % 2]) for n in range(20)]
    assert pairs(examples, 1) != pairs(examples, 2)


def test_preferences_and_what_a_model_wrote_are_not_paired():
    assert (
        pairs([one(1, kind=ExampleKind.PREFERENCE, rejected="x"), one(2, origin="teacher:m"), one(3, origin="feedback")])
        == [None] * 3
    )


def test_an_answer_of_one_word_has_no_worse_one():
    assert pairs([example("Yes")]) == [None]
