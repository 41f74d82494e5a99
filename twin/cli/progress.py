"""Progress of long commands: bars with rates and remaining time on a terminal, JSON log lines otherwise. On stderr."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Any, Self

LOG_EVERY = 5.0  # seconds between two log lines of the same thing


class Progress:
    """Rows of work, each with what is done, the total when it is known, and the rate."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._terminal = sys.stderr.isatty()
        self._bars: Any = None
        self._rows: dict[str, Any] = {}
        self._logged: dict[str, float] = {}
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._terminal:
            self._bars = self._make()
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()

    def _make(self) -> Any:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        from twin.cli.output import console

        rate = TextColumn("{task.fields[rate]}")
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            rate,
        )
        return Bars(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console(stderr=True), transient=True)

    def set(self, name: str, done: int, total: int = 0, note: str = "") -> None:
        """Say how far `name` is; a total of 0 is unknown."""
        if self._bars:
            row = self._rows.get(name)
            if row is None:
                row = self._rows[name] = self._bars.add_task(name, total=total or None, rate="")
            rate = done / max(time.monotonic() - self._started, 0.001)
            self._bars.update(row, completed=done, total=total or None, rate=f"{rate:,.0f} {self._unit}/s {note}".rstrip())
        else:
            self._log(name, done, total, note)

    def _log(self, name: str, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        if now - self._logged.setdefault(name, self._started) < LOG_EVERY:
            return
        self._logged[name] = now
        rate = round(done / max(now - self._started, 0.001), 1)
        line = {"event": "progress", "name": name, "done": done, "total": total or None, "unit": self._unit, "per_second": rate}
        print(
            json.dumps({key: value for key, value in {**line, "note": note}.items() if value not in (None, "")}),
            file=sys.stderr,
            flush=True,
        )


def source_note(changed: int, failed: int) -> str:
    """What a sync row says behind its rate."""
    return ", ".join(part for part in (f"{changed} changed" if changed else "", f"{failed} failed" if failed else "") if part)
