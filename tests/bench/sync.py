"""A folder of Markdown -> the time of a first and a second sync, and what the second one wrote. SQLite, `files` and `git`.

`python -m tests.bench.sync [--documents 10000]`. The baseline is the first sync in the same run. Then the store alone, over
many small documents: documents a second and peak memory, in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
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
from twin.documents.sources import FilesSource, GitSource, Source
from twin.documents.sync import exit_status, sync
from twin.drivers.git import GitFetcher
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


async def timed(folder: Path, file: Path, fetcher: Fetcher) -> tuple[float, SourceReport]:
    """Seconds of a whole sync, the store's opening and closing included."""
    declared: Source = FilesSource(name="notes", author=ADA, documents=Kind.ARTICLE, path=str(folder))
    if isinstance(fetcher, GitFetcher):
        declared = GitSource(name="notes", author=ADA, documents=Kind.ARTICLE, url=str(folder))
    started = time.perf_counter()
    store = SqliteDocuments(file)
    await store.open()
    (report,) = await sync([declared], {declared.kind: fetcher}, store)
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


def bare_listing(folder: str | Path) -> int:
    """What no sync of a folder can do without: ask every file for its size and time."""
    files = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                files += bare_listing(entry.path)
            else:
                entry.stat(follow_symlinks=False)
                files += 1
    return files


def listed_in(folder: Path) -> float:
    """Median seconds of a bare listing."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        bare_listing(folder)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def compare(folder: Path, count: int) -> None:
    """Print the first and the second sync of `folder` as files, with the least that a listing costs, and as a repository."""
    floor = listed_in(folder)
    print(f"the operating system's listing of the {count:,} files alone: {floor * 1000:.1f} ms")
    await repeat(folder, "files", FilesFetcher(), {"": FilesFetcher(), ", every document compared": Relisting()})
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Notes"]):
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "gc.auto=0"]
        subprocess.run(["git", "-C", str(folder), *identity, *command], check=True)
    git = GitFetcher(folder.with_name("cache"))
    await repeat(folder, "git", git, {"": git})


async def repeat(folder: Path, kind: str, first: Fetcher, again: dict[str, Fetcher]) -> None:
    """One first sync and, for each fetcher of `again`, the median of several more."""
    file = folder.with_name(f"{kind}.db")
    baseline, report = await timed(folder, file, first)
    print(f"{kind}: first sync of {report.new:,} documents: {baseline:.2f} s, {report.new / baseline:,.0f} documents/s")
    for name, fetcher in again.items():
        before = written(file)
        runs = [await timed(folder, file, fetcher) for _ in range(REPEATS)]
        seconds = statistics.median(taken for taken, _ in runs)
        wrote = "no writes" if written(file) == before else "WROTE"
        print(f"{kind}: second sync{name}: {seconds * 1000:.1f} ms = {seconds / baseline:.2%} of the first, {wrote}")
        if runs[0][1].unchanged != report.new:
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
        idle = peak_memory()
        for name in ("stored", "compared"):
            seconds, _ = await timed(Path(made), Path(made) / "documents.db", Many(count))
            said = f"{count / seconds:,.0f} documents/s, peak memory {idle:.0f} -> {peak_memory():.0f} MB"
            print(f"{count:,} small documents {name}: {said}")


def peak_memory() -> float:
    """MB; from /proc where there is one, as getrusage also counts what the parent had before this program was loaded."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000_000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--documents", type=int, default=10_000)
    asked.add_argument("--many", type=int, default=100_000)
    asked.add_argument("--only-store", action="store_true")
    given = asked.parse_args()
    if given.only_store:
        asyncio.run(throughput(given.many))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "notes"
        write_notes(folder, given.documents)
        asyncio.run(compare(folder, given.documents))
    subprocess.run([sys.executable, "-m", "tests.bench.sync", "--only-store", "--many", str(given.many)], check=True)


if __name__ == "__main__":
    main()
