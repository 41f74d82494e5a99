"""A process that builds an index of sixty documents, and says so before and after every batch.

Where it is told to: a folder, or the address of a Qdrant server.
"""

import asyncio
import sys
from pathlib import Path

import twin.index.build as stage
from tests.unit.index.fakes import CountingEmbedder, MemoryDocuments, document
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.qdrant.server import ServerIndexes
from twin.index.chunk import Limits

DOCUMENTS = 60


def documents(version):
    """The second version changes every third document and has lost every fifth."""
    made = MemoryDocuments()
    for n in range(DOCUMENTS):
        text = f"# Document {n}\n\nIt says {n}.\n\n## More\n\n" + f"Words about subject {n}. " * 20
        made.put(document(f"https://example.org/{n}", text))
    for n in range(DOCUMENTS) if version == "2" else ():
        gone = document(f"https://example.org/{n}", "")
        if n % 5 == 0:
            made.remove(gone)
        elif n % 3 == 0:
            made.put(document(gone.uri, f"# Document {n}\n\nIt says something else, which is {n}."))
    return made


def indexes_at(place):
    return ServerIndexes(place) if str(place).startswith("http:") else EdgeIndexes(Path(place))


async def build(place, version, on_progress=None):
    stage.BATCH_DOCUMENTS = 6
    indexes = indexes_at(place)
    await indexes.open()
    try:
        return await stage.build(
            documents(version),
            indexes,
            CountingEmbedder(),
            clean=lambda one: one,
            limits=Limits(article=200),
            cleaning="k1",
            on_progress=on_progress,
        )
    finally:
        await indexes.close()


if __name__ == "__main__":
    asyncio.run(build(*sys.argv[1:], on_progress=lambda report, total: print(report.documents, flush=True)))
