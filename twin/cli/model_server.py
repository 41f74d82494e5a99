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

from twin.cli.model import AdapterArgument, bases, pinned
from twin.cli.output import say
from twin.cli.place import Place, place
from twin.errors import SettingsError, TrainingError

if TYPE_CHECKING:
    from twin.drivers.vllm.launch import Launch


class Device(StrEnum):
    """What computes."""

    CPU = "cpu"
    GPU = "gpu"


NameOption = Annotated[str, typer.Option("--name", help="The name by which requests ask for it.")]


def serve(
    context: typer.Context,
    adapters: Annotated[list[str] | None, typer.Argument(metavar="[NAME=]ADAPTER", help="Adapters of the base.")] = None,
    base: Annotated[
        str, typer.Option("--base", help="The base: a folder, or a hub's name.", show_default="that of the first adapter")
    ] = "",
    name: NameOption = "base",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    device: Annotated[Device, typer.Option(help="What computes.")] = Device.GPU,
    context_length: Annotated[int, typer.Option("--context", min=0, help="Tokens at most; 0: what the model allows.")] = 0,
    max_rank: Annotated[int, typer.Option(min=1, help="The largest rank of an adapter that may be loaded.")] = 32,
    python: Annotated[
        Path | None, typer.Option(help="A Python that has vLLM, which pins its own torch.", show_default="this one")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command instead of becoming it.")] = False,
) -> None:
    """Become a vLLM server of a base with its adapters. Each adapter is verified first, and must be one of this base."""
    from twin.drivers.vllm.launch import Launch

    here = place(context)
    chosen = dict(_named(one) for one in adapters or ())
    launch = Launch(
        python=_python(python),
        base=_found(base) if base else _base_of(here, chosen),
        name=name,
        adapters=chosen,
        host=host,
        port=port,
        device="cpu" if device is Device.CPU else "gpu",
        context=context_length,
        max_lora_rank=max_rank,
    )
    _one_base(chosen)
    if dry_run:
        print(_shown(launch))
        return
    say(f"vLLM serves {', '.join([name, *chosen])} at http://{host}:{port}/v1")
    os.execve(launch.command()[0], launch.command(), {**os.environ, **launch.variables()})  # noqa: S606 - our own argument list


def load(
    context: typer.Context,
    adapter: AdapterArgument,
    name: NameOption = "candidate",
    url: Annotated[str, typer.Option(help="The model server, ending in /v1.", show_default="model_url")] = "",
) -> None:
    """Serve an adapter beside those of a running vLLM, in place of one of the same name. The server must see its folder."""
    here = place(context)
    address = url or here.settings.model_url
    if not address:
        raise SettingsError("no model server is known: give --url, or set TWIN_MODEL_URL")
    _, folder = _named(adapter)
    asyncio.run(_loaded(address, here.settings.model_key, name, folder))
    say(f"{folder} is served as {name}")


async def _loaded(address: str, key: str, name: str, folder: Path) -> None:
    from twin.drivers.openai.http import Server
    from twin.drivers.vllm.models import Models

    server = Server(address, key=key)
    models = Models(server)
    try:
        await models.load(name, folder)
    finally:
        await models.close()
        await server.close()


def _named(text: str) -> tuple[str, Path]:
    """`NAME=ADAPTER` or `ADAPTER`, whose name is then `twin`, with its files verified. Raises TrainingError, DigestError."""
    from twin.model.adapter import read_adapter

    name, found, rest = text.partition("=")
    folder, digest = pinned(rest if found else text)
    read_adapter(folder, digest)
    return (name if found else "twin"), folder.resolve()


def _base_of(here: Place, adapters: dict[str, Path]) -> Path:
    """The base that the first adapter was trained on: of our own making if it lies here, else a hub's name."""
    from twin.model.folder import record_of

    if not adapters:
        raise TrainingError("nothing to serve: give an adapter, or --base")
    name = str(record_of(next(iter(adapters.values())))["base"]["name"])
    made = bases(here) / name
    return made.resolve() if made.is_dir() else _found(name)


def _found(base: str) -> Path:
    """A folder as an absolute path; a hub's name as it is."""
    return Path(base).resolve() if Path(base).is_dir() else Path(base)


def _one_base(adapters: dict[str, Path]) -> None:
    from twin.model.folder import record_of

    found = {record_of(folder)["base"]["digest"]: name for name, folder in adapters.items()}
    if len(found) > 1:
        raise TrainingError(f"adapters of different bases cannot be served together: {', '.join(found.values())}")


def _python(given: Path | None) -> Path:
    if given is None and importlib.util.find_spec("vllm") is None:
        raise TrainingError("vLLM is not installed beside this program: give --python, a Python that has it")
    return given or Path(sys.executable)


def _shown(launch: Launch) -> str:
    import shlex

    variables = [f"{name}={shlex.quote(value)}" for name, value in launch.variables().items()]
    return " ".join([*variables, shlex.join(launch.command())])
