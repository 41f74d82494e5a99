"""A plain chat through our gateway, beside the stub model server, a bare relay, vllm-router and LiteLLM, in one run.

The row `answers` is our gateway asked for an answer from an index of this repository's pages, the stub being its model.

`python -m tests.bench gateway [--rounds 4] [--seconds 0.7] [--crowd 10000] [--only floor,ours]`. Each target runs on one core;
stub and load are a compiled program on the other. Goals stand in the last table.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.bench.gateway import table
from tests.bench.gateway.measure import Load, Samples, Wave, crowd, requests, streams
from tests.bench.gateway.program import program
from tests.bench.gateway.targets import STARTERS, Place, Target, answering, dropped, running
from tools.environment import MissingError

SPARE = 300  # files that a gateway has open beside its connections
CROWD_FRAMES, CROWD_DELAY = 12, 2000  # a stream lives long enough for all to be open at once
WAVES = 3
PIECES = 20  # of what the stub streams, at once, to a gateway that asks on its own account


def options() -> argparse.Namespace:
    """The command line."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench gateway", description=__doc__.partition("\n")[0])
    asked.add_argument("--rounds", type=int, default=4, help="rounds in which each target has its turn")
    asked.add_argument("--seconds", type=float, default=0.7, help="length of a turn, with 1 and with 32 connections")
    asked.add_argument("--stream-rounds", type=int, default=2, help="rounds of streams; 0 leaves them out")
    asked.add_argument("--crowd", type=int, default=10_000, help="streams at once through our gateway; 0 leaves them out")
    asked.add_argument("--only", default=",".join(STARTERS), help="targets beside the stub")
    asked.add_argument("--keep-logs", type=Path, help="folder for the servers' logs")
    return asked.parse_args()


def main() -> int:
    """Print the tables. 1 when a target failed or is missing."""
    given = options()
    hard = open_files(2 * given.crowd + SPARE)
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("this needs two cores: one for a target, one for stub and load", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        load = Load(program(), cores[1])
        stub = started_stub(stack, load)
        place = Place(folder, cores[0], stub.url)
        targets, missing = started([name for name in given.only.split(",") if name], place, stack)
        samples = Samples()
        answers = [answering(one) for one in targets if one.name == table.OURS]
        requests(load, [stub, *targets, *answers], samples, given.rounds, given.seconds)
        for one in answers:
            samples.add(table.OURS, dropped=dropped(one))
        if given.stream_rounds:
            streams(load, [stub, *targets], samples, given.stream_rounds)
        waves = crowded(load, targets, min(given.crowd, (hard - SPARE) // 2))
        report(samples, [stub, *targets, *answers], missing, waves)
        if given.crowd > (hard - SPARE) // 2:
            print(
                f"\n{given.crowd:,} streams need more than the {hard:,} files that a process may open here: the crowd is smaller"
            )
        if given.keep_logs:
            given.keep_logs.mkdir(parents=True, exist_ok=True)
            for log in folder.glob("*.log"):
                (given.keep_logs / log.name).write_bytes(log.read_bytes())
    return 1 if samples.failures or missing else 0


def open_files(wanted: int) -> int:
    """How many files each process may open from here on: `wanted` or more where the machine lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def started_stub(stack: ExitStack, load: Load) -> Target:
    """The stub model server, on the load's core."""
    command = ["taskset", "-c", str(load.core), str(load.program), "stub", f"-frames={PIECES}", "-delay=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return Target(table.DIRECT, f"{process.stdout.readline().strip()}/v1", process.pid)


def started(names: list[str], place: Place, stack: ExitStack) -> tuple[list[Target], dict[str, str]]:
    """The targets that could be started, and of the others why not."""
    targets, missing = [], {}
    for name in names:
        begun = time.monotonic()
        try:
            targets.append(stack.enter_context(running(name, place)))
            print(f"{name} is ready after {time.monotonic() - begun:.1f} s", flush=True)
        except MissingError as exc:
            missing[name] = str(exc)
            print(f"{name} is missing: {exc}", flush=True)
    return targets, missing


def crowded(load: Load, targets: list[Target], count: int) -> list[Wave]:
    """Waves of streams through our gateway."""
    ours = next((one for one in targets if one.name == table.OURS), None)
    return [crowd(load, ours, count, CROWD_FRAMES, CROWD_DELAY) for _ in range(WAVES)] if ours and count > 0 else []


def report(samples: Samples, targets: list[Target], missing: dict[str, str], waves: list[Wave]) -> None:
    """All tables, and what failed."""
    print(f"\n{table.targets(samples, [one.name for one in targets], missing)}\n")
    if waves:
        print(f"{table.crowds(waves)}\n")
    print(table.goals(samples, waves))
    for failure in samples.failures:
        print(f"FAILED {failure}")


if __name__ == "__main__":
    sys.exit(main())
