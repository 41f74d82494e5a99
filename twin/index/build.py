"""What changed in the documents -> the same change in an index: chunked, embedded, written, and the stale removed after.

Costs what changed, not what is stored. Killed at any point and run again it ends in the same state: chunk ids are
deterministic, writes come before deletions, and a source's revision is marked only after both. Knows
neither Qdrant nor any model runtime.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from twin.errors import EmbedderMismatchError
from twin.index.chunk import Limits, chunk, embedded_text
from twin.index.part import WHOLE, Part
from twin.index.plan import Plan, plan
from twin.index.ports import Documents, Embedder, IndexStore
from twin.index.sweep import sweep
from twin.records import Change, Chunk, Document, IndexInfo, IndexSpec

BATCH_CHUNKS = 256  # embedded and written at once
BATCH_DOCUMENTS = 128


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. `kept` passages were there already and cost nothing."""

    index: str
    documents: int = 0
    gone: int = 0
    written: int = 0
    kept: int = 0
    removed: int = 0
    seconds: float = 0.0
    layout: Mapping[str, str | int] = field(default_factory=dict)  # how the index was made, now or before


Clean = Callable[[Document], Document]
OnProgress = Callable[[BuildReport, int], None]  # what was done so far, and how many changes there are in all


@dataclass(slots=True)
class _Batch:
    """Changes of one source, chunked, up to `revision`."""

    source: str
    revision: int = 0
    documents: list[str] = field(default_factory=list)
    gone: int = 0
    chunks: list[Chunk] = field(default_factory=list)

    def full(self) -> bool:
        return len(self.chunks) >= BATCH_CHUNKS or len(self.documents) >= BATCH_DOCUMENTS


def spec_of(embedder: Embedder, limits: Limits, cleaning: str) -> IndexSpec:
    """The recipe that this embedder, these limits and this cleaning make."""
    return IndexSpec(embedder.name, embedder.dimension, embedder.digest, limits.chunker, cleaning)


def check_embedder(spec: IndexSpec, embedder: Embedder, index: str) -> None:
    """Refuse to use an index with another embedder than its own. Raises EmbedderMismatchError naming both."""
    made, here = (spec.embedder, spec.dimension, spec.digest), (embedder.name, embedder.dimension, embedder.digest)
    if made != here:
        raise EmbedderMismatchError(
            f"index {index} was made with embedder {made[0]} (dimension {made[1]}, digest {made[2][:12]}), "
            f"but {here[0]} (dimension {here[1]}, digest {here[2][:12]}) is set: make one with `twin index build --switch`, "
            f"or set TWIN_EMBEDDER back"
        )


async def build(
    documents: Documents,
    store: IndexStore,
    embedder: Embedder,
    *,
    clean: Clean,
    limits: Limits,
    cleaning: str,
    on_progress: OnProgress | None = None,
    part: Part = WHOLE,
    allow_mass_delete: bool = False,
) -> BuildReport:
    """Bring the index of this recipe up to date with `documents`, or `part` of it, making it when it is not there.

    Raises IndexStoreError, EmbeddingError or StoreError; what was written by then stays and is not done again. Raises
    MassDeletionError, and has changed nothing, when most of the index is of documents that the store does not know.
    """
    started = time.monotonic()
    tell = on_progress or (lambda *_: None)
    info = await store.create(spec_of(embedder, limits, cleaning))
    todo = await plan(documents, store, info, part=part, allow_mass_delete=allow_mass_delete)
    report, total = BuildReport(info.name, layout=info.layout), (todo.documents + todo.gone) // part.of
    tell(report, total)
    if todo.strange:
        report = await _adopt(documents, store, info, todo, report)
    total += report.gone
    for source, after in todo.after.items():
        async with aclosing(_batches(documents, source, after, part, clean, limits)) as batches:
            async for batch in batches:
                report = await _apply(batch, part, store, embedder, report)
                tell(report, total)
    if report.written or report.removed:
        await store.optimize(info.name)
    return replace(report, seconds=round(time.monotonic() - started, 3))


async def planned(
    documents: Documents,
    store: IndexStore,
    embedder: Embedder,
    *,
    limits: Limits,
    cleaning: str,
    part: Part = WHOLE,
    allow_mass_delete: bool = False,
) -> Plan:
    """What `build` would do; writes nothing, and raises what it would raise before it wrote anything."""
    spec = spec_of(embedder, limits, cleaning)
    there = (one for one in await store.list() if one.name == spec.name)
    info = next(there, IndexInfo(name=spec.name, spec=spec, chunks=0, live=False, created=""))
    return await plan(documents, store, info, part=part, allow_mass_delete=allow_mass_delete)


async def _adopt(documents: Documents, store: IndexStore, info: IndexInfo, todo: Plan, report: BuildReport) -> BuildReport:
    """Make the index one of this document store: without the documents that it does not know, and with none yet of its own."""
    gone = removed = 0
    if todo.lost:
        await store.mark(info.name, store="")  # beside its former store, too, it is not whole from here on
        gone, removed = await sweep(documents, store, info.name)
    await store.mark(info.name, revisions=dict.fromkeys(info.revisions, 0), store=todo.store)
    return replace(report, gone=gone, removed=removed)


async def _batches(
    documents: Documents, source: str, after: int, part: Part, clean: Clean, limits: Limits
) -> AsyncGenerator[_Batch, None]:
    batch = _Batch(source)
    async for change in documents.changes(source, after):
        batch.revision = change.revision
        if part.takes(change.id):
            _add(batch, change, clean, limits)
        if batch.full():
            yield batch
            batch = _Batch(source)
    if batch.revision:
        yield batch


def _add(batch: _Batch, change: Change, clean: Clean, limits: Limits) -> None:
    batch.documents.append(change.id)
    if change.document is None:
        batch.gone += 1
    else:
        batch.chunks += chunk(clean(change.document), limits)


async def _apply(batch: _Batch, part: Part, store: IndexStore, embedder: Embedder, report: BuildReport) -> BuildReport:
    before = {one.id: one for chunks in (await store.stored(report.index, batch.documents)).values() for one in chunks.values()}
    wanted = {one.id: one for one in batch.chunks}
    fresh = [one for one in wanted.values() if one.id not in before or embedded_text(before[one.id]) != embedded_text(one)]
    embedded = {one.id for one in fresh}
    moved = [one for one in wanted.values() if one.id not in embedded and before[one.id] != one]
    stale = [key for key in before if key not in wanted]
    for some in _parts(fresh):
        await store.write(report.index, some, await embedder.embed([embedded_text(one) for one in some]))
    if moved:
        await store.update(report.index, moved)
    if stale:
        await store.remove(report.index, stale)
    await store.mark(report.index, revisions={batch.source if part == WHOLE else part.key(batch.source): batch.revision})
    return replace(
        report,
        documents=report.documents + len(batch.documents) - batch.gone,
        gone=report.gone + batch.gone,
        written=report.written + len(fresh),
        kept=report.kept + len(wanted) - len(fresh),
        removed=report.removed + len(stale),
    )


def _parts(chunks: Sequence[Chunk]) -> list[Sequence[Chunk]]:
    return [chunks[i : i + BATCH_CHUNKS] for i in range(0, len(chunks), BATCH_CHUNKS)]
