"""What was typed, or release.yaml -> adapters in folders of their own, verified, each under the name that it is served by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.cli import kept
from twin.cli.model import bases, pinned
from twin.cli.place import Place
from twin.cli.wiring import adapters_folder, candidate, release
from twin.errors import TrainingError
from twin.records import Artifact


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that can be served. `record` is its twin.json."""

    name: str
    folder: Path
    record: Mapping[str, Any]


NAME = re.compile(r"[\w.-]+")
_NAMED = re.compile(rf"\s*({NAME.pattern})\s*=(.*)", re.DOTALL)  # an address may hold = as well


def named(text: str) -> tuple[str, str]:
    """`NAME=PIN` or `PIN` as a name, which may be empty, and a pin."""
    found = _NAMED.fullmatch(text)
    return (found[1], found[2].strip()) if found else ("", text.strip())


async def typed(here: Place, text: str, name: str = "") -> Adapter:
    """`NAME=ADAPTER` or `ADAPTER`: a folder, FOLDER#sha256:... or what a store keeps, uri#sha256:... A name that is not given
    is made of the digest. Raises TrainingError, ArtifactError and DigestError.
    """
    from twin.drivers.vllm.adapters import served_name
    from twin.model.adapter import read_adapter

    given, wanted = named(text)
    folder, digest = pinned(await kept.fetched(here, wanted, adapters_folder(here)))
    record = await asyncio.to_thread(read_adapter, folder, digest)
    return Adapter(name or given or served_name(record["digest"]), folder.resolve(), record)


async def released(here: Place) -> list[Adapter]:
    """The adapter of release.yaml and, where a share of conversations is its, the candidate. Raises ReleaseError, too."""
    pins = release(here)
    if pins is None or pins.model is None:
        raise TrainingError(f"nothing to serve: {here.settings.release_file} pins no adapter; give one, or --base")
    wanted = [Artifact.parse(pins.model.adapter), candidate(here)]
    return [await typed(here, str(one)) for one in dict.fromkeys(wanted) if one]


def together(adapters: Sequence[Adapter]) -> None:
    """Raise TrainingError for adapters that one server cannot serve: of different bases, or trained in different forms."""
    for key, what in (("base", "bases"), ("chat_template", "chat templates")):
        found = {_digest(one.record[key]): one.name for one in adapters}
        if len(found) > 1:
            raise TrainingError(f"adapters of different {what} cannot be served together: {', '.join(found.values())}")


def _digest(value: Any) -> str:
    return str(value["digest"] if isinstance(value, Mapping) else value)


def base_of(here: Place, adapters: Sequence[Adapter], given: str) -> tuple[Path, str]:
    """The base to serve and, for a hub's, its revision: the one that was asked for, if the adapters were trained on it.

    Raises TrainingError when nothing says which base, or it is another one than the adapters'.
    """
    if not adapters:
        if not given:
            raise TrainingError("nothing to serve: give an adapter, or --base")
        return (Path(given).resolve() if Path(given).is_dir() else Path(given)), ""
    trained = adapters[0].record["base"]
    made = bases(here) / str(trained["name"])
    base = Path(given or (made if made.is_dir() else str(trained["name"])))
    if base.is_dir():
        _check(base, trained, adapters[0])
        return base.resolve(), ""
    if str(base) != str(trained["name"]):
        raise TrainingError(
            f"{adapters[0].folder}: was trained on {trained['name']}, not on {base}: it works on its base alone"
        )
    return base, str(trained.get("revision") or "")


def _check(base: Path, trained: Mapping[str, Any], adapter: Adapter) -> None:
    from twin.model.base import folder_digest

    found = folder_digest(base)
    if found != trained["digest"]:
        raise TrainingError(
            f"{adapter.folder}: was trained on {trained['name']} {trained['digest']}, but {base} is {found}: it works on its"
            " base alone"
        )
