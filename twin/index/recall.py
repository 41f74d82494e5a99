"""An index -> how often it finds its own documents: the gate before it goes live, and the switch behind the gate.

Known-item search after Azzopardi and de Rijke (SIGIR 2006): some words of a sampled passage, in their order but not in
sentences, are asked; the item is found when the passage is among the first ten.
"""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass

from twin.errors import RecallError
from twin.index.build import check_embedder
from twin.index.ports import Embedder, IndexStore
from twin.records import Chunk, Filter, IndexInfo

SAMPLE = 200
DEPTH = 10
FEWEST, MOST = 4, 10  # words of a query
WORD = re.compile(r"[^\W\d_]{4,}")
MISSES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RecallReport:
    """recall@10 over `queries` known items, and some that were missed."""

    index: str
    recall: float
    queries: int
    misses: tuple[str, ...] = ()


async def measure(store: IndexStore, index: str, embedder: Embedder, sample: int = SAMPLE) -> RecallReport:
    """Ask the index for items it holds. Chunk ids are hashes, so the first ones in order are a uniform sample."""
    async with aclosing(store.scan(index, limit=sample)) as chunks:
        items = [(one, query) async for one in chunks if (query := known_item(one))]
    vectors = await embedder.embed([query for _, query in items])
    misses = []
    for (item, query), vector in zip(items, vectors, strict=True):
        found = await store.search(index, vector=vector, text=query, filter=Filter(), limit=DEPTH)
        if all(passage.chunk.text != item.text for passage in found):
            misses.append(f"{item.uri} for {query!r}")
    recall = 1 - len(misses) / len(items) if items else 1.0
    return RecallReport(index, recall, len(items), tuple(misses[:MISSES_SHOWN]))


def known_item(chunk: Chunk) -> str:
    """The longest distinct words of the passage in their order; empty when there are too few to mean something."""
    words = list(dict.fromkeys(word.lower() for word in WORD.findall(chunk.text)))
    if len(words) < FEWEST:
        return ""
    chosen = set(sorted(words, key=len, reverse=True)[:MOST])
    return " ".join(word for word in words if word in chosen)


async def switch(store: IndexStore, index: str, embedder: Embedder, threshold: float) -> RecallReport:
    """Make `index` live if its recall is at least `threshold`. Raises RecallError and changes nothing otherwise."""
    info = await _info(store, index)
    check_embedder(info.spec, embedder, info.name)
    if not info.chunks:
        raise RecallError(f"index {info.name} is empty: `twin documents sync`, then `twin index build`; the live index stays")
    report = await measure(store, info.name, embedder)
    await store.mark(info.name, recall=report.recall)
    if report.recall < threshold:
        missed = "; ".join(report.misses)
        raise RecallError(
            f"index {info.name} finds {report.recall:.3f} of {report.queries} known items, {threshold} are wanted; "
            f"the live index stays. Missed, among others: {missed}"
        )
    if not info.live:
        await store.switch(info.name)
    return report


async def _info(store: IndexStore, index: str) -> IndexInfo:
    found = {info.name: info for info in await store.list()}
    if index not in found:
        names = ", ".join(found) or "there is none; `twin index build` makes one"
        raise RecallError(f"there is no index {index}; the indexes are: {names}")
    return found[index]


async def prune(store: IndexStore, keep: int, *, dry_run: bool = False) -> list[str]:
    """Drop all indexes but the live one and the `keep` newest beside it; gives the names of those that went."""
    beside = sorted((info for info in await store.list() if not info.live), key=lambda info: info.created, reverse=True)
    gone = [info.name for info in beside[keep:]]
    for name in () if dry_run else gone:
        await store.drop(name)
    return gone
