"""`twin index snapshot|restore`: an index -> an artifact by digest, and back."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from twin.cli import kept
from twin.cli.index import SwitchOption, print_switch, switched
from twin.cli.output import Output, OutputOption, say, show
from twin.cli.place import Place, place
from twin.records import Artifact, IndexInfo

if TYPE_CHECKING:
    from twin.drivers.qdrant.edge import EdgeIndexes
    from twin.drivers.qdrant.server import ServerIndexes


class Snapshot(msgspec.Struct, frozen=True):
    """One index as a release pins it."""

    name: str
    documents: str
    chunks: int
    snapshot: str


def snapshot(
    context: typer.Context,
    index: Annotated[str, typer.Argument(help="The index to keep; the live one when left out.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Keep an index as an artifact, by its digest; `-o yaml` prints it as release.yaml pins it."""
    made = asyncio.run(_snapshot(place(context), index))
    if not show(made, output):
        say(f"{made.name}: {made.chunks} passages kept")
        print(made.snapshot)


async def _snapshot(here: Place, index: str) -> Snapshot:
    from twin.cli.wiring import artifacts

    with tempfile.TemporaryDirectory(prefix="snapshot-", dir=here.made().resolve()) as folder:
        saved = Path(folder) / "index"
        async with _store(here) as store:
            info, documents = await store.snapshot(index, saved)
        pin = await artifacts(here).put(saved)
    return Snapshot(info.name, documents, info.chunks, str(pin))


def restore(
    context: typer.Context,
    artifact: Annotated[str, typer.Argument(help="What `twin index snapshot` printed: uri#sha256:...")],
    replace: Annotated[bool, typer.Option("--replace", help="Also when an index of that name is there.")] = False,
    switch: SwitchOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make an index again from its artifact; the next build brings it up to date with the documents that are here."""
    here = place(context)
    info = asyncio.run(_restore(here, kept.parsed(artifact), replace=replace))
    gate = asyncio.run(switched(here, info.name)) if switch else None
    if not show({"index": info, "switch": gate}, output):
        say(f"{info.name}: {info.chunks} passages restored")
        if gate:
            print_switch(gate)


async def _restore(here: Place, artifact: Artifact, *, replace: bool) -> IndexInfo:
    from twin.cli.wiring import artifacts

    with tempfile.TemporaryDirectory(prefix="restore-", dir=here.made().resolve()) as folder:
        saved = await artifacts(here).get(artifact, Path(folder) / "index")
        async with _store(here) as store:
            return await store.restore(saved, replace=replace)


def _store(here: Place) -> AbstractAsyncContextManager[EdgeIndexes | ServerIndexes]:
    """Both stores of indexes can do this; it is no part of what the stage asks of one."""
    from twin.cli.wiring import indexes

    return indexes(here)  # type: ignore[return-value]  # one of the two
