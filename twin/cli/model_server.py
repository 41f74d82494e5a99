"""`twin model serve|load`: a base and its adapters -> a running vLLM, and one more adapter beside them while it runs."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.model import AdapterArgument
from twin.cli.output import say
from twin.cli.place import Place, place
from twin.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.cli.adapters import Adapter
    from twin.drivers.vllm.launch import Launch

TEMPLATE = "chat_template.jinja"  # of an adapter: how it was trained, and so how it is served


class Device(StrEnum):
    """What computes."""

    CPU = "cpu"
    GPU = "gpu"


def serve(
    context: typer.Context,
    adapters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=]ADAPTER", help="Folders, or uri#sha256:... of kept ones.", show_default="that of release.yaml"
        ),
    ] = None,
    base: Annotated[
        str, typer.Option("--base", help="The base: a folder, or a hub's name.", show_default="that of the adapters")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="The name by which requests ask for the base.")] = "base",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    device: Annotated[Device, typer.Option(help="What computes.")] = Device.GPU,
    context_length: Annotated[int, typer.Option("--context", min=0, help="Tokens at most; 0: what the model allows.")] = 0,
    max_rank: Annotated[
        int, typer.Option(min=0, help="The largest rank of an adapter that may be loaded.", show_default="32, or the adapters'")
    ] = 0,
    python: Annotated[
        Path | None, typer.Option(help="A Python that has vLLM, which pins its own torch.", show_default="this one")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command instead of becoming it.")] = False,
) -> None:
    """Become a vLLM server of a base with its adapters: those of release.yaml, or those that are given.

    Each adapter is verified first, and must be one of this base. Its name is made of its digest where none is given.
    """
    from twin.cli.adapters import base_of, released, together
    from twin.drivers.vllm.launch import Launch

    here = place(context)
    chosen = asyncio.run(_all(here, adapters)) if adapters else [] if base else asyncio.run(released(here))
    together(chosen)
    where, revision = base_of(here, chosen, base)
    launch = Launch(
        python=_python(python),
        base=where,
        revision=revision,
        name=name,
        adapters={one.name: one.folder for one in chosen},
        chat_template=chosen[0].folder / TEMPLATE if chosen else None,
        host=host,
        port=port,
        device="cpu" if device is Device.CPU else "gpu",
        context=context_length,
        max_lora_rank=_rank(chosen, max_rank),
    )
    if dry_run:
        print(_shown(launch))
        return
    say(f"vLLM serves {', '.join([name, *launch.adapters])} at http://{host}:{port}/v1")
    os.execve(launch.command()[0], launch.command(), {**os.environ, **launch.variables()})  # noqa: S606 - our own argument list


async def _all(here: Place, texts: list[str]) -> list[Adapter]:
    from twin.cli.adapters import typed

    return [await typed(here, text) for text in texts]


def load(
    context: typer.Context,
    adapter: AdapterArgument,
    name: Annotated[
        str, typer.Option("--name", help="The name by which requests ask for it.", show_default="made of its digest")
    ] = "",
    url: Annotated[str, typer.Option(help="The model server, ending in /v1.", show_default="model_url")] = "",
) -> None:
    """Serve an adapter beside those of a running vLLM, in place of one of the same name. The server must see its folder."""
    loaded = asyncio.run(_loaded(place(context), url, adapter, name))
    say(f"{loaded.folder} is served as {loaded.name}")


async def _loaded(here: Place, url: str, adapter: str, name: str) -> Adapter:
    from twin.cli.adapters import typed
    from twin.cli.wiring import models
    from twin.drivers.vllm.adapters import fits_server

    async with models(here, url) as server:
        found = await typed(here, adapter, name)
        fits_server(found.record, await server.served())
        await server.load(found.name, found.folder)
    return found


def _rank(adapters: Sequence[Adapter], asked: int) -> int:
    """The largest rank that the server is to load. Raises TrainingError when an adapter's is larger than what was asked."""
    from twin.model.adapter import rank_of

    ranks = {one.folder: rank_of(one.folder) for one in adapters}
    for folder, rank in ranks.items():
        if asked and rank > asked:
            raise TrainingError(f"{folder}: has rank {rank}, above --max-rank {asked}: raise it, or train with a lower rank")
    return asked or max([32, *ranks.values()])


def _python(given: Path | None) -> Path:
    if given is None and importlib.util.find_spec("vllm") is None:
        raise TrainingError("vLLM is not installed beside this program: give --python, a Python that has it")
    return given or Path(sys.executable)


def _shown(launch: Launch) -> str:
    import shlex

    variables = [f"{name}={shlex.quote(value)}" for name, value in launch.variables().items()]
    return " ".join([*variables, shlex.join(launch.command())])
