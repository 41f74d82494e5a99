"""`twin documents snapshot|restore`: the stored documents -> an artifact by digest, and back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from twin.cli.documents import print_reports
from twin.cli.kept import parsed
from twin.cli.output import Output, OutputOption, say, show
from twin.cli.place import Place, place
from twin.records import Artifact, SourceReport


class Snapshot(msgspec.Struct, frozen=True):
    """What was kept: how many documents, of each source, and where."""

    documents: int
    sources: dict[str, int]
    snapshot: str


def snapshot(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Keep the stored documents as an artifact, by its digest."""
    made = asyncio.run(_snapshot(place(context)))
    if not show(made, output):
        say(f"{made.documents} document{'s' * (made.documents != 1)} of {len(made.sources)} sources kept")
        print(made.snapshot)


async def _snapshot(here: Place) -> Snapshot:
    from twin.cli.wiring import artifacts, documents
    from twin.documents.snapshot import save

    with tempfile.TemporaryDirectory(prefix="snapshot-", dir=here.made().resolve()) as folder:
        async with documents(here) as store:
            manifest = await save(store, Path(folder) / "documents")
        kept = await artifacts(here).put(Path(folder) / "documents")
    counts = {one.name: one.documents for one in manifest.sources}
    return Snapshot(sum(counts.values()), counts, str(kept))


def restore(
    context: typer.Context,
    artifact: Annotated[str, typer.Argument(help="What `twin documents snapshot` printed: uri#sha256:...")],
    allow_mass_delete: Annotated[
        bool,
        typer.Option(
            "--allow-mass-delete/--refuse-mass-delete", help="Let most of a source go that the snapshot does not have."
        ),
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the stored documents of each source equal to an artifact's; the next sync brings them up to date.

    Exit status 3 when a source would lose too much of what is stored.
    """
    from twin.documents.sync import exit_status

    reports = asyncio.run(_restore(place(context), parsed(artifact), allow_mass_delete=allow_mass_delete))
    if not show({"sources": reports}, output):
        print_reports(reports)
    raise typer.Exit(exit_status(reports))


async def _restore(here: Place, artifact: Artifact, *, allow_mass_delete: bool) -> tuple[SourceReport, ...]:
    from twin.cli.progress import Progress, source_note
    from twin.cli.wiring import artifacts, documents
    from twin.documents.snapshot import SnapshotFetcher, sources_of
    from twin.documents.sync import sync

    with tempfile.TemporaryDirectory(prefix="restore-", dir=here.made().resolve()) as folder, Progress("documents") as progress:
        kept = sources_of(await artifacts(here).get(artifact, Path(folder) / "documents"))
        async with documents(here) as store:
            reports = await sync(
                kept,
                {"snapshot": SnapshotFetcher()},
                store,
                owner="twin documents restore",
                allow_mass_delete=allow_mass_delete,
                declared={one.name for one in kept},
                on_progress=lambda name, p: progress.set(name, p.done, p.stored, source_note(p.new + p.changed, p.failed)),
            )
    return _remedied(reports, artifact)


def _remedied(reports: Sequence[SourceReport], artifact: Artifact) -> tuple[SourceReport, ...]:
    """A refusal that says what to do here, where a sync would say what to do there."""
    said = (
        "most of what is stored is not in the snapshot; nothing was removed. "
        f"If that is right, run `twin documents restore {artifact} --allow-mass-delete`"
    )
    return tuple(replace(one, error=f"{one.source}: {said}") if one.refused else one for one in reports)
