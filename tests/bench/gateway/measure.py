"""Targets and a load -> samples: rounds in which every target has its turn, so that the machine's drift meets all alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.bench.gateway.targets import Target, body

ALONE, MANY = 1, 32  # connections
FRAMES, DELAY = 64, 20  # of a stream; milliseconds


@dataclass(slots=True)
class Samples:
    """Per target and figure, one value a round; what failed in words."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    failures: list[str] = field(default_factory=list)

    def add(self, target: str, **figures: float) -> None:
        for name, value in figures.items():
            self.values[target][name].append(value)

    def median(self, target: str, figure: str) -> float:
        """NaN when it was not measured."""
        found = self.values[target][figure]
        return statistics.median(found) if found else float("nan")

    def total(self, target: str, figure: str) -> int:
        return int(sum(self.values[target][figure]))


@dataclass(frozen=True, slots=True)
class Load:
    """The load generator: a program that stays on one core."""

    program: Path
    core: int

    def __call__(self, kind: str, target: Target, asked: str, **options: object) -> dict[str, Any]:
        flags = [f"-{name}={value}" for name, value in options.items()]
        command = [
            str(self.program),
            kind,
            f"-url={target.url}/chat/completions",
            f"-key={target.key}",
            f"-body={asked}",
            *flags,
        ]
        ran = subprocess.run(["taskset", "-c", str(self.core), *command], capture_output=True, text=True, check=True)
        return json.loads(ran.stdout)


def requests(load: Load, targets: Sequence[Target], samples: Samples, rounds: int, seconds: float) -> None:
    """p50 and p99 with one connection, requests a second with one and with many."""
    for number in range(-1, rounds):  # the first round warms up
        for target in targets:
            for connections in (ALONE, MANY):
                worked = target.worked()
                found = load("requests", target, body(target.more), concurrency=connections, **{"for": f"{seconds}s"})
                worked = target.worked() - worked
                if found["failed"]:
                    samples.failures.append(
                        f"{target.name}, {connections} connections: {found['failed']} failed: {found['reason']}"
                    )
                if number >= 0:
                    names = {f"{figure}@{connections}": found[figure] for figure in ("p50", "p99", "per_second")}
                    each = worked / max(found["answered"], 1) * 1e6
                    samples.add(target.name, **names, **{f"work@{connections}": each})


def streams(load: Load, targets: Sequence[Target], samples: Samples, rounds: int) -> None:
    """Time to the first token and lost frames, `MANY` streams at once whose starts are spread over the length of one."""
    for number in range(-1, rounds):
        for target in targets:
            found = wave(load, target, MANY, FRAMES, DELAY, repeat=2, stagger=f"{FRAMES * DELAY}ms")
            if found["failed"]:
                samples.failures.append(f"{target.name}, streams: {found['failed']} failed: {found['reason']}")
            if number >= 0:
                samples.add(target.name, ttft=found["p50"], ttft99=found["p99"], lost=found["lost"], frames=found["asked"])


def wave(load: Load, target: Target, count: int, frames: int, delay: int, **options: object) -> dict[str, Any]:
    """One load of streams."""
    asked = body(target.more, f"frames={frames} delay={delay}", stream=True)
    return load("streams", target, asked, concurrency=count, frames=frames, **options)


class Memory:
    """Highest resident megabytes of a target while a block runs."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.peak = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.1):
            self.peak = max(self.peak, self._target.memory())


@dataclass(frozen=True, slots=True)
class Wave:
    """What one wave of streams did to a target: megabytes before, at most and after."""

    open: int
    lost: int
    asked: int
    before: float
    peak: float
    after: float
    reason: str


def crowd(load: Load, target: Target, count: int, frames: int, delay: int) -> Wave:
    """`count` streams at once."""
    before = target.memory()
    with Memory(target) as memory:
        found = wave(load, target, count, frames, delay)
    return Wave(found["peak"], found["lost"], found["asked"], before, memory.peak, target.memory(), found["reason"])
