"""Held-out questions and training texts: what a row must have, and what counts as leaked."""

from __future__ import annotations

import pytest

from twin.errors import ReleaseError
from twin.release.questions import held_out, jsonl, yaml_rows
from twin.release.training import learn

ROW = {
    "instruction": "What is a tombstone?",
    "answer": "A mark of a document that is gone.",
    "document": "d1",
    "kind": "instruction",
}


def test_rows_of_a_dataset_are_questions_and_preferences_are_passed_over() -> None:
    found = held_out([ROW, {**ROW, "kind": "preference"}], "test")
    assert [(one.question, one.reference, one.document) for one in found] == [(ROW["instruction"], ROW["answer"], "d1")]
    assert found[0].grades == {"d1": 1.0}


def test_a_file_of_ones_own_may_be_yaml_or_jsonl_and_says_the_same() -> None:
    as_yaml = b"- {question: Why so, reference: So., document: d, id: a, relevant: {d: 2, e: 1}}\n"
    as_jsonl = b'{"question": "Why so", "reference": "So.", "document": "d", "id": "a", "relevant": {"d": 2, "e": 1}}\n\n'
    one, other = held_out(yaml_rows(as_yaml, "q.yaml"), "q.yaml"), held_out(jsonl(as_jsonl, "q.jsonl"), "q.jsonl")
    assert one == other
    assert one[0].grades == {"d": 2.0, "e": 1.0}


def test_the_same_questions_in_another_order_are_the_same_questions() -> None:
    rows = [{**ROW, "document": f"d{n}"} for n in range(5)]
    assert held_out(rows, "x") == held_out(rows[::-1], "x")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "q.jsonl:1: not JSON"),
        (b"\n\n[1]", "q.jsonl:3: an object was expected"),
        (b'{"a": "\xff"}', "q.jsonl:1: not JSON"),
        (b"[" * 100_000, "q.jsonl:1: not JSON"),
        (b'{"reference": "r", "document": "d"}', "q.jsonl: question 1: question or instruction: a text was expected"),
        (b'{"question": " ", "reference": "r", "document": "d"}', "question or instruction: a text was expected"),
        (b'{"question": "q", "reference": 3, "document": "d"}', "reference or answer: a text was expected"),
        (b'{"question": "q", "reference": "r"}', "document: a text was expected"),
        (b'{"question": "q", "reference": "r", "document": "d", "id": 7}', "id: a text was expected"),
        (b'{"question": "q", "reference": "r", "document": "d", "relevant": {"d": 0}}', "relevant: a mapping"),
        (b'{"question": "q", "reference": "r", "document": "d", "relevant": ["d"]}', "relevant: a mapping"),
        (b'{"question": "q", "reference": "r", "document": "d"}\n' * 2, "question 2: the id"),
        (b"", "there is no question in it"),
    ],
)
def test_a_bad_line_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ReleaseError, match=r".") as found:
        held_out(jsonl(data, "q.jsonl"), "q.jsonl")
    assert said in str(found.value)


@pytest.mark.parametrize("data", [b"a: 1", b"- 3", b"- [", b"\xff\xfe", b"- !!python/object/apply:os.system ['true']"])
def test_bad_yaml_is_refused(data: bytes) -> None:
    with pytest.raises(ReleaseError):
        held_out(yaml_rows(data, "q.yaml"), "q.yaml")


def test_a_question_leaks_by_its_document_its_answer_or_itself() -> None:
    long = "A tombstone marks a document that is gone, and the index drops it at the very next build of all."
    training = learn([{**ROW, "document": "seen", "extract": "x"}, {**ROW, "instruction": "Other?", "answer": long}], "train")
    asked = {"question": "New?", "reference": "New.", "document": "new"}
    cases = {
        "new": asked,
        "document": {**asked, "document": "seen"},
        "pair": {**asked, "question": ROW["instruction"].upper(), "reference": f" {ROW['answer']}\n"},
        "answer": {**asked, "reference": long.replace(" ", "\n")},
    }
    assert {name: training.leaked(held_out([row], name)[0]) for name, row in cases.items()} == {
        "new": False, "document": True, "pair": True, "answer": True,
    }  # fmt: skip


def test_training_without_an_example_is_refused() -> None:
    with pytest.raises(ReleaseError, match="no example"):
        learn([], "train")
    with pytest.raises(ReleaseError, match="example 1"):
        learn([{"answer": "x"}], "train")


def test_each_text_of_the_training_counts_once() -> None:
    assert learn([{**ROW, "extract": "same"}, {**ROW, "extract": "same"}, {**ROW, "extract": " "}], "t").texts == (
        "same",
        ROW["answer"],
    )
