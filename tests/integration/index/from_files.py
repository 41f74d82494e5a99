"""From a folder of notes to a live index in a process that kills itself: `python -m ... FOLDER N late|early`.

N counts the calls that change something, of all stages and from 1: of the document store, of the index and of the alias. 0 never dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import twin.documents.reconcile as reconciling
import twin.index.build as building
from tests.unit.index.fakes import ADA, CountingEmbedder
from twin.documents.clean import CLEANING_VERSION, clean
from twin.documents.files import FilesFetcher
from twin.documents.sources import FilesSource
from twin.documents.sync import exit_status, sync
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.sqlite import SqliteDocuments
from twin.index.chunk import Limits
from twin.index.recall import switch
from twin.records import Kind

CHANGING = {
    SqliteDocuments: ("put", "bury", "set_versions", "set_cursor"),
    EdgeIndexes: ("create", "write", "update", "remove", "mark", "optimize", "switch"),
}


class Deadly:
    """Counts calls over all stores, and dies around the one that was chosen."""

    def __init__(self, fatal: int, *, late: bool) -> None:
        self.calls, self.fatal, self.late = 0, fatal, late

    def wrap(self, store: object) -> None:
        for name in CHANGING[type(store)]:
            setattr(store, name, self._wrapped(getattr(store, name)))

    def _wrapped(self, method):
        async def call(*args, **kwargs):
            self.calls += 1
            mine = self.calls == self.fatal
            if mine and not self.late:
                os.kill(os.getpid(), signal.SIGKILL)
            result = await method(*args, **kwargs)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


async def run(folder: Path, deadly: Deadly) -> None:
    """Sync, build and switch, as `twin up` does before it serves."""
    reconciling.BATCH, building.BATCH_DOCUMENTS = 4, 4
    documents, indexes = SqliteDocuments(folder / "documents.db"), EdgeIndexes(folder / "index")
    deadly.wrap(documents)
    deadly.wrap(indexes)
    await documents.open()
    await indexes.open()
    source = FilesSource(name="notes", author=ADA, documents=Kind.ARTICLE, path=str(folder / "notes"), max_gone=1.0)
    assert exit_status(await sync([source], {"files": FilesFetcher()}, documents)) == 0
    embedder = CountingEmbedder()
    report = await building.build(
        documents, indexes, embedder, clean=clean, limits=Limits(article=120), cleaning=CLEANING_VERSION
    )
    await switch(indexes, report.index, embedder, 0.9)
    await indexes.close()
    await documents.close()


if __name__ == "__main__":
    chosen = Deadly(int(sys.argv[2]), late=sys.argv[3] == "late")
    asyncio.run(run(Path(sys.argv[1]), chosen))
    print(chosen.calls)
