"""Questions x (candidate, running) -> answers, a bounded number at a time. Knows no server and no measure.

Half of the questions are put to the candidate first and half to the running release, so that neither always finds a server's
caches warm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from twin.errors import ReleaseError, TwinError
from twin.release.ports import Answered, Answering
from twin.release.questions import HeldOut

HOPELESS = 8  # failures of one side without any answer, after which nothing more is asked
Progress = Callable[[str, int, int], None]
T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Pair:
    """One question with both answers; None and a problem where there is none."""

    held: HeldOut
    candidate: Answered | None
    running: Answered | None
    problems: tuple[str, ...] = ()


class Patience:
    """Of one who measures: asked no more after HOPELESS failures without any answer, so that a run ends with nobody there."""

    def __init__(self) -> None:
        self._failed = 0
        self._answered = False

    async def ask(self, verb: Callable[P, Awaitable[T]], *what: P.args, **named: P.kwargs) -> T:
        """What `verb` gives. Raises TwinError."""
        if self._failed >= HOPELESS and not self._answered:
            raise ReleaseError(f"was not asked any more, after {self._failed} failures and no answer")
        try:
            found = await verb(*what, **named)
        except TwinError:
            self._failed += 1
            raise
        self._answered = True
        return found


class _Side:
    """One model, and whether it ever answers."""

    def __init__(self, answering: Answering, label: str, model: str) -> None:
        self.answering, self.label, self.model = answering, label, model
        self.failed = self.answered = 0

    async def answer(self, question: str, problems: list[str]) -> Answered | None:
        try:
            found = await self.answering.answer(self.model, question)
        except TwinError as exc:
            self.failed += 1
            problems.append(f"{self.label}: {exc}")
            if self.failed >= HOPELESS and not self.answered:
                raise ReleaseError(f"{self.label} {self.model!r} gives no answer at all: {exc}") from exc
            return None
        self.answered += 1
        return found


async def ask(
    held: Sequence[HeldOut], answering: Answering, candidate: str, running: str, *, at_a_time: int, on_progress: Progress
) -> list[Pair]:
    """Both answers to each question. Raises ReleaseError when a side answers nothing."""
    one, other = _Side(answering, "the candidate", candidate), _Side(answering, "the running release", running)

    async def pair(at: int, question: HeldOut) -> Pair:
        problems: list[str] = []
        found = {}
        for side in (one, other) if at % 2 == 0 else (other, one):
            found[side.label] = await side.answer(question.question, problems)
        return Pair(question, found[one.label], found[other.label], tuple(problems))

    pairs = await each(held, pair, at_a_time=at_a_time, name="questions", on_progress=on_progress)
    for side in (one, other):
        if held and not side.answered:
            problem = next((p for found in pairs for p in found.problems if p.startswith(side.label)), "")
            raise ReleaseError(f"{side.label} {side.model!r} gives no answer at all: {problem.partition(': ')[2]}")
    return pairs


async def each(
    items: Sequence[T], verb: Callable[[int, T], Awaitable[R]], *, at_a_time: int, name: str, on_progress: Progress
) -> list[R]:
    """`verb` of each item with its position, `at_a_time` of them, in the order of the items. The first error ends them all."""
    done = 0
    turn = iter(enumerate(items))
    results: dict[int, R] = {}

    async def work() -> None:
        nonlocal done
        for at, item in turn:
            results[at] = await verb(at, item)
            done += 1
            on_progress(name, done, len(items))

    workers = [asyncio.create_task(work()) for _ in range(min(at_a_time, len(items)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[at] for at in range(len(items))]
