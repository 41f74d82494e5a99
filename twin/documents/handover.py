"""Uris that one source names and another holds -> those whose holder is declared no more, let go to be taken over.

Renaming a source in sources.yaml makes such holders. Knows no source kind, no network and no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.documents.ports import DocumentStore


@dataclass(slots=True)
class Handover:
    """`declared` are the names of all sources of the twin, whether or not this run syncs them."""

    store: DocumentStore
    declared: frozenset[str]
    owner: str
    dry_run: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # two heirs of one source in one run

    async def let_go(self, holders: Mapping[str, str]) -> Mapping[str, str]:
        """Those of `holders` (source by uri) that may be taken now. Raises LeaseError when their source is in use.

        They are buried under the old name, so an end before they are taken leaves what the next run completes.
        """
        free = {uri: holder for uri, holder in holders.items() if holder not in self.declared}
        if self.dry_run:
            return free
        for holder in sorted(set(free.values())):
            async with self._turn, self.store.lease(holder, self.owner):
                await self.store.set_cursor(holder, "")  # declared again, it must not believe that nothing changed
                await self.store.bury(holder, [uri for uri, one in free.items() if one == holder])
        return free
