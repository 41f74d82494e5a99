"""SIGTERM and Ctrl-C -> a question that a long stage asks when it can stop: the first signal asks, the second ends at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Asked:
    """Whether a signal came. Calling it answers; `resume` gives the signal to who would have had it."""

    def __init__(self) -> None:
        self._came: list[int] = []
        self._former: dict[int, Any] = {}

    def __call__(self) -> bool:
        return bool(self._came)

    def hold(self) -> None:
        """Take the signals from here on."""
        self._former = {number: signal.signal(number, self._take) for number in SIGNALS}

    def _take(self, number: int, _: FrameType | None) -> None:
        self._came.append(number)
        if len(self._came) > 1:
            self.resume()

    def release(self) -> None:
        """Give them back."""
        for number, former in self._former.items():
            signal.signal(number, former)
        self._former = {}

    def resume(self) -> None:
        """Give them back, and raise the last that came: the command ends by it as it would have without us."""
        self.release()
        if self._came:
            signal.raise_signal(self._came[-1])


@contextmanager
def stopping() -> Iterator[Asked]:
    """Hold back SIGTERM and Ctrl-C while the block runs."""
    asked = Asked()
    asked.hold()
    try:
        yield asked
    finally:
        asked.release()
