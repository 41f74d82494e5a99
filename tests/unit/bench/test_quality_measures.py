"""nDCG, recall and grades of the labelled set for retrieval."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.quality.measures import Judgement, Labelled, grade, load, ndcg, recall, surer

GRADES = st.lists(st.integers(0, 3), min_size=1, max_size=30)


def test_ndcg_of_a_worked_example():
    # gains 7, 3 and 1 below log2(2), log2(3) and log2(4)
    assert ndcg([2, 3, 0, 1], [3, 2, 1]) == pytest.approx(
        (3 + 7 / math.log2(3) + 1 / math.log2(5)) / (7 + 3 / math.log2(3) + 0.5)
    )


@given(GRADES)
def test_the_best_order_has_ndcg_1_and_every_other_less(grades):
    best = sorted(grades, reverse=True)
    assert ndcg(best, grades) == pytest.approx(1.0 if any(grades) else 0.0)
    assert 0.0 <= ndcg(grades, grades) <= ndcg(best, grades) + 1e-9


def test_what_is_found_below_the_tenth_place_counts_nothing():
    assert ndcg([0] * 10 + [3], [3]) == recall([0] * 10 + [3], [3]) == 0.0


def test_recall_is_the_share_of_the_relevant_and_knows_that_ten_places_hold_ten():
    assert recall([3, 1, 2, 0], [3, 2, 2, 1]) == pytest.approx(2 / 3)
    assert recall([3] * 10, [3] * 20) == 1.0


def test_a_passage_gets_the_grade_of_its_best_quote_whatever_its_line_breaks():
    one = Labelled(
        "why?", (Judgement("a.md", "because of x", 1), Judgement("a.md", "it is  so", 3), Judgement("b.md", "it", 2))
    )
    assert grade(one, "a.md", "because\nof x; it\n is so") == 3
    assert grade(one, "c.md", "because of x") == 0


def test_every_question_is_asked_once_and_has_a_passage_that_answers_it_or_none_at_all():
    questions = load()
    assert len({one.ask for one in questions}) == len(questions) >= 50
    assert all(max(found.grade for found in one.found) >= 2 for one in questions if one.found)
    assert all(found.grade in (1, 2, 3) for one in questions for found in one.found)


def test_a_difference_that_every_question_shows_is_sure():
    low, high = surer([0.5, 0.6, 0.7], [0.4, 0.5, 0.6])
    assert (low, high) == (pytest.approx(0.1), pytest.approx(0.1))
