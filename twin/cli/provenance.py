"""An adapter's record and its parents' -> whether the datasets at hand are those it was trained on.

A leak is looked for in what is known to have been trained on. With another dataset at hand it would go unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import ReleaseError, TrainingError

if TYPE_CHECKING:
    from twin.drivers.vllm.models import Served


def check_trained_on(adapter: Path, datasets: Sequence[str], adapters: Path, listed: Sequence[Served] = ()) -> tuple[str, ...]:
    """What could not be found out about the training of `adapter`; parents are looked for in `adapters` and beside it.

    Raises ReleaseError when it, or a parent, was trained on a dataset whose digest is none of `datasets`; TrainingError also
    when what the server has `listed` is another base than its own.
    """
    from twin.drivers.vllm.adapters import fits_server
    from twin.model.adapter import STAGES
    from twin.model.folder import RECORD, record_of

    record: dict[str, Any] = record_of(adapter) if (adapter / RECORD).is_file() else {}  # of another's making
    if record.get("stage") in STAGES and any(one.owner == "vllm" for one in listed):
        fits_server(record, listed)
    who, seen = str(adapter), set[str]()
    while True:
        said = _digest(record)
        if not said:
            return (f"What {who} was trained on is not recorded: a leak from that dataset would not be seen.",)
        if said not in datasets:
            raise ReleaseError(
                f"{who} was trained on dataset {said}, but --dataset gives {', '.join(datasets)}: leaks from its own would go "
                "unseen; give that one (--dataset again for what a parent was trained on; the first one has the questions)"
            )
        parent = str(record.get("parent") or "")
        if not parent or parent in seen:
            return ()
        seen.add(parent)
        known = next((one for one in _records(adapters, adapter.parent) if one["digest"] == parent), None)
        if known is None:
            return (f"{parent}, from which {who} goes on, is not here: a leak from what it was trained on would not be seen.",)
        record, who = known, f"{parent}, from which {who} goes on,"


def _digest(record: Any) -> str:
    dataset = record.get("dataset")
    return str(dataset.get("digest") or "") if isinstance(dataset, dict) else ""


def _records(*folders: Path) -> Iterator[dict[str, Any]]:
    from twin.model.folder import RECORD, record_of

    for folder in folders:
        for file in sorted(folder.glob(f"*/{RECORD}")):
            with suppress(TrainingError):  # not ours, or half a record: no parent of anything
                yield record_of(file.parent)
