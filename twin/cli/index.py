"""`twin index`: documents -> index, the recall gate and the alias."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import Place, place
from twin.errors import RecallError
from twin.records import IndexInfo

if TYPE_CHECKING:
    from twin.index.build import BuildReport
    from twin.index.part import Part
    from twin.index.plan import Plan
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
def build(
    context: typer.Context,
    switch: SwitchOption = False,
    part: Annotated[
        str,
        typer.Option("--part", metavar="N/OF", help="Only this part of the documents, as 2/4."),
    ] = "",
    allow_mass_delete: Annotated[
        bool, typer.Option("--allow-mass-delete", help="Also when most of the index is of documents that are not stored.")
    ] = False,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write into the index whatever changed since it was built; another recipe makes another index beside it.

    Parts (--part 1/4 ... 4/4) may be built at once, on several machines; the whole build after them completes what they left.
    Exit status 3 when most of the index would go because the document store does not know it, as when that was lost.
    """
    wanted, here = _part(part), place(context)
    if part and switch:
        raise typer.BadParameter("a part cannot go live: build the whole with --switch after all", param_hint="--part")
    if dry_run:
        todo = asyncio.run(_planned(here, wanted, allow_mass_delete=allow_mass_delete))
        if not show({"dry_run": True, "build": todo, "switch": None}, output):
            print_plan(todo, switch=switch)
        return
    made = asyncio.run(built(here, wanted, allow_mass_delete=allow_mass_delete))
    gate = asyncio.run(_made_live(here, made)) if switch else None
    if not show({"dry_run": False, "build": made, "switch": gate}, output):
        print_build(made)
        if gate:
            print_switch(gate)


def _part(text: str) -> Part:
    """`2/4` as a part; the whole where nothing is said."""
    from twin.index.part import WHOLE, Part

    if not text:
        return WHOLE
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise typer.BadParameter(f"{text!r} is no part: write N/OF, as 2/4 for the second of four", param_hint="--part")
    return Part(int(number), int(of))


async def built(here: Place, part: Part | None = None, *, allow_mass_delete: bool = False) -> BuildReport:
    """Build the index of the configured recipe, or a part of it, with progress on stderr."""
    from twin.cli.progress import Progress
    from twin.cli.wiring import documents, embedder, indexes, limits
    from twin.documents.clean import CLEANING_VERSION, clean
    from twin.index.build import build as run
    from twin.index.part import WHOLE

    async with documents(here) as store, indexes(here) as index, embedder(here) as model:
        with Progress("documents") as progress:

            def shown(report: BuildReport, total: int) -> None:
                if total:
                    progress.set("index", report.documents + report.gone, total, f"{report.written} passages")

            report = await run(
                store,
                index,
                model,
                clean=clean,
                limits=limits(here),
                cleaning=CLEANING_VERSION,
                on_progress=shown,
                part=part or WHOLE,
                allow_mass_delete=allow_mass_delete,
            )
    if note := laid_out(here, report.index, report.layout):
        say(f"note: {note}")
    return report


def laid_out(here: Place, index: str, layout: Mapping[str, str | int]) -> str:
    """What of an index is not as the settings say, because it was made before they did; empty when all is."""
    wanted = [(key, value, getattr(here.settings, key)) for key, value in layout.items()]
    unlike = [f"{key} {made or 'none'} ({asked or 'none'} is set)" for key, made, asked in wanted if made != asked]
    if not unlike:
        return ""
    server = here.settings.qdrant_url
    place = f"the collection {here.settings.qdrant_alias}.{index}" if server else f"{here.home / 'index' / index}"
    return (
        f"{index} was made with {', '.join(unlike)} and stays so: another recipe makes an index as it is set, "
        f"or remove {place} while nothing uses it, then `twin index build --switch`"
    )


async def _planned(here: Place, part: Part, *, allow_mass_delete: bool) -> Plan:
    from twin.cli.wiring import documents, embedder, indexes, limits
    from twin.documents.clean import CLEANING_VERSION
    from twin.index.build import planned as run

    async with documents(here) as store, indexes(here) as index, embedder(here) as model:
        return await run(
            store,
            index,
            model,
            limits=limits(here),
            cleaning=CLEANING_VERSION,
            part=part,
            allow_mass_delete=allow_mass_delete,
        )


def print_plan(todo: Plan, *, switch: bool) -> None:
    """What a build would do, in a line or two for a person."""
    if todo.new:
        say(f"{todo.index} would be made, of {todo.documents} documents")
    elif todo.documents or todo.gone or todo.lost:
        lost = f", {todo.lost} passages of documents that are not stored removed" if todo.lost else ""
        say(f"{todo.index}: {todo.documents} documents would be written, {todo.gone} taken out{lost}")
    else:
        say(f"{todo.index}: up to date")
    if switch:
        say("then its recall would be measured, and it would go live if that is enough")
    say("dry run: nothing was changed")


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
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make an index live, if it finds its own documents (exit status 3 when it does not)."""
    gate = asyncio.run(switched(place(context), index, dry_run=dry_run))
    if not show(gate, output):
        print_switch(gate, dry_run=dry_run)


def print_switch(gate: RecallReport, *, dry_run: bool = False) -> None:
    """What the gate said, in one line for a person."""
    what = "would go live" if dry_run else "is live"
    say(f"{gate.index} {what} (recall@10 {gate.recall:.3f} over {gate.queries} known items)")


async def switched(here: Place, index: str = "", *, dry_run: bool = False) -> RecallReport:
    """Pass `index`, or that of the configured recipe, through the recall gate and make it live."""
    from twin.cli.wiring import embedder, indexes, limits
    from twin.documents.clean import CLEANING_VERSION
    from twin.index.build import spec_of
    from twin.index.recall import switch as run

    async with indexes(here) as store, embedder(here) as model:
        name = index or spec_of(model, limits(here), CLEANING_VERSION).name
        return await run(store, name, model, here.settings.recall_gate, dry_run=dry_run)


async def stay_live(here: Place, made: BuildReport) -> RecallReport | None:
    """Switch after a build unless what was built is live already and nothing changed."""
    info = await _filled(here, made)
    if info.live and not made.documents and not made.gone:
        return None
    return await switched(here, made.index)


async def _made_live(here: Place, made: BuildReport) -> RecallReport:
    await _filled(here, made)
    return await switched(here, made.index)


async def _filled(here: Place, made: BuildReport) -> IndexInfo:
    """The index that was built. Raises RecallError when there was nothing to build it of."""
    info = next(one for one in await _indexes(here) if one.name == made.index)
    if not info.chunks:
        raise RecallError(
            f"no document was found in what {here.sources} names, as far as it was synced: add some there, then `twin up`"
        )
    return info


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
