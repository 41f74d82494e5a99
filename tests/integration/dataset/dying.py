"""A build over stored documents in a process that kills itself: `python -m ... FOLDER N`, at the Nth change on disk; 0 never."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path

import twin.dataset.sieve as sieving
import twin.drivers.shelf as shelving
from tests.unit.dataset.fakes import English
from twin.dataset.build import Maker, Recipe
from twin.dataset.structural import StructuralWriter
from twin.documents.clean import clean
from twin.drivers.jsonl import JsonlSpill, JsonlTable
from twin.drivers.minhash import MinHashSimilar
from twin.drivers.sqlite import SqliteDocuments

calls = itertools.count(1)


def deadly(function, fatal: int):
    def call(*args, **kwargs):
        if next(calls) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return call


async def run(folder: Path, fatal: int) -> None:
    sieving.BATCH = 20
    for owner, names in (
        (JsonlSpill, ("__init__", "add", "close")),
        (JsonlTable, ("__init__", "close")),
        (shelving, ("_emptied", "_synced")),
    ):
        for name in names:
            setattr(owner, name, deadly(getattr(owner, name), fatal))
    for name in ("mkdir", "rename", "write_bytes"):
        setattr(Path, name, deadly(getattr(Path, name), fatal))
    store = SqliteDocuments(folder / ".twin" / "documents.db")
    await store.open()
    with shelving.FolderShelf(folder / "data", "jsonl", folder / "data" / "set") as shelf:
        manifest = await Maker(store, StructuralWriter(), shelf, clean, English(), MinHashSimilar, Recipe(seed=2)).build()
        shelf.publish(manifest)
    await store.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
    print(next(calls) - 1)
