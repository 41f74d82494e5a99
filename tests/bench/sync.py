"""A folder of Markdown -> the time of a first and a second sync, and what the second one wrote. SQLite and `files`.

`python -m tests.bench.sync [--documents 10000]`. The baseline is the first sync in the same run. Then the store alone, over
many small documents: documents a second and peak memory, in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from twin.documents.files import FilesFetcher
from twin.documents.ports import Fetcher, Found, Item, Listed, Memory, Same
from twin.documents.sources import FilesSource, Source
from twin.documents.sync import exit_status, sync
from twin.drivers.sqlite import SqliteDocuments
from twin.records import Author, Document, Kind, SourceReport

ADA = Author("ada", "Ada Author")
REPEATS = 5


def write_notes(folder: Path, count: int) -> None:
    """`count` Markdown files of some 3,000 characters, 100 a folder."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(5000)]
    for i in range(count):
        place = folder / f"{i // 100:04}"
        place.mkdir(parents=True, exist_ok=True)
        paragraphs = "\n\n".join(" ".join(rng.choices(words, k=90)) for _ in range(5))
        (place / f"note-{i:06}.md").write_text(f"# Note {i}\n\n{paragraphs}\n\n```python\nprint({i})\n```\n")


async def timed(folder: Path, file: Path, fetcher: Fetcher, source: str = "notes") -> tuple[float, SourceReport]:
    """Seconds of a whole sync, the store's opening and closing included."""
    declared = FilesSource(name=source, author=ADA, documents=Kind.ARTICLE, path=str(folder))
    started = time.perf_counter()
    store = SqliteDocuments(file)
    await store.open()
    (report,) = await sync([declared], {"files": fetcher}, store)
    await store.close()
    if exit_status([report]):
        raise SystemExit(str(report))
    return time.perf_counter() - started, report


def written(file: Path) -> tuple[bytes, bool]:
    """The database's bytes, and whether a write-ahead log is left."""
    return file.read_bytes(), file.with_name(file.name + "-wal").exists()


class Relisting:
    """The files fetcher without its shortcut for a folder in which nothing changed: every document is compared."""

    def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        memory.cursor = ""
        return FilesFetcher().fetch(source, memory)


async def compare(count: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder, file = Path(made) / "notes", Path(made) / "documents.db"
        write_notes(folder, count)
        first, report = await timed(folder, file, FilesFetcher())
        print(f"first sync of {report.new:,} Markdown documents: {first:.2f} s, {count / first:,.0f} documents/s")
        for name, fetcher in (("cursor", FilesFetcher()), ("every document compared", Relisting())):
            before = written(file)
            runs = [await timed(folder, file, fetcher) for _ in range(REPEATS)]
            again = statistics.median(seconds for seconds, _ in runs)
            wrote = "no writes" if written(file) == before else "WROTE"
            print(f"second sync, {name}: {again * 1000:.1f} ms = {again / first:.2%} of the first, {wrote}")
            if runs[0][1].unchanged != count:
                raise SystemExit(str(runs[0][1]))


class Many:
    """Small documents made on the way; the second time all are Same."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        for i in range(self.count):
            uri = f"many:{i:09}"
            if memory.cursor:
                yield Same(uri)
            else:
                text = f"A small document, number {i}. " * 15
                yield Found(
                    Document(uri=uri, source=source.name, kind=Kind.POST, title=f"Note {i}", text=text, author=ADA), str(i)
                )
        yield Listed("all")


async def throughput(count: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for name in ("stored", "compared"):
            seconds, _ = await timed(Path(made), Path(made) / "documents.db", Many(count))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{count:,} small documents {name}: {count / seconds:,.0f} documents/s, peak memory {idle:.0f} -> {peak:.0f} MB"
            )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--documents", type=int, default=10_000)
    asked.add_argument("--many", type=int, default=100_000)
    asked.add_argument("--only-store", action="store_true")
    given = asked.parse_args()
    if given.only_store:
        asyncio.run(throughput(given.many))
        return
    asyncio.run(compare(given.documents))
    subprocess.run([sys.executable, "-m", "tests.bench.sync", "--only-store", "--many", str(given.many)], check=True)


if __name__ == "__main__":
    main()
