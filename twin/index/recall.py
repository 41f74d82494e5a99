"""An index -> how often it finds its own documents: the gate before it goes live, and the switch behind the gate.

Known-item search: a sentence is taken out of a sampled passage and asked; the item is found when one of the first ten
passages holds that sentence. The method is Azzopardi and de Rijke's (SIGIR 2006), with a sentence in place of sampled terms.
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
WORDS = (6, 40)  # a sentence that may be asked has so many words
WORD = re.compile(r"[^\W\d_]{3,}")
SENTENCE = re.compile(r"(?<=[.!?:;])\s+|\n+")
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
    asked = found = 0
    misses: list[str] = []
    async with aclosing(store.scan(index, limit=sample)) as chunks:
        async for one in chunks:
            sentence = known_item(one)
            if not sentence:
                continue
            asked += 1
            vector = await embedder.embed_query(sentence)
            passages = await store.search(index, vector=vector, text=sentence, filter=Filter(), limit=DEPTH)
            if any(sentence in passage.chunk.text for passage in passages):
                found += 1
            else:
                misses.append(f"{one.uri}: {sentence}")
    return RecallReport(index, found / asked if asked else 1.0, asked, tuple(misses[:MISSES_SHOWN]))


def known_item(chunk: Chunk) -> str:
    """The sentence of the passage with the most words in it; empty when none is long enough to mean something."""
    sentences = ((len(WORD.findall(part)), part.strip()) for part in SENTENCE.split(chunk.text))
    fit = [(words, sentence) for words, sentence in sentences if WORDS[0] <= words <= WORDS[1]]
    return max(fit)[1] if fit else ""


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
