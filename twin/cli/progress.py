"""Progress of long commands: bars with rates and remaining time on a terminal, JSON log lines otherwise. On stderr."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Any, Self

NARROW = 80  # columns of a terminal, below which a row has no room for bar, rate and times
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
            ProgressColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        from twin.cli.output import console

        terminal = console(stderr=True)
        columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}", markup=False)]
        if terminal.width < NARROW:
            columns.append(TextColumn("{task.fields[count]}"))
        else:
            columns += [BarColumn(bar_width=24), TextColumn("{task.fields[count]} {task.fields[rate]}")]
            columns += [TimeElapsedColumn(), TimeRemainingColumn()]
        return Bars(*columns, console=terminal, transient=True)

    def set(self, name: str, done: int, total: int = 0, note: str = "") -> None:
        """Say how far `name` is; a total of 0, or one that was passed, is unknown."""
        total = total if done <= total else 0
        if self._bars:
            row = self._rows.get(name)
            if row is None:
                row = self._rows[name] = self._bars.add_task(name, total=total or None, rate="", count="")
            rate = done / max(time.monotonic() - self._started, 0.001)
            shown = {
                "rate": f"{rate:,.0f} {self._unit}/s {note}".rstrip(),
                "count": f"{done:,}" + (f"/{total:,}" if total else ""),
            }
            self._bars.update(row, completed=done, total=total or None, **shown)
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
