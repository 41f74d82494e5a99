"""Hybrid search in the process: p50 and p95 at 10,000 and 100,000 chunks, without and with the question's embedding.

The chunks are synthetic (random unit vectors, words drawn by Zipf's law): what is measured is time, not quality.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np

from twin.drivers.minilm import MiniLM
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.records import Author, Chunk, Filter, IndexSpec, Kind

SIZES = (10_000, 100_000)
QUERIES = 200
BATCH = 1000
WORDS = [f"word{n}" for n in range(20_000)]
ADA = Author("ada", "Ada")


def chunk(n: int, dice: random.Random) -> Chunk:
    text = " ".join(WORDS[min(int(dice.paretovariate(0.7)), 19_999)] for _ in range(150))
    return Chunk(
        id=str(uuid.UUID(int=dice.getrandbits(128), version=4)), document=f"d{n // 5}", content_hash="h", uri=f"https://example.org/{n // 5}",
        source="s", kind=Kind.ARTICLE, title=f"Title {n // 5}", author=ADA, heading=(), span=(0, len(text)), text=text, position=n % 5,
    )  # fmt: skip


async def measured(size: int, model: MiniLM) -> tuple[float, float, float, float]:
    """p50 and p95 in ms, without and with embedding."""
    dice, numbers = random.Random(7), np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        store = EdgeIndexes(Path(folder))
        await store.open()
        info = await store.create(IndexSpec("bench", 384, "d", "c1", "c1"))
        for start in range(0, size, BATCH):
            vectors = numbers.normal(size=(BATCH, 384)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            await store.write(info.name, [chunk(start + i, dice) for i in range(BATCH)], vectors.tolist())
        await store.optimize(info.name)
        bare, whole = [], []
        for _ in range(QUERIES):
            text = " ".join(dice.choices(WORDS[:2000], k=8))
            begun = time.perf_counter()
            vector = await model.embed_query(text)
            embedded = time.perf_counter()
            await store.search(info.name, vector=vector, text=text, filter=Filter(), limit=6)
            ended = time.perf_counter()
            bare.append((ended - embedded) * 1000)
            whole.append((ended - begun) * 1000)
        await store.close()
    return (
        statistics.median(bare),
        statistics.quantiles(bare, n=20)[-1],
        statistics.median(whole),
        statistics.quantiles(whole, n=20)[-1],
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        model = MiniLM(Path(cache))
        await model.load()
        rows = {size: await measured(size, model) for size in SIZES}
        model.close()
    print("| chunks | search p50 | p95 | with embedding p50 | p95 |")
    print("|---|---|---|---|---|")
    for size, row in rows.items():
        print(f"| {size:,} | " + " | ".join(f"{value:.2f} ms" for value in row) + " |")
    small, large = rows[SIZES[0]], rows[SIZES[1]]
    print(
        f"ratio of {SIZES[1]:,} to {SIZES[0]:,} chunks: {large[0] / small[0]:.2f} without, {large[2] / small[2]:.2f} with the embedding"
    )


if __name__ == "__main__":
    asyncio.run(main())
