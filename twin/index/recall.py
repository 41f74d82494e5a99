"""An index -> how often it finds its own documents: the gate before it goes live, and the switch behind the gate.

Known-item search after Azzopardi and de Rijke (SIGIR 2006), twice for each sampled passage. Asked for by its rarest words,
a passage that holds them all must be among the first ten of the fused search; asked for by its own text, it must be among
the first ten by vectors alone. The first fails when words or documents are missing, the second when vectors are wrong: one
alone could hide the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from twin.errors import RecallError
from twin.index.build import check_embedder
from twin.index.chunk import embedded_text
from twin.index.ports import Embedder, IndexStore
from twin.records import Chunk, Filter, IndexInfo

SAMPLE = 200
DEPTH = 10
FEWEST, MOST = 4, 10  # words of a query
WORD = re.compile(r"\w{3,}")
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
        sampled = [one async for one in chunks]
    items = known_items(sampled)
    asked = await embedder.embed([query for _, query in items])
    own = await embedder.embed([embedded_text(item) for item, _ in items])
    misses = []
    for (item, query), vector, itself in zip(items, asked, own, strict=True):
        fused = await store.search(index, vector=vector, text=query, filter=Filter(), limit=DEPTH)
        nearest = await store.search(index, vector=itself, text="", filter=Filter(), limit=DEPTH)
        if not any(words_of(found.chunk).issuperset(query.split()) for found in fused):
            misses.append(f"{item.uri} by its words {query!r}")
        elif all(found.chunk.text != item.text for found in nearest):
            misses.append(f"{item.uri} by its vector")
    recall = 1 - len(misses) / len(items) if items else 1.0
    return RecallReport(index, recall, len(items), tuple(misses[:MISSES_SHOWN]))


def known_items(chunks: Sequence[Chunk]) -> list[tuple[Chunk, str]]:
    """Each passage with its words that are rarest among `chunks`; those with too few words to mean something are left out."""
    words = [words_of(one) for one in chunks]
    spread = Counter(word for found in words for word in found)
    queries = (sorted(found, key=lambda word: (spread[word], -len(word), word))[:MOST] for found in words)
    return [(one, " ".join(query)) for one, query in zip(chunks, queries, strict=True) if len(query) >= FEWEST]


def words_of(chunk: Chunk) -> set[str]:
    """The words of a passage and of the titles above it, folded."""
    return set(WORD.findall("\n".join((chunk.title, *chunk.heading, chunk.text)).lower()))


async def switch(store: IndexStore, index: str, embedder: Embedder, threshold: float, *, dry_run: bool = False) -> RecallReport:
    """Make `index` live if its recall is at least `threshold`. Raises RecallError and changes nothing otherwise.

    A `dry_run` measures, and changes nothing either way.
    """
    there = await store.list()
    info = _named(there, index)
    check_embedder(info.spec, embedder, info.name)
    stays = "the live index stays" if any(one.live for one in there) else "no index is live"
    if not info.chunks:
        raise RecallError(f"index {info.name} is empty: `twin documents sync`, then `twin index build`; {stays}")
    report = await measure(store, info.name, embedder)
    if not dry_run:
        await store.mark(info.name, recall=report.recall)
    if report.recall < threshold:
        missed = "; ".join(report.misses)
        raise RecallError(
            f"index {info.name} finds {report.recall:.3f} of {report.queries} known items, {threshold} are wanted; "
            f"{stays}. Missed, among others: {missed}"
        )
    if not info.live and not dry_run:
        await store.switch(info.name)
    return report


def _named(there: Sequence[IndexInfo], index: str) -> IndexInfo:
    found = {info.name: info for info in there}
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
