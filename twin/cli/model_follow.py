"""`twin model follow`: release.yaml, again and again -> its adapter served by the vLLM beside this process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import say
from twin.cli.place import Place, place

if TYPE_CHECKING:
    from twin.drivers.vllm.adapters import Wanted
    from twin.drivers.vllm.follow import Follower

EVERY = 5.0  # seconds between two looks


def follow(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Look once; exit status 1 when the server does not serve what it should.")
    ] = False,
) -> None:
    """Keep a running vLLM's adapters equal to release.yaml's, until Ctrl-C or SIGTERM: the sidecar of a model server.

    Adapters are fetched by digest into adapters_folder, which the server must see. The file `ready` there is for a probe.
    """
    if asyncio.run(_followed(place(context), once=once)):
        raise typer.Exit(1)


async def _followed(here: Place, *, once: bool) -> bool:
    from twin.cli.wiring import adapters_folder, artifacts, models
    from twin.drivers.vllm.adapters import Adapters
    from twin.drivers.vllm.follow import Follower

    async with models(here) as server:
        here.made()
        folder = adapters_folder(here)
        adapters, ready = Adapters(server, artifacts(here), folder), folder / "ready"
        ready.unlink(missing_ok=True)  # a former process's
        return await _look(Follower(server, adapters, lambda: _wanted(here), ready), once=once)


async def _look(follower: Follower, *, once: bool) -> bool:
    """Look until stopped, or `once`; True when something was wrong at the end."""
    before: tuple[str, ...] | None = None
    while True:
        problems = await follower.look()
        if problems != before:
            for one in problems:
                say(f"not served: {one}")
            if not problems:
                say("the model server serves what the release names")
        if once:
            return bool(problems)
        before = problems
        await asyncio.sleep(EVERY)


def _wanted(here: Place) -> list[Wanted]:
    """The adapter of release.yaml, and the candidate's where a share of conversations is its. Raises ReleaseError."""
    from services.gateway.standing import wanted
    from twin.cli.wiring import candidate, release
    from twin.drivers.vllm.adapters import Wanted

    pins, beside = release(here), candidate(here)
    model = [wanted(pins.model)] if pins and pins.model else []
    return [*model, *([Wanted(beside)] if beside else [])]
