"""Slices of the corpus -> an index, by the stage as `twin index build` runs it. A program that `index.py` gives its tasks.

Documents are put into the store before the clock runs: they would be there. Knows nothing of the other way.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench._memory import peak_memory
from tests.bench._turns import Watch, reply, tasks
from twin.documents.clean import CLEANING_VERSION, clean
from twin.drivers.minilm import MiniLM
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.sqlite import SqliteDocuments
from twin.index.build import build
from twin.index.chunk import Limits, embedded_text
from twin.records import Author, Document, Kind


async def main() -> None:
    folder = Path(sys.argv[1])
    begun = time.perf_counter()
    documents, store, model = (
        SqliteDocuments(folder / "documents.db"),
        EdgeIndexes(folder / "index"),
        MiniLM(folder / "cache", precision=sys.argv[2]),
    )
    await documents.open()
    await store.open()
    await model.load()
    loading = time.perf_counter() - begun
    index = ""
    for line in tasks():
        task = json.loads(line)
        if "corpus" in task:
            await _put(documents, Path(task["corpus"]))
            with Watch() as watch:
                report = await build(documents, store, model, clean=clean, limits=Limits(), cleaning=CLEANING_VERSION)
            index = report.index
            reply(
                {
                    "documents": report.documents,
                    "chunks": report.written,
                    "seconds": watch.seconds,
                    "processors": watch.processors,
                }
            )
        elif "sample" in task:
            texts = [embedded_text(chunk) async for chunk in store.scan(index, task["sample"])]
            reply({"texts": texts, "vectors": [list(vector) for vector in await model.embed(texts)]})
        else:
            reply({"loading": loading, "memory": peak_memory()})
    model.close()
    await store.close()
    await documents.close()


async def _put(store: SqliteDocuments, file: Path) -> None:
    rows: list[dict[str, Any]] = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    made = [
        Document(uri=row["uri"], source=row["source"], kind=Kind(row["kind"]), title=row["title"], text=row["text"], author=Author("a", "A"))
        for row in rows
    ]  # fmt: skip
    for source in sorted({one.source for one in made}):
        await store.put(source, [(one, "1") for one in made if one.source == source])


if __name__ == "__main__":
    asyncio.run(main())
