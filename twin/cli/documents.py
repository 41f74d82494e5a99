"""`twin documents`: sources -> documents, and a look at what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import Output, OutputOption, console, safe, say, short, show, table
from twin.cli.place import Place, place, started
from twin.errors import SourcesError, StoreError
from twin.records import Document, Kind, SourceReport

if TYPE_CHECKING:
    from twin.documents.sources import Source

app = typer.Typer(help="Sources -> documents.", no_args_is_help=True, rich_markup_mode=None)

SourcesOption = Annotated[
    Path | None, typer.Option("--sources", help="The file that names the sources.", show_default="sources.yaml")
]
MassDeletionOption = Annotated[
    bool, typer.Option("--allow-mass-delete/--refuse-mass-delete", help="Let a run remove more of a source than its max_gone.")
]
KindOption = Annotated[Kind | None, typer.Option(help="Only what is of this kind.", show_default=False)]
FAILED_SHOWN = 10


@app.callback()
def root() -> None:
    """Sources -> documents: fetch what is new, change what changed, bury what is gone."""


@app.command()
def sync(
    context: typer.Context,
    sources: SourcesOption = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="Only this source; may be given several times.")] = None,
    allow_mass_delete: MassDeletionOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change and change nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Read every source and make the stored documents equal to it.

    Exit status 1 when a source or a document failed, 3 when a source would lose too much of what is stored.
    """
    here = started(place(context, sources))
    reports = asyncio.run(synced(here, tuple(source or ()), allow_mass_delete=allow_mass_delete, dry_run=dry_run))
    if not show({"dry_run": dry_run, "sources": reports}, output):
        print_reports(reports, dry_run=dry_run)
    from twin.documents.sync import exit_status

    raise typer.Exit(exit_status(reports))


async def synced(here: Place, names: tuple[str, ...], *, allow_mass_delete: bool, dry_run: bool) -> tuple[SourceReport, ...]:
    """Sync the sources called `names`, or all, with progress on stderr."""
    from twin.cli.progress import Progress, source_note
    from twin.cli.wiring import documents, fetchers
    from twin.documents.declare import read_sources
    from twin.documents.sync import sync as run

    declared = read_sources(here.sources)
    chosen = _chosen(declared, names, here.sources)
    async with documents(here) as store, fetchers(here) as readers:
        with Progress("documents") as progress:
            reports = await run(
                chosen,
                readers,
                store,
                allow_mass_delete=allow_mass_delete,
                dry_run=dry_run,
                declared={one.name for one in declared},
                on_progress=lambda name, p: progress.set(name, p.done, p.stored, source_note(p.new + p.changed, p.failed)),
            )
        for name in sorted(set(await store.revisions()) - {one.name for one in declared}):
            if await store.count(name):
                say(
                    f"note: source {name} is stored, but no longer in {here.sources.name}: `twin documents remove --source {name}`"  # noqa: E501
                )
    return reports


def _chosen(declared: Sequence[Source], names: tuple[str, ...], file: Path) -> list[Source]:
    """The sources called `names`, or all. Raises SourcesError for one that is not declared."""
    unknown = set(names) - {one.name for one in declared}
    if unknown:
        known = ", ".join(one.name for one in declared)
        raise SourcesError(f"{file}: there is no source {min(unknown)!r}; the sources are {known}")
    return [one for one in declared if not names or one.name in names]


def print_reports(reports: tuple[SourceReport, ...], *, dry_run: bool = False) -> None:
    """A row a source, then what was not taken and why."""
    columns = ("source", "kind", "new", "changed", "unchanged", "gone", "skipped", "failed", "time")
    table(columns, map(_row, reports), right=columns[2:], empty="there are no sources")
    out = console(stderr=True)
    for report in reports:
        if report.error:
            out.print(safe(f"{report.source}: {report.error}"))
        for old in report.taken_from:
            out.print(safe(f"{report.source}: took over documents of {old}, which is no longer among the sources"))
        for note in report.failed[:FAILED_SHOWN]:
            out.print(safe(f"{report.source}: {note.uri}: {note.reason}"))
        if (more := len(report.failed) + report.failed_more - FAILED_SHOWN) > 0:
            out.print(f"{report.source}: and {more} more (`-o json` shows them)")
    if dry_run:
        out.print("dry run: nothing was changed")


def _row(report: SourceReport) -> tuple[object, ...]:
    skipped, failed = len(report.skipped) + report.skipped_more, len(report.failed) + report.failed_more
    counts = (report.new, report.changed, report.unchanged, report.gone, skipped, failed)
    return (report.source, report.kind, *counts, f"{report.seconds:.1f} s")


