"""Steps that a trainer reports -> readings: loss, tokens a second, memory, time to go; as JSON lines and for Prometheus.

The clock and the memory are given, so that a reading is a function of what came in.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

WINDOW = 20  # steps that a rate is taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One step of training. Times in seconds, memory in bytes; tokens are without padding, over all devices."""

    stage: str
    recipe: str
    step: int
    steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    tokens_per_second: float
    memory: int
    seconds: float
    eta: float


class Sink(Protocol):
    """Takes readings; what it raises ends the run."""

    def put(self, reading: Reading) -> None: ...


class Meter:
    """Turns (step, loss, tokens so far) into readings. `before` is the seconds of steps that earlier attempts took."""

    def __init__(
        self, stage: str, recipe: str, clock: Callable[[], float], memory: Callable[[], int], before: float = 0.0
    ) -> None:
        self._stage, self._recipe, self._clock, self._memory, self._before = stage, recipe, clock, memory, before
        self._started = self._last = 0.0
        self._seen: deque[tuple[float, int, int]] = deque(maxlen=WINDOW)

    @property
    def seconds(self) -> float:
        """How long the steps took so far, earlier attempts included; loading and measuring are none."""
        return self._before + self._last - self._started

    def begin(self, step: int, tokens: int) -> None:
        """The first step is about to be made."""
        self._started = self._last = self._clock()
        self._seen.append((self._started, step, tokens))

    def read(self, *, step: int, steps: int, loss: float, learning_rate: float, gradient_norm: float, tokens: int) -> Reading:
        """The reading after `step`; rates are over the last steps, 0 where there is nothing to divide by."""
        now = self._last = self._clock()
        then, at, counted = self._seen[0] if self._seen else (now, step, tokens)
        self._seen.append((now, step, tokens))
        passed = now - then
        return Reading(
            stage=self._stage,
            recipe=self._recipe,
            step=step,
            steps=steps,
            loss=loss,
            learning_rate=learning_rate,
            gradient_norm=gradient_norm,
            tokens=tokens,
            tokens_per_second=round((tokens - counted) / passed, 1) if passed else 0.0,
            memory=self._memory(),
            seconds=round(self.seconds, 3),
            eta=round((steps - step) * passed / (step - at), 1) if step > at else 0.0,
        )


class JsonLines:
    """Appends each reading as one line of JSON; a line is written whole or, after a kill, is the last."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, reading: Reading) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(reading)) + "\n")


HELP = {
    "step": "Steps made so far.",
    "steps": "Steps that the run will have made.",
    "loss": "Training loss of the last step.",
    "learning_rate": "Learning rate of the last step.",
    "gradient_norm": "Norm of the last gradient, before it was clipped.",
    "tokens": "Tokens trained on so far, without padding.",
    "tokens_per_second": "The same over the last steps.",
    "memory": "Peak memory in bytes: the device's, or the process's without one.",
    "seconds": "Seconds that the steps took so far.",
    "eta": "Seconds that are left at this rate.",
}
UNITS = {"memory": "memory_bytes", "eta": "eta_seconds"}


class PrometheusFile:
    """Keeps the last reading in a file in Prometheus' text format, for the node exporter's textfile collector or a push."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, reading: Reading) -> None:
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")  # the collector must never read half of it
        beside.write_text(prometheus(reading), encoding="utf-8")
        beside.replace(self._path)


def prometheus(reading: Reading) -> str:
    """The reading as gauges `twin_training_...`, labelled by stage and recipe."""
    labels = f'{{stage="{reading.stage}",recipe="{reading.recipe}"}}'
    lines = []
    for field, text in HELP.items():
        name = f"twin_training_{UNITS.get(field, field)}"
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name}{labels} {getattr(reading, field)}"]
    return "\n".join(lines) + "\n"
