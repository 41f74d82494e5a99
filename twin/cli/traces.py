"""`twin traces`: what happened in an answer, step by step."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from twin.cli.faults import USUAL, fault_of
from twin.cli.output import Output, OutputOption, console, safe, short, show, table
from twin.cli.place import Place, place
from twin.errors import StoreError
from twin.records import Span, Trace

app = typer.Typer(help="Traces of answers.", no_args_is_help=True, rich_markup_mode=None)

SHOWN = 18  # characters of an id: the millisecond, and enough to tell two of the same one apart


@app.callback()
def root() -> None:
    """Traces of answers: why one was bad, and which step is at fault."""


async def _read(here: Place, limit: int = 0, wanted: str = "") -> list[Trace]:
    from twin.drivers.sqlite.traces import TraceStore

    store = TraceStore(here.made() / "traces.db", kept=here.settings.traces_kept)
    await store.open()
    try:
        if wanted:
            found = await store.get(wanted)
            return [found] if found else []
        return await store.list(limit)
    finally:
        await store.close()


@app.command("list")
def list_traces(
    context: typer.Context,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="At most so many.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the newest answers, refusals and failures."""
    found = asyncio.run(_read(place(context), limit))
    if show(found, output):
        return
    rows = [
        (
            t.id[:SHOWN],
            datetime.fromtimestamp(t.spans[0].start, UTC).isoformat(" ", "seconds")[:19],
            t.status,
            _seconds(t.spans[0]),
            _question(t),
            _scores(t),
        )
        for t in found
    ]
    table(
        ("trace", "time (UTC)", "status", "took", "question", "score"),
        rows,
        right=("took",),
        empty="no trace yet; ask something",
    )


def _question(trace: Trace) -> str:
    asked = trace.spans[0].input
    return short(str(asked.get("question", asked)) if isinstance(asked, dict) else str(asked or ""), 60)


def _scores(trace: Trace) -> str:
    return ", ".join(f"{name} {value:+g}" for name, value in trace.scores.items())


def _seconds(span: Span) -> str:
    return f"{(span.end - span.start) * 1000:,.0f} ms"


@app.command("show")
def show_trace(
    context: typer.Context,
    trace: Annotated[str, typer.Argument(help="The trace's id, or its beginning.")],
    full: Annotated[bool, typer.Option("--full", help="Whole inputs and outputs.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Draw the steps of an answer, and name the step at fault where a rule can tell."""
    here = place(context)
    found = asyncio.run(_read(here, wanted=trace))
    if not found:
        raise StoreError(f"there is no trace {trace!r}: `twin traces list` shows those that are kept")
    fault = asyncio.run(fault_of(here, found[0], asyncio.run(_read(here, limit=USUAL))))
    if not show({"trace": found[0], "fault": fault}, output):
        _draw(found[0], full=full)
        if fault:
            console().print(safe(f"\nstep at fault: {fault.step}: {fault.reason} ({fault.detail})"))


def _draw(trace: Trace, *, full: bool) -> None:
    from rich.tree import Tree

    root = trace.spans[0]
    about = f"{trace.status}, release {trace.release or '-'}, index {trace.index or '-'}, model {trace.model or '-'}"
    nodes = {root.id: Tree(safe(f"{trace.id}  {_seconds(root)}  {about}"))}
    for span in trace.spans[1:]:
        parent = nodes.get(span.parent, nodes[root.id])
        used = f"  {span.usage.prompt} + {span.usage.completion} tokens" if span.usage else ""
        node = nodes[span.id] = parent.add(safe(f"{span.name}  {_seconds(span)}  {span.status}{used}"))
        for label, value in (
            ("in", span.input),
            ("out", span.output),
            ("", dict(span.attributes) or None),
            ("error", span.error or None),
        ):
            if value is not None:
                text = str(value)
                node.add(safe(f"{label} {text if full else short(text, 160)}".strip()))
    console().print(nodes[root.id])
    if scores := _scores(trace):
        console().print(safe(f"{scores}  {trace.comment}"))
