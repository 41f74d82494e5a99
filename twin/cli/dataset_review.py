"""`twin dataset review`: scored answers -> preference examples that a person approved, one key each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import Output, OutputOption, console, safe, say, show
from twin.cli.place import Place, place
from twin.errors import DatasetError

if TYPE_CHECKING:
    from twin.dataset.ports import Reviews
    from twin.dataset.review import Proposal

APPROVE, TURN_DOWN, SKIP, QUIT = "y", "n", "s", "q"
KEYS = "y approve, n turn down, s skip for now, q quit"


@dataclass
class Reviewed:
    """What a review did; `waiting` proposals are still to be decided."""

    approved: int = 0
    turned_down: int = 0
    waiting: int = 0


def review(
    context: typer.Context,
    approve_all: Annotated[bool, typer.Option("--approve-all", help="Approve whatever waits, without looking at it.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Go through scored answers and approve those that should be learned from: y, n, s to skip, q to quit.

    Decisions are kept at once, so a review may be left at any time; `twin dataset build` takes what was approved.
    """
    keys = None if approve_all else _keys()
    if keys and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise DatasetError("a review needs a terminal to show examples and read keys: run it in one, or give --approve-all")
    done = asyncio.run(_reviewed(place(context), keys))
    if not show(done, output):
        say(f"{done.approved} approved, {done.turned_down} turned down, {done.waiting} waiting")


async def _reviewed(here: Place, keys: Iterator[str] | None) -> Reviewed:
    from twin.cli.teaching import reviews
    from twin.dataset.review import waiting
    from twin.drivers.sqlite.traces import TraceStore

    async with reviews(here) as store:
        traces = TraceStore(here.made() / "traces.db", kept=here.settings.traces_kept)
        await traces.open()
        try:
            found = await waiting(traces, store)
        finally:
            await traces.close()
        return await decide(found, store, keys)


async def decide(waiting: list[Proposal], store: Reviews, keys: Iterator[str] | None) -> Reviewed:
    """Ask for a key about each proposal, or approve all without one; every decision is kept before the next is asked for.

    One that somebody else decided meanwhile stays as they decided it, and is counted as neither.
    """
    done = Reviewed(waiting=len(waiting))
    for number, proposal in enumerate(waiting, 1):
        if keys:
            _print(proposal, number, len(waiting))
        pressed = next(keys) if keys else APPROVE
        if pressed == QUIT:
            break
        if pressed == SKIP:
            continue
        earlier = await store.decide(proposal.example, proposal.documents, approved=pressed == APPROVE)
        done.waiting -= 1
        if earlier is not None:
            say(f"somebody else {'approved' if earlier else 'turned down'} this one meanwhile; that stands")
        elif pressed == APPROVE:
            done.approved += 1
        else:
            done.turned_down += 1
    return done


def _print(proposal: Proposal, number: int, of: int) -> None:
    out, example = console(stderr=True), proposal.example
    out.rule(f"{number} of {of}")
    for label, text in (
        ("question", example.instruction),
        ("chosen", example.answer),
        ("rejected", example.rejected),
        ("why", proposal.why),
        ("comment", proposal.comment),
    ):
        if text:
            out.print(label, style="bold")
            out.print(safe(text), markup=False, highlight=False)
    out.print(KEYS)


def _keys() -> Iterator[str]:
    """The keys that mean something, as they are pressed; several may come at once. The end of input quits."""
    while True:
        try:
            pressed = typer.getchar().lower()
        except EOFError:
            pressed = QUIT
        yield from (one for one in pressed if one in {APPROVE, TURN_DOWN, SKIP, QUIT})
