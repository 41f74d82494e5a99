"""`twin index`: documents -> index, the recall gate and the alias."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import Place, place
from twin.errors import RecallError
from twin.records import IndexInfo

if TYPE_CHECKING:
    from twin.index.build import BuildReport
    from twin.index.recall import RecallReport

app = typer.Typer(help="Documents -> index.", no_args_is_help=True, rich_markup_mode=None)

SwitchOption = Annotated[bool, typer.Option("--switch", help="Then check its recall and make it live.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would happen and change nothing.")]


@app.callback()
def root() -> None:
    """Documents -> index: build beside what is live, check, switch, prune."""


@app.command("list")
def list_indexes(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """List the indexes; the live one answers."""
    found = asyncio.run(_indexes(place(context)))
    if show(found, output):
        return
    columns = ("", "index", "chunks", "embedder", "chunker", "recall@10", "created")
    rows = [
        (
            "live" if i.live else "",
            i.name,
            i.chunks,
            i.spec.embedder,
            i.spec.chunker,
            "" if i.recall is None else f"{i.recall:.3f}",
            i.created[:19],
        )
        for i in found
    ]
    table(columns, rows, right=("chunks", "recall@10"), empty="no index; `twin index build --switch` makes one")


async def _indexes(here: Place) -> list[IndexInfo]:
    from twin.cli.wiring import indexes

    async with indexes(here) as store:
        return await store.list()


@app.command()
def build(context: typer.Context, switch: SwitchOption = False, output: OutputOption = Output.TABLE) -> None:
    """Write into the index whatever changed since it was built; another recipe makes another index beside it."""
    here = place(context)
    made = asyncio.run(built(here))
    gate = asyncio.run(switched(here, made.index)) if switch else None
    if not show({"build": made, "switch": gate}, output):
        print_build(made)
        if gate:
            print_switch(gate)


async def built(here: Place) -> BuildReport:
    """Build the index of the configured recipe, with progress on stderr."""
    from twin.cli.progress import Progress
    from twin.cli.wiring import documents, embedder, indexes, limits
    from twin.documents.clean import CLEANING_VERSION, clean
    from twin.index.build import build as run

    async with documents(here) as store, indexes(here) as index, embedder(here) as model:
        with Progress("documents") as progress:
            return await run(
                store,
                index,
                model,
                clean=clean,
                limits=limits(here),
                cleaning=CLEANING_VERSION,
                on_progress=lambda r: progress.set("index", r.documents + r.gone, 0, f"{r.written} passages"),
            )


def print_build(made: BuildReport) -> None:
    """What a build did, in one line for a person."""
    if not made.documents and not made.gone:
        say(f"{made.index}: up to date")
        return
    say(
        f"{made.index}: {made.documents} documents, {made.gone} gone; {made.written} passages written, {made.kept} kept, "
        f"{made.removed} removed in {made.seconds:.1f} s"
    )


@app.command()
def switch(
    context: typer.Context,
    index: Annotated[str, typer.Argument(help="The index to make live; the one of the configured recipe when left out.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make an index live, if it finds its own documents (exit status 3 when it does not)."""
    gate = asyncio.run(switched(place(context), index))
    if not show(gate, output):
        print_switch(gate)


def print_switch(gate: RecallReport) -> None:
    """What the gate said, in one line for a person."""
    say(f"{gate.index} is live (recall@10 {gate.recall:.3f} over {gate.queries} known items)")


async def switched(here: Place, index: str = "") -> RecallReport:
    """Pass `index`, or that of the configured recipe, through the recall gate and make it live."""
    from twin.cli.wiring import embedder, indexes, limits
    from twin.documents.clean import CLEANING_VERSION
    from twin.index.build import spec_of
    from twin.index.recall import switch as run

    async with indexes(here) as store, embedder(here) as model:
        name = index or spec_of(model, limits(here), CLEANING_VERSION).name
        return await run(store, name, model, here.settings.recall_gate)


async def stay_live(here: Place, made: BuildReport) -> RecallReport | None:
    """Switch after a build unless what was built is live already and nothing changed."""
    for info in await _indexes(here):
        if info.name == made.index and info.live and not made.documents and not made.gone:
            return None
    return await switched(here, made.index)


@app.command()
def prune(
    context: typer.Context,
    keep: Annotated[
        int | None, typer.Option(min=0, help="How many stay beside the live one.", show_default="keep_indexes")
    ] = None,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Drop old indexes; the live one always stays."""
    here = place(context)
    gone = asyncio.run(_pruned(here, here.settings.keep_indexes if keep is None else keep, dry_run=dry_run))
    if not show({"dry_run": dry_run, "dropped": gone}, output):
        say(f"{'would drop' if dry_run else 'dropped'}: {', '.join(gone) or 'nothing'}")


async def _pruned(here: Place, keep: int, *, dry_run: bool) -> list[str]:
    from twin.cli.wiring import indexes
    from twin.index.recall import prune as run

    async with indexes(here) as store:
        if not await store.live():
            raise RecallError("no index is live, so none can be told to be old: `twin index switch` first")
        return await run(store, keep, dry_run=dry_run)
