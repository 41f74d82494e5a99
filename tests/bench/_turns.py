"""Several programs that do the same work -> each one's figures, taken by turns so that a busy machine slows all alike.

A program reads one line of JSON for each task from its standard input and answers with one line of JSON; what else it says goes to
standard error. Standard library only: programs of any environment use it. Knows nothing of what the tasks are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]


class Program:
    """One program that waits for its next task."""

    def __init__(self, *command: str) -> None:
        self._running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, task: object) -> Any:
        """The program's answer. Ends this program when it gives none: it has said why on standard error."""
        assert self._running.stdin
        assert self._running.stdout
        try:
            self._running.stdin.write(json.dumps(task) + "\n")
            self._running.stdin.flush()
            return json.loads(self._running.stdout.readline())
        except (OSError, ValueError):
            raise SystemExit(f"{self._running.args[:4]} ended before it answered") from None

    def end(self) -> None:
        """Close its input and wait for it."""
        self._running.communicate()


def tasks() -> Iterator[str]:
    """Standard input, line by line as it comes."""
    return iter(sys.stdin.readline, "")


def reply(said: object) -> None:
    """One answer."""
    print(json.dumps(said), file=sys.__stdout__, flush=True)


class Watch:
    """What a stretch of work took: seconds of wall clock, and of all processors together."""

    def __enter__(self) -> Self:
        self._wall, self._processors = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.processors = time.process_time() - self._processors
