"""Intervals: right as often as they say, the same for the same seed, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest

from twin.release.bootstrap import interval, least_documents, least_resamples, resampled, tail


@pytest.mark.parametrize("documents", [8, 30])
def test_an_interval_holds_the_truth_about_as_often_as_it_says(documents: int) -> None:
    dice = np.random.default_rng(5)
    samples = dice.normal(0.3, 1, size=(documents, 400))
    names = [f"d{n:03}" for n in range(documents)]
    means = resampled(samples, names, resamples=1000, seed=1)
    ends = [interval(means[:, at], float(samples[:, at].mean()), confidence=0.9, documents=documents) for at in range(400)]
    assert 0.86 <= np.mean([low <= 0.3 <= high for low, high in ends]) <= 0.95


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    values = np.random.default_rng(1).normal(size=(20, 2))
    names = [f"d{n}" for n in range(20)]
    one, same, other = (resampled(values, names, resamples=200, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_missing_value_takes_no_part() -> None:
    values = np.array([[1.0], [np.nan], [1.0], [1.0]])
    assert np.allclose(resampled(values, list("abcd"), resamples=300, seed=0), 1.0)
    assert not np.isnan(resampled(np.full((4, 1), np.nan), list("abcd"), resamples=300, seed=0)).any()


def test_many_documents_are_drawn_in_blocks_of_bounded_size() -> None:
    values = np.random.default_rng(2).normal(size=(30_000, 1))
    means = resampled(values, [str(n) for n in range(30_000)], resamples=150, seed=0)
    assert abs(float(means.mean()) - float(values.mean())) < 0.01


def test_few_documents_widen_an_interval() -> None:
    assert tail(0.95, 6) < tail(0.95, 30) < tail(0.95, 1000) < 0.025
    assert tail(0.95, 100_000) == pytest.approx(0.025, abs=1e-4)


def test_a_higher_confidence_needs_more() -> None:
    assert (least_documents(0.5), least_documents(0.95), least_documents(0.99)) == (2, 6, 8)
    assert least_resamples(0.99, 50) > least_resamples(0.95, 50) > 100
