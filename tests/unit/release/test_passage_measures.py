"""Grounding and retrieval by hand-made cases whose numbers can be reckoned on paper."""

from __future__ import annotations

import math

import pytest

from twin.release.measures import grounding, latency, perplexity, retrieval
from twin.release.ports import Answered

PASSAGE = "A tombstone marks a document that is gone. The index drops it at the next build."


def test_what_stands_in_a_cited_passage_is_grounded() -> None:
    assert grounding.score("A tombstone marks a document that is gone [1].", [PASSAGE]) == grounding.Grounded(1.0, 1.0)
    assert grounding.score("Tombstones were invented on the moon.", [PASSAGE]) == grounding.Grounded(0.0, 0.0)


def test_grounding_counts_word_pairs_and_sentences_by_their_words() -> None:
    found = grounding.score("A tombstone marks a document. Cheese grows on tall trees here.", [PASSAGE])
    assert found == grounding.Grounded(4 / 9, 5 / 11)


def test_an_answer_that_cites_nothing_or_says_nothing_is_not_grounded() -> None:
    assert grounding.score("A tombstone marks a document that is gone.", []) == grounding.Grounded(0.0, 0.0)
    assert grounding.score("", [PASSAGE]) == grounding.Grounded(0.0, 0.0)


def test_half_from_one_passage_and_half_from_another_support_no_sentence() -> None:
    found = grounding.score("a b c d e f g", ["a b c", "e f g"])
    assert found.bigrams == pytest.approx(4 / 6)
    assert found.sentences == 0.0


def test_ndcg_rewards_what_stands_first() -> None:
    assert retrieval.ndcg(["x", "d"], {"d": 1}) == pytest.approx(1 / math.log2(3))
    assert retrieval.ndcg(["d", "d", "e"], {"d": 2, "e": 1}) == 1.0
    assert retrieval.ndcg([], {"d": 1}) == 0.0
    assert retrieval.ndcg(["x"] * 3 + [f"y{n}" for n in range(12)] + ["d"], {"d": 1}) == 0.0


def test_recall_is_the_share_found() -> None:
    assert retrieval.recall(["a", "b", "a"], {"a": 1, "c": 3}) == 0.5


@pytest.mark.parametrize("given", [(-1.0, 0), (math.nan, 3), (-math.inf, 3), (1.0, 3), (-1.0, -2)])
def test_no_likelihood_is_no_score(given) -> None:
    assert perplexity.score(*given) is None
    assert perplexity.score(-6.0, 3) == 2.0


def test_what_was_not_counted_stays_missing() -> None:
    assert latency.score(Answered(text="x")) == {"tokens": None, "first": None, "whole": None}
    assert latency.score(Answered(text="x", tokens=-1, first=math.nan, seconds=0.5))["whole"] == 0.5
    assert latency.score(Answered(text="x", tokens=-1, first=math.nan))["tokens"] is None
