"""Sources -> a report a source: each is fetched and reconciled under its lease, several at a time.

Knows which errors end one source and that none ends the others; knows no source kind, no network and no database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from twin.documents.handover import Handover
from twin.documents.ports import DocumentStore, Fetcher
from twin.documents.reconcile import reconcile
from twin.documents.sources import Source
from twin.documents.tally import SourceProgress, Tally
from twin.errors import SourceError
from twin.records import Known, SourceReport

__all__ = ["SourceProgress", "exit_status", "sync"]

OnProgress = Callable[[str, SourceProgress], None]


@dataclass(slots=True)
class _Memory:
    """A fetcher's view of the store: its own source, to read."""

    cursor: str
    source: str
    store: DocumentStore

    async def known(self, uris: Sequence[str]) -> Mapping[str, Known]:
        return await self.store.known(self.source, uris)

    def uris(self) -> AsyncIterator[str]:
        return self.store.uris(self.source)


async def sync(
    sources: Sequence[Source],
    fetchers: Mapping[str, Fetcher],
    store: DocumentStore,
    *,
    owner: str = "twin documents sync",
    concurrency: int = 4,
    allow_mass_delete: bool = False,
    dry_run: bool = False,
    declared: Collection[str] | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[SourceReport, ...]:
    """Reconcile every source, `concurrency` at a time; reports stand in the order of `sources`.

    `fetchers` are by kind of source. `declared` are the names of all sources of the twin: a document that another source
    holds goes over to the one that names it now; None lets every source keep what it holds. What fails a source is in its
    report and stops no other. Cancelled, it leaves what is written so far, which the next run continues, and holds no lease.
    """
    gate = asyncio.Semaphore(concurrency)
    handover = None if declared is None else Handover(store, frozenset(declared), owner, dry_run)
    options = _Options(owner, allow_mass_delete, dry_run, handover, on_progress)

    async def one(source: Source) -> SourceReport:
        async with gate:
            return await _sync_one(source, fetchers, store, options)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(source)) for source in sources]
    return tuple(task.result() for task in tasks)


def exit_status(reports: Sequence[SourceReport]) -> int:
    """0 when all is well, 1 when a source or a document failed, 3 when a source was refused.

    3 goes before 1: a failure may pass by itself, a refusal waits for a person.
    """
    if any(report.refused for report in reports):
        return 3
    return 1 if any(report.error or report.failed for report in reports) else 0


@dataclass(frozen=True, slots=True)
class _Options:
    owner: str
    allow_mass_delete: bool
    dry_run: bool
    handover: Handover | None
    on_progress: OnProgress | None

    def lease(self, store: DocumentStore, source: str) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self.dry_run else store.lease(source, self.owner)


async def _sync_one(source: Source, fetchers: Mapping[str, Fetcher], store: DocumentStore, options: _Options) -> SourceReport:
    started, tally = time.perf_counter(), Tally(source)
    tell = options.on_progress
    try:
        async with options.lease(store, source.name):
            fetcher = fetchers.get(source.kind)
            if fetcher is None:
                raise SourceError(f"{source.name}: nothing here reads sources of kind {source.kind!r}")  # noqa: TRY301
            memory = _Memory(await store.cursor(source.name), source.name, store)
            await reconcile(
                source,
                fetcher.fetch(source, memory),
                store,
                allow_mass_delete=options.allow_mass_delete,
                dry_run=options.dry_run,
                on_progress=None if tell is None else lambda progress: tell(source.name, progress),
                tally=tally,
                handover=options.handover,
            )
    except Exception as exc:  # noqa: BLE001 - the boundary of one source: named in its report, a defect is logged
        tally.stop(exc)
    return tally.report(time.perf_counter() - started)
