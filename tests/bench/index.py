"""Real documents -> an index, the stage's way and the naive way: documents a second, peak memory, and whether the vectors agree.

`python -m tests.bench index [--documents 240] [--slices 6] [--precision int8]`. The baseline is sentence-transformers in fp32 with LangChain's recursive
splitter and an upsert for each ten chunks, in an environment of its own that index.txt pins. Both ways are running programs that get the
same slices of the corpus by turns, so that what else the machine does slows both; imports and loading the model are given apart. Both
keep their points in a folder, so neither pays for a network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench._corpus import corpus, described
from tests.bench._turns import Program
from tools.environment import MissingError, environment
from twin.drivers.minilm.weights import folder as weights
from twin.index.chunk import Limits
from twin.records import Document

HERE = Path(__file__).parent
SAMPLE = 200  # texts whose vectors are compared
WAYS = {"ours": "stage", "naive": "naive way"}


def slices(place: Path, documents: list[Document], count: int) -> list[Path]:
    """The corpus as files of JSON lines, each a fair sample of the whole."""
    files = [place / f"corpus-{n}.jsonl" for n in range(count)]
    for n, file in enumerate(files):
        rows = [
            {"uri": one.uri, "source": one.source, "kind": one.kind.value, "title": one.title, "text": one.text}
            for one in documents[n::count]
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return files


def programs(place: Path, precision: str) -> dict[str, Program]:
    """Both ways; ours starts with an empty cache, as on the first run."""
    (place / "ours").mkdir()
    naive = str(environment(HERE / "index.txt") / "python")
    return {
        "ours": Program(sys.executable, "-m", "tests.bench._index_ours", str(place / "ours"), precision),
        "naive": Program(naive, str(HERE / "_index_naive.py"), str(place / "naive"), str(weights()), str(Limits().article)),
    }


def compare(place: Path, documents: list[Document], count: int, precision: str) -> None:
    running = programs(place, precision)
    loaded = {way: program.ask({}) for way, program in running.items()}
    rows: dict[str, list[dict[str, Any]]] = {way: [] for way in running}
    for file in slices(place, documents, count):
        for way, program in running.items():
            rows[way].append(program.ask({"corpus": str(file)}))
    ended = {way: program.ask({}) for way, program in running.items()}
    sample = running["ours"].ask({"sample": SAMPLE})
    exact = running["naive"].ask({"texts": sample["texts"]})
    for program in running.values():
        program.end()
    show(rows, loaded, ended, 4 if bf16() and precision in {"", "bf16"} else 2)
    cosine = (np.array(sample["vectors"]) * np.array(exact["vectors"])).sum(axis=1)
    print(f"cosine to fp32 over {len(cosine)} passages: least {cosine.min():.5f}, mean {cosine.mean():.5f} (wanted: 0.99)")


def show(rows: dict[str, list[dict[str, Any]]], loaded: dict[str, Any], ended: dict[str, Any], wanted: int) -> None:
    """Sums of all slices, then the ratios beside what is wanted of them."""
    print(
        "| way | chunks | loading | chunk+embed+write | documents/s | chunks/s | documents a processor second | peak memory |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for way, parts in rows.items():
        documents, chunks, seconds, processors = (
            sum(part[key] for part in parts) for key in ("documents", "chunks", "seconds", "processors")
        )
        print(
            f"| {WAYS[way]} | {chunks} | {loaded[way]['loading']:.1f} s | {seconds:.1f} s | {documents / seconds:.1f} | "
            f"{chunks / seconds:.1f} | {documents / processors:.2f} | {ended[way]['memory']:.0f} MB |"
        )
    pairs = list(zip(rows["naive"], rows["ours"], strict=True))
    by_slice = sorted(naive["seconds"] / ours["seconds"] for naive, ours in pairs)
    total = sum(naive["seconds"] for naive, _ in pairs) / sum(ours["seconds"] for _, ours in pairs)
    processors = sum(naive["processors"] for naive, _ in pairs) / sum(ours["processors"] for _, ours in pairs)
    print(
        f"documents/s: {total:.1f} times the naive way (wanted: {wanted}); "
        f"by slice {by_slice[0]:.1f} to {by_slice[-1]:.1f}, median {statistics.median(by_slice):.1f}"
    )
    print(f"documents a processor second: {processors:.1f} times")
    print(f"peak memory: {ended['ours']['memory'] / ended['naive']['memory']:.2f} of the naive way's (wanted: 0.33)")


def bf16() -> bool:
    """Whether the processor computes in bf16."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--documents", type=int, default=240)
    asked.add_argument("--slices", type=int, default=6)
    asked.add_argument(
        "--precision", choices=("bf16", "int8", "f32"), default="", help="as on a processor that has no faster one"
    )
    given = asked.parse_args()
    documents = corpus(given.documents)
    print(described(documents) + f"; bf16: {'yes' if bf16() else 'no'}", flush=True)
    try:
        with tempfile.TemporaryDirectory() as made:
            compare(Path(made), documents, given.slices, given.precision)
    except MissingError as exc:
        raise SystemExit(f"the naive way cannot be installed: {exc}") from None


if __name__ == "__main__":
    main()
