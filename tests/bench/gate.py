"""The gate on 1,000 questions and 10,000 resamples: seconds for a verdict, against resampling in a plain loop over indices.

The scores are synthetic: what is measured is time, not quality. The loop is the textbook's, with numpy's mean of each resample,
once for each measure, as the gate's rules need it.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from twin.digest import bytes_digest
from twin.release.gate import PINNED, decide
from twin.release.measures.catalogue import MEASURES
from twin.release.report import Model, Report, Row, read, sealed, write
from twin.release.summary import summaries
from twin.release.thresholds import parse

QUESTIONS, RESAMPLES, ROUNDS = 1_000, 10_000, 3
PIN = bytes_digest(b"bench")


def report() -> Report:
    """A report with every measure."""
    dice = np.random.default_rng(7)
    scores = {name: dice.normal(size=(QUESTIONS, 2)).round(6).tolist() for name in MEASURES}
    rows = tuple(
        Row(id=f"q{at:04}", document=f"d{at}", question="What?" * 10, reference="This. " * 60, candidate="That. " * 60, running="Those. " * 60,
            scores={name: tuple(pairs[at]) for name, pairs in scores.items()})
        for at in range(QUESTIONS)
    )  # fmt: skip
    model = Model(name="m", digest=PIN)
    made = Report(
        made="2026-11-21T09:00:00Z", candidate=model, running=model, seed=1, resamples=RESAMPLES, leaked=(), rows=rows,
        inputs=dict.fromkeys(PINNED, PIN), measures=summaries(rows, seed=1, resamples=RESAMPLES),
    )  # fmt: skip
    return sealed(made)


def loop(values: np.ndarray) -> float:
    """Seconds of the textbook's loop, for one measure."""
    dice = np.random.default_rng(1)
    begun = time.perf_counter()
    means = [values[dice.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    np.quantile(means, [0.025, 0.975])
    return time.perf_counter() - begun


def main() -> None:
    made = report()
    rules = "".join(f"  {name}: {{better: {measure.better}, largest_loss: 0.1}}\n" for name, measure in MEASURES.items())
    thresholds = parse(f"confidence: 0.95\nquestions: 100\nmeasures:\n{rules}".encode(), "bench")
    data = write(made)
    reading, deciding = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        held = read(data, "bench")
        between = time.perf_counter()
        verdict = decide(held, thresholds)
        deciding.append(time.perf_counter() - between)
        reading.append(between - begun)
    plain = loop(np.random.default_rng(2).normal(size=QUESTIONS)) * len(MEASURES)
    gate = statistics.median(deciding)
    print(
        f"{QUESTIONS:,} questions, {RESAMPLES:,} resamples, {len(MEASURES)} measures, report of {len(data) / 1e6:.1f} MB ({verdict.verdict})"
    )
    print("| step | seconds |\n|---|---|")
    print(f"| read the report | {statistics.median(reading):.2f} |")
    print(f"| verdict (digest, summary made again, every rule's interval) | {gate:.2f} |")
    print(f"| resampling alone, as a loop | {plain:.2f} |")
    print(f"ratio of the gate to the loop: {gate / plain:.2f} (the gate must take 2 s at most)")


if __name__ == "__main__":
    main()
