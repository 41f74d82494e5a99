"""A trace -> the step at fault, by rules that know what is usual for this twin and which documents are still live."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from twin.cli.place import Place
from twin.errors import StoreError
from twin.records import Fault, Trace

USUAL = 200  # newest traces that say what is usual
log = logging.getLogger(__name__)


async def fault_of(here: Place, trace: Trace, newest: Sequence[Trace]) -> Fault | None:
    """The step at fault, where a rule can tell. Where the documents cannot be read, no passage is called stale."""
    from twin.answer.faults import find_fault, usual_ranges

    return find_fault(trace, usual_ranges(newest), await _live(here, trace))


async def _live(here: Place, trace: Trace) -> dict[str, str] | None:
    """Document ids of a trace with their content hash of today; None where there is no store to ask."""
    from twin.answer.faults import documents_of
    from twin.cli.wiring import documents

    if not here.settings.documents_url and not (here.home / "documents.db").is_file():
        return None  # an index is served alone: all documents would seem to be gone
    live: dict[str, str] = {}
    try:
        async with documents(here) as store:
            for identity in documents_of(trace):
                if document := await store.get(identity):
                    live[identity] = document.content_hash
    except StoreError as exc:
        log.warning("whether a trace's passages are stale is not known", extra={"trace": trace.id, "reason": str(exc)})
        return None
    return live
