"""`twin doctor`: every configured thing -> whether it works, and what to do when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import typer

from twin.cli.output import Output, OutputOption, show, table
from twin.cli.place import Place, place
from twin.errors import IndexStoreError, RefusedError, SettingsError, SourcesError, TwinError
from twin.settings import mask


@dataclass(frozen=True)
class Finding:
    """What one check found; `said` holds the remedy when it is not `ok`."""

    check: str
    ok: bool
    said: str


def doctor(context: typer.Context, output: OutputOption = Output.TABLE) -> None:
    """Check everything that is configured and say what to do. Exit status 1 when something is wrong."""
    here = place(context)
    findings = asyncio.run(examined(here))
    if not show(findings, output):
        table(("", "check", "finding"), [("ok" if f.ok else "FAIL", f.check, f.said) for f in findings])
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


async def examined(here: Place) -> list[Finding]:
    """All checks, in the order of the data; a failed one does not stop the next."""
    checks: dict[str, Callable[[Place], Awaitable[str]]] = {
        "sources": _sources,
        "documents": _documents,
        "embedder": _embedder,
        "index": _index,
        "model server": _model,
        "keys": _keys,
        "opik": _opik,
    }
    return [await _one(name, check, here) for name, check in checks.items()]


async def _one(name: str, check: Callable[[Place], Awaitable[str]], here: Place) -> Finding:
    try:
        return Finding(name, ok=True, said=await check(here))
    except TwinError as exc:
        return Finding(name, ok=False, said=str(exc))


async def _sources(here: Place) -> str:
    from twin.documents.declare import read_sources

    if not here.sources.is_file():
        raise SourcesError(f"{here.sources}: there is no such file; `twin init` makes one")
    found = read_sources(here.sources)
    return f"{len(found)} in {here.sources}: {', '.join(one.name for one in found)}"


async def _documents(here: Place) -> str:
    from twin.cli.wiring import documents

    async with documents(here) as store:
        counts = [await store.count(source) for source in await store.revisions()]
    where = mask(here.settings.documents_url) if here.settings.documents_url else str(here.home / "documents.db")
    said = f"{sum(counts)} in {where}"
    return said if counts else f"{said}; `twin documents sync` fetches them"


async def _embedder(here: Place) -> str:
    from twin.cli.wiring import embedder

    async with embedder(here) as model:
        vector = await model.embed_query("Is this thing on?")
        return f"{model.name}, dimension {len(vector)}"


async def _index(here: Place) -> str:
    from twin.cli.wiring import embedder, indexes
    from twin.index.build import check_embedder

    async with indexes(here) as store, embedder(here) as model:
        live = next((info for info in await store.list() if info.live), None)
        if live is None:
            raise IndexStoreError("no index is live: run `twin index build --switch`")
        try:
            check_embedder(live.spec, model, live.name)
        except RefusedError as exc:
            raise IndexStoreError(str(exc)) from exc
        return f"{live.name} is live with {live.chunks} chunks"


async def _model(here: Place) -> str:
    s = here.settings
    if not s.model_url:
        return "none is set: answers are extractive (TWIN_MODEL_URL and TWIN_MODEL_NAME set one)"
    from contextlib import AsyncExitStack

    from twin.cli.answering import generator

    async with AsyncExitStack() as stack:
        made = await generator(here, stack)
        served = await made.models() if made else []
    if s.model_name not in served:
        raise SettingsError(f"{mask(s.model_url)} does not serve {s.model_name!r}; it serves {', '.join(served) or 'nothing'}")
    return f"{s.model_name} at {mask(s.model_url)}"


async def _keys(here: Place) -> str:
    from twin.cli.wiring import keys

    found = keys(here).list()
    return f"{len(found)}" if found else "none: only loopback is served (`twin keys create` makes one)"


async def _opik(here: Place) -> str:
    if not here.settings.opik_url:
        return "not set: traces stay here (`twin traces list`)"
    from urllib.error import URLError
    from urllib.request import urlopen

    url = here.settings.opik_url.rstrip("/") + "/is-alive/ping"
    try:
        with await asyncio.to_thread(urlopen, url, timeout=5) as reply:
            return f"{mask(here.settings.opik_url)} answers {reply.status}"
    except (URLError, OSError, ValueError) as exc:
        raise SettingsError(
            f"{mask(here.settings.opik_url)}: does not answer ({exc}); traces are kept here and dropped there"
        ) from exc
