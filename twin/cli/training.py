"""Readings of a training -> one line on the terminal, or log lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.cli.progress import Progress
    from twin.model.meter import Reading

MIB = 2**20


class Line:
    """Shows loss, tokens a second, memory and time to go beside the bar of steps."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def put(self, reading: Reading) -> None:
        minutes, seconds = divmod(round(reading.eta), 60)
        note = (
            f"loss {reading.loss:.3f}, {reading.tokens_per_second:,.0f} tokens/s, {reading.memory / MIB:,.0f} MiB,"
            f" {minutes}:{seconds:02d} to go"
        )
        self._progress.set(f"{reading.recipe} {reading.stage}", reading.step, reading.steps, note)
