"""Decisions about feedback, whoever makes them: kept once, and the first one stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from twin.drivers.sqlite.reviews import ReviewStore
from twin.records import Example, ExampleKind

DOCUMENTS = ("d" * 32, "e" * 32)


def example(number: int) -> Example:
    return Example(
        kind=ExampleKind.PREFERENCE, instruction=f"What is {number}?", answer="A number.", rejected="A stone.",
        document=DOCUMENTS[0], source="feedback", author="ada", origin="feedback",
    )  # fmt: skip


@pytest.fixture
async def reviewers(tmp_path: Path) -> AsyncIterator[list[ReviewStore]]:
    """Three reviewers, each with the file open as a process of its own has it."""
    async with AsyncExitStack() as stack:
        stores = [ReviewStore(tmp_path / "reviews.db") for _ in range(3)]
        for store in stores:
            stack.push_async_callback(store.close)
            await store.open()
        yield stores


async def test_of_decisions_made_at_once_one_is_kept_and_everybody_learns_which(reviewers: list[ReviewStore]) -> None:
    for number in range(30):
        wishes = [number % 2 == 0, number % 3 == 0, True]
        calls = [store.decide(example(number), DOCUMENTS, approved=wish) for store, wish in zip(reviewers, wishes, strict=True)]
        earlier = await asyncio.gather(*calls)
        assert earlier.count(None) == 1
        kept = wishes[earlier.index(None)]
        assert set(earlier) <= {None, kept}
        for store in reviewers:
            assert (await store.decided())[example(number).id] is kept


async def test_approved_examples_are_kept_whole_and_the_others_are_not_used(reviewers: list[ReviewStore]) -> None:
    here, there, _ = reviewers
    assert await here.decide(example(1), DOCUMENTS, approved=True) is None
    assert await there.decide(example(2), DOCUMENTS, approved=False) is None
    assert await there.decide(example(1), DOCUMENTS, approved=False) is True
    assert await there.approved() == [(example(1), DOCUMENTS)]
