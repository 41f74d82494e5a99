"""`twin serve`, and `twin up`: sync, build, switch, serve."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.cli import documents, index
from twin.cli.output import say
from twin.cli.place import Place, place, started
from twin.cli.wiring import keys

if TYPE_CHECKING:
    from services.gateway.reviews import Desk
    from services.gateway.state import Gateway
    from twin.cli.answering import Answering
    from twin.records import Fault, Trace

HostOption = Annotated[str, typer.Option(help="Address to listen on; off loopback a key is needed.", show_default="host")]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.", show_default="port")]


def serve(context: typer.Context, host: HostOption = "", port: PortOption = None) -> None:
    """Serve the OpenAI-compatible API and the chat page until Ctrl-C or SIGTERM."""
    run(place(context), host, port)


def up(
    context: typer.Context,
    host: HostOption = "",
    port: PortOption = None,
    sources: documents.SourcesOption = None,
    allow_mass_delete: documents.MassDeletionOption = False,
) -> None:
    """Sync the sources, build the index, make it live and serve: the whole twin on one machine."""
    here = started(place(context, sources))
    refresh(here, allow_mass_delete=allow_mass_delete)
    run(here, host, port)


def refresh(here: Place, *, allow_mass_delete: bool = False) -> None:
    """Sync, build and switch. A source that failed is said and does not stop the rest."""
    reports = asyncio.run(documents.synced(here, (), allow_mass_delete=allow_mass_delete, dry_run=False))
    documents.print_reports(reports)
    made = asyncio.run(index.built(here, allow_mass_delete=allow_mass_delete))
    index.print_build(made)
    if gate := asyncio.run(index.stay_live(here, made)):
        index.print_switch(gate)


def run(here: Place, host: str = "", port: int | None = None, on_ready: Any = None) -> None:
    """Serve until a signal ends it. Raises SettingsError when it may not or cannot listen."""
    import uvloop

    uvloop.run(_served(here, host or here.settings.host, here.settings.port if port is None else port, on_ready))


async def _served(here: Place, host: str, port: int, on_ready: Any) -> None:
    from services.gateway.logs import configure
    from services.gateway.serve import serve as listen
    from twin.cli.answering import answering

    async with answering(here) as parts, AsyncExitStack() as stack:
        configure(parts.answerer.release, sys.stderr)
        await parts.embedder.embed_query("ready?")  # one that fails is said now, and the first question waits for no model
        state = await _gateway(here, parts, stack)
        if not await parts.index.live():
            say("no index is live yet: /readyz says so until `twin index build --switch` made one")
        await listen(state, host, port, drain_timeout=here.settings.drain_timeout, on_ready=on_ready or _said_ready)


def _said_ready(address: str) -> None:
    say(f"serving on {address} (chat page; API below {address}/v1); Ctrl-C ends it")


async def _gateway(here: Place, parts: Answering, stack: AsyncExitStack) -> Gateway:
    from services.gateway.limits import Admission
    from services.gateway.state import Gateway
    from twin.cli.faults import USUAL, fault_of
    from twin.cli.standing import canary, standing

    async def find_fault(trace: Trace) -> Fault | None:
        return await fault_of(here, trace, await parts.sinks.local.list(USUAL))

    s = here.settings
    held = await standing(here, parts, stack)
    return Gateway(
        answerer=replace(parts.answerer, canary=canary(here, parts, held)),
        standing=held,
        searcher=parts.index,
        embedder=parts.embedder,
        embedder_name=parts.embedder.name,
        sink=parts.sinks,
        traces=parts.sinks.local,
        desk=await _desk(here, parts, stack),
        keys=keys(here),
        admission=Admission(s.concurrency, s.queue, s.queue_timeout),
        release=parts.answerer.release,
        upstream=parts.generator,
        upstream_url=s.model_url.rstrip("/"),
        upstream_headers={"authorization": f"Bearer {s.model_key}"} if s.model_key else {},
        on_feedback=parts.sinks.opik.score if parts.sinks.opik else None,
        find_fault=find_fault,
        passages=s.passages,
        connect_timeout=s.connect_timeout,
        first_token_timeout=s.first_token_timeout,
        idle_timeout=s.idle_timeout,
        total_timeout=s.total_timeout,
    )


async def _desk(here: Place, parts: Answering, stack: AsyncExitStack) -> Desk:
    from services.gateway.reviews import Desk
    from twin.cli.teaching import reviews

    return Desk(parts.sinks.local, await stack.enter_async_context(reviews(here)))
