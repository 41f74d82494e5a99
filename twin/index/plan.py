"""Documents and an index -> what a build has to do, and whether it may. Writes nothing.

An index remembers of which document store, and up to which revision of each source, it was written. Beside that very store only
what changed since is looked at. A store that was made anew, that took another one's place, or that stands before what the
index has seen (a backup) has no tombstones for what the index holds: beside such a one everything is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from twin.errors import MassDeletionError
from twin.index.part import WHOLE, Part, seen
from twin.index.ports import Documents, IndexStore
from twin.index.sweep import lost
from twin.records import IndexInfo

MOST = 0.5  # the share of its passages that an index may lose beside another document store
HANDFUL = 5  # fewer lost documents never trip the breaker, as long as the store has any


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build of `index` would do. `documents` and `gone` are changes of the sources in `after`, since that revision.

    `new`: the index is not there yet. `strange`: what is there was not written from the document store called `store`, or not
    only; `lost` of its passages are of documents that are not in it.
    """

    index: str
    new: bool
    strange: bool
    documents: int
    gone: int
    lost: int
    store: str
    after: Mapping[str, int]


async def plan(
    documents: Documents, store: IndexStore, info: IndexInfo, *, part: Part = WHOLE, allow_mass_delete: bool = False
) -> Plan:
    """What has to be done to bring `part` of the index `info` up to date; the counts are of all parts.

    Raises MassDeletionError, StoreError or IndexStoreError.
    """
    identity, revisions = await documents.identity(), await documents.revisions()
    known = seen(info.revisions, part)
    strange = info.store != identity or any(revision > revisions.get(name, 0) for name, revision in known.items())
    known = {} if strange else known
    after = {name: known.get(name, 0) for name, last in sorted(revisions.items()) if last > known.get(name, 0)}
    counts = [await documents.count_changes(name, revision) for name, revision in after.items()]
    changed, gone = sum(live for live, _ in counts), sum(buried for _, buried in counts)
    passages, many = await _lost(documents, store, info.name) if strange and info.chunks else (0, False)
    if passages > MOST * info.chunks and (many or not changed) and not allow_mass_delete:
        raise MassDeletionError(
            f"index {info.name}: {passages:,} of its {info.chunks:,} passages are of documents that the document store does "
            "not know, as if that had been made anew or another were set; nothing was changed. `twin documents sync` fills it; "
            "if those documents are to leave the index, run `twin index build --allow-mass-delete`"
        )
    return Plan(info.name, not info.created, strange, changed, gone, passages, identity, after)


async def _lost(documents: Documents, store: IndexStore, index: str) -> tuple[int, bool]:
    """How many passages are lost, and whether they are of a handful of documents at least."""
    passages, of = 0, set[str]()
    async with aclosing(lost(documents, store, index)) as parts:
        async for chunks in parts:
            passages += len(chunks)
            of.update(one.document for one in chunks if len(of) < HANDFUL)
    return passages, len(of) >= HANDFUL
