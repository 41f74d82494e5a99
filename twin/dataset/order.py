"""Work on many items -> its results in the order of the items, so many at a time. Knows nothing of the items."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine
from typing import Any, TypeVar

AHEAD = 8  # results that wait for an earlier one, for each item that is worked on
T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    items: AsyncIterable[T], work: Callable[[T], Coroutine[Any, Any, R]], concurrency: int
) -> AsyncGenerator[R, None]:
    """Results in order, `concurrency` items worked on at a time. The first error ends all work.

    A slow item holds the others up only once AHEAD times as many have been done behind it.
    """
    if concurrency == 1:  # no task for what does not wait
        async for item in items:
            yield await work(item)
        return
    running: deque[asyncio.Task[R]] = deque()
    turn = asyncio.Semaphore(concurrency)

    async def in_turn(item: T) -> R:
        async with turn:
            return await work(item)

    try:
        async for item in items:
            running.append(asyncio.create_task(in_turn(item)))
            if len(running) >= concurrency * AHEAD:
                yield await _first(running)
        while running:
            yield await _first(running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _first(running: deque[asyncio.Task[R]]) -> R:
    result = await running[0]
    running.popleft()
    return result
