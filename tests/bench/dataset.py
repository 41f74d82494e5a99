"""Real documents -> a dataset, part by part: MB/s of structural generation, examples/s of the filters, the whole, and peak memory.

`python -m tests.bench dataset [--documents 3000] [--rounds 3]`. The baseline of generation is the splitter alone, which every extract passes; that
of the filters is the rules without near-duplicates. Rounds go by turns, the fastest counts, and seconds are the processor's, so that what else the
machine does counts less. The documents come several times over, each
time with other words, as near-duplicates would make the filters' work easier than it is.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

from semantic_text_splitter import MarkdownSplitter

from tests.bench._corpus import corpus, described
from tests.bench._memory import peak_memory
from twin.dataset.build import Maker, Recipe
from twin.dataset.contamination import HeldOut
from twin.dataset.extract import LEAST, MOST, WINDOW, extracts
from twin.dataset.filters import Filters, Tally, form, languages, length, own_words, refusal
from twin.dataset.sieve import Sieve
from twin.dataset.structural import StructuralWriter, examples
from twin.documents.clean import clean
from twin.drivers.jsonl import JsonlSpill
from twin.drivers.language import LangId
from twin.drivers.minhash import MinHashSimilar
from twin.drivers.shelf import FolderShelf
from twin.records import Document, Example

WANTED_MB, WANTED_EXAMPLES = 20, 5000
WORD = re.compile(r"[A-Za-z]{4,}")


class Stored:
    """The documents as a store gives them."""

    def __init__(self, documents: list[Document]) -> None:
        self.rows = documents

    async def revisions(self) -> dict[str, int]:
        return {"corpus": 1}

    async def documents(
        self, source: str = "", author: str = "", kind: str = "", limit: int = 0
    ) -> AsyncGenerator[Document, None]:
        for one in self.rows:
            yield one


def varied(documents: list[Document], count: int) -> list[Document]:
    """`count` documents: the corpus again and again, with a suffix to its longer words that is another each time."""
    made = list(documents)
    for turn in range(1, count // max(1, len(documents)) + 1):
        made += [_suffixed(one, chr(96 + turn)) for one in documents]
    return made[:count]


def _suffixed(one: Document, suffix: str) -> Document:
    text = WORD.sub(lambda found: found[0] + suffix, one.text)
    return replace(one, uri=f"{one.uri}#{suffix}", text=text, content_hash="")


def split_only(documents: list[Document]) -> int:
    splitter = MarkdownSplitter((LEAST, MOST), trim=False)
    return sum(len(splitter.chunks(one.text[at : at + WINDOW])) for one in documents for at in range(0, len(one.text), WINDOW))


def generated(documents: list[Document]) -> list[Example]:
    return [made for one in documents for part in extracts(one) for made in examples(part)]


def rules() -> tuple[Filters, Tally]:
    tally = Tally()
    checks = {
        "length": length,
        "form": form,
        "refusals": refusal,
        "own words": own_words,
        "language": languages((), LangId().detect),
    }
    return Filters.of(checks, tally), tally


def ruled(made: list[Example]) -> int:
    filters, _ = rules()
    return sum(filters.passes(one) for one in made)


def sieved(made: list[Example], folder: Path) -> int:
    filters, tally = rules()
    sieve = Sieve(filters, tally, MinHashSimilar, HeldOut())
    spill = JsonlSpill(folder / "spill.jsonl")
    for at in range(0, len(made), 10):
        sieve.take(made[at : at + 10], spill)
    sieve.flush(spill)
    sieve.settle()
    kept = sum(1 for _ in spill.rows())
    spill.close()
    return kept


def whole(documents: list[Document], folder: Path) -> int:
    async def run() -> int:
        with FolderShelf(folder, "parquet") as shelf:
            maker = Maker(Stored(documents), StructuralWriter(), shelf, clean, LangId(), MinHashSimilar, Recipe())
            manifest = await maker.build()
            shelf.publish(manifest)
            return manifest.examples

    return asyncio.run(run())


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--documents", type=int, default=3000)
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    base = corpus(min(given.documents, 1200))
    documents = varied(base, given.documents)
    size = sum(len(one.text.encode()) for one in documents) / 1e6
    print(f"{described(base)}; {len(documents)} documents with variations, {size:.1f} MB", flush=True)
    prose = [one for one in documents if one.kind != "repository"]
    prose_size = sum(len(one.text.encode()) for one in prose) / 1e6
    made = generated(documents)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        work: dict[str, Callable[[], object]] = {
            "splitter alone, prose": lambda: split_only(prose),
            "generation, prose": lambda: generated(prose),
            "generation, all": lambda: generated(documents),
            "rules": lambda: ruled(made),
            "all filters": lambda: sieved(made, folder),
        }
        took: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(given.rounds):
            for name, one in work.items():
                took[name].append(seconds(one))
        rates = {name: min(found) for name, found in took.items()}
        for name, mb in (("splitter alone, prose", prose_size), ("generation, prose", prose_size), ("generation, all", size)):
            print(f"{name}: {mb / rates[name]:.1f} MB/s")
        for name in ("rules", "all filters"):
            print(f"{name}: {len(made) / rates[name]:,.0f} examples/s")
        before = peak_memory()
        count = 0

        def build() -> None:
            nonlocal count
            count = whole(documents, folder)

        total = seconds(build)
        print(
            f"whole build: {count} examples of {len(documents)} documents in {total:.1f} s, {size / total:.1f} MB/s, {count / total:,.0f} examples/s"
        )
        print(f"peak memory: {peak_memory():.0f} MB, {before:.0f} MB before the build (documents and examples of this script)")
    print(
        f"generation: {prose_size / rates['generation, prose'] / WANTED_MB:.1f} times the wanted {WANTED_MB} MB/s of prose, "
        f"{rates['splitter alone, prose'] / rates['generation, prose']:.2f} of the splitter's speed"
    )
    print(
        f"filters: {len(made) / rates['all filters'] / WANTED_EXAMPLES:.1f} times the wanted {WANTED_EXAMPLES} examples/s, "
        f"{rates['rules'] / rates['all filters']:.2f} of the speed without near-duplicates"
    )


if __name__ == "__main__":
    main()
