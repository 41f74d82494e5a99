"""The times that a request is given -> its task cancelled when one is over, or when it is told that the client left.

asyncio.timeout costs 5 µs a use and a stream needs one for every piece: here a request has one timer, which looks at the times
when it wakes. Knows no route.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Literal, Self

NEVER = float("inf")
A_MOMENT = 0.01  # seconds
End = Literal["", "step", "whole", "left"]


class Bounds:
    """What ends the task that makes it before its time; made, used and closed by that task."""

    __slots__ = ("_cancelling", "_loop", "_reason", "_step", "_task", "_timer", "_wakes", "_whole", "ended")

    def __init__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("bounds are for a task")
        self._task = task
        self._loop = task.get_loop()
        self._cancelling = task.cancelling()
        self._timer: asyncio.Handle | None = None
        self._step = self._whole = self._wakes = NEVER
        self._reason = ""
        self.ended: End = ""

    def within(self, seconds: float) -> Self:
        """A block that has so many seconds, else it raises TimeoutError. Blocks do not nest."""
        self._step = self._loop.time() + seconds
        if self._step < self._wakes:
            self._wake_at(self._step)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._step = NEVER
        if self.ended == "step" and self.taken_back() and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def whole(self, seconds: float, reason: str) -> None:
        """All that follows has so many seconds; what is cancelled then is told the reason."""
        self._whole, self._reason = self._loop.time() + seconds, reason
        if self._whole < self._wakes:
            self._wake_at(self._whole)

    def left(self) -> None:
        """The client left."""
        self._end("left", "")

    def taken_back(self) -> bool:
        """Forget the end that came, and say whether nobody else cancelled the task."""
        self.ended = ""
        return self._task.uncancel() <= self._cancelling

    def close(self) -> None:
        """Bind nothing any more."""
        self._step = self._whole = NEVER
        if self._timer is not None:
            self._timer.cancel()

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes = when
        self._timer = self._loop.call_at(when, self._wake)

    def _wake(self) -> None:
        self._timer, self._wakes, now = None, NEVER, self._loop.time()
        if self._whole <= now:
            self._timer, self._wakes = self._loop.call_soon(self._end_whole), now  # after whatever else is over now
        elif self._step <= now:
            self._end("step", "")
        elif (following := min(self._step, self._whole)) < NEVER:
            self._wake_at(following)

    def _end_whole(self) -> None:
        """End it, unless a step's own timeout is doing so: of two cancellations at once the first loses its reason."""
        self._timer, self._wakes = None, NEVER
        if self._task.cancelling() > self._cancelling:
            self._wake_at(self._loop.time() + A_MOMENT)
        else:
            self._end("whole", self._reason)

    def _end(self, why: End, reason: str) -> None:
        if not self.ended:
            self.ended = why
            self._task.cancel(reason or None)
