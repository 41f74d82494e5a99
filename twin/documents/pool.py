"""Calls -> their results as they come, so many at a time. Knows nothing of what is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def as_done(calls: Iterable[Callable[[], Awaitable[Result]]], width: int) -> AsyncGenerator[Result, None]:
    """Results in the order in which they are ready; at most `width` calls run or wait to be taken.

    The first error is raised. Left early, in whatever way, what still runs is cancelled and awaited.
    """
    waiting = iter(calls)
    running: set[asyncio.Future[Result]] = set()
    try:
        while True:
            while len(running) < width and (call := next(waiting, None)) is not None:
                running.add(asyncio.ensure_future(call()))
            if not running:
                return
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                running.discard(future)
                yield future.result()
    finally:
        for future in running:
            future.cancel()
        await asyncio.gather(*running, return_exceptions=True)