@app.command("sources")
def list_sources(
    context: typer.Context,
    sources: SourcesOption = None,
    source: Annotated[str, typer.Option(help="Only this one, if it is declared.", show_default="all")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """List the sources that are declared, by name; `-o json` is what a workflow fans out over."""
    from twin.documents.declare import read_sources

    here = started(place(context, sources))
    chosen = _chosen(read_sources(here.sources), (source,) if source else (), here.sources)
    if not show([one.name for one in chosen], output):
        table(("source", "kind"), [(one.name, one.kind) for one in chosen], empty="there are no sources")


@app.command("list")
def list_documents(
    context: typer.Context,
    source: Annotated[str, typer.Option(help="Only documents of this source.")] = "",
    author: Annotated[str, typer.Option(help="Only documents of this author's id.")] = "",
    kind: KindOption = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=0, help="At most so many; 0 is all.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List stored documents in order of their uri."""
    found = asyncio.run(_listed(place(context), source, author, kind or "", limit))
    rows = [
        {
            "id": d.id,
            "kind": d.kind,
            "author": d.author.id,
            "source": d.source,
            "characters": len(d.text),
            "title": d.title,
            "uri": d.uri,
        }
        for d in found
    ]
    if author and not rows:
        say_authors(place(context), author)
    if not show(rows, output):
        table(
            ("id", "kind", "author", "source", "characters", "title", "uri"),
            [
                (str(r["id"])[:12], r["kind"], r["author"], r["source"], r["characters"], short(str(r["title"]), 48), r["uri"])
                for r in rows
            ],
            right=("characters",),
            empty="no document; `twin documents sync` fetches them",
        )


def say_authors(here: Place, author: str) -> None:
    """Say that nothing is by `author`, and who the sources say has written. Records of an export may name others."""
    from twin.documents.declare import read_sources

    try:
        known = sorted({f"{one.author.id} ({one.author.name})" for one in read_sources(here.sources)})
    except SourcesError:
        known = []
    named = f"{here.sources.name} names {', '.join(known)}; " if known else ""
    say(f"nothing was found by {author!r}: {named}`twin documents list` shows whose documents there are")


async def _listed(here: Place, source: str, author: str, kind: str, limit: int) -> list[Document]:
    from twin.cli.wiring import documents

    async with documents(here) as store, aclosing(store.documents(source, author, kind, limit)) as found:
        return [document async for document in found]


@app.command("show")
def show_document(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="The document's id (or its beginning) or uri.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Print one document: what is known of it, then its text."""
    found = asyncio.run(_one(place(context), document))
    if show(found, output):
        return
    out = console()
    for key in ("uri", "id", "title", "kind", "source", "language", "published", "link", "content_hash"):
        out.print(safe(f"{key:12} {getattr(found, key)}"))
    out.print(safe(f"{'author':12} {found.author.name} ({found.author.id})"))
    for key, value in found.metadata.items():
        out.print(safe(f"{key:12} {value}"))
    out.print()
    out.print(safe(found.text), soft_wrap=True)


async def _one(here: Place, wanted: str) -> Document:
    from twin.cli.wiring import documents
    from twin.records import document_id

    async with documents(here) as store:
        found = await store.get(wanted) or await store.get(document_id(wanted))
        if found is None:
            async with aclosing(store.documents()) as every:
                matches = [one async for one in every if one.id.startswith(wanted)]
            if len(matches) > 1:
                raise StoreError(f"{wanted}: {len(matches)} documents begin so; give more of the id")
            found = matches[0] if matches else None
    if found is None:
        raise StoreError(f"{wanted}: there is no such document; `twin documents list` shows ids and uris")
    return found


@app.command()
def remove(
    context: typer.Context,
    document: Annotated[list[str] | None, typer.Argument(help="Ids or uris of documents.")] = None,
    source: Annotated[str, typer.Option(help="All documents of this source.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go and change nothing.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Bury documents; the next `twin index build` takes them out of the index.

    A document whose source still names it comes back at the next sync.
    """
    if bool(document) == bool(source):
        raise typer.BadParameter("give either documents or --source NAME")
    gone = asyncio.run(_removed(place(context), tuple(document or ()), source, dry_run=dry_run))
    if not show({"dry_run": dry_run, "removed": gone}, output):
        say(f"{'would remove' if dry_run else 'removed'} {len(gone)} document{'s' * (len(gone) != 1)}")


async def _removed(here: Place, wanted: tuple[str, ...], source: str, *, dry_run: bool) -> list[str]:
    from twin.cli.wiring import documents

    by_source: dict[str, list[str]] = {}
    for one in wanted:
        found = await _one(here, one)
        by_source.setdefault(found.source, []).append(found.uri)
    async with documents(here) as store:
        if source:
            by_source[source] = [uri async for uri in store.uris(source)]
        for name, uris in by_source.items():
            if not dry_run and uris:
                async with store.lease(name, "twin documents remove"):
                    await store.bury(name, uris)
                    await store.set_cursor(name, "")
    return [uri for uris in by_source.values() for uri in uris]
