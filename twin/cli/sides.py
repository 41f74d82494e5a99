"""What was typed, or what runs -> the two models of an evaluation, by name and digest, both served.

NAME=PIN is a model that the server has already under that name. A pin alone is loaded, under a name that its digest makes, so
a workflow needs no step for that; the model server must see the folder of adapters.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twin.cli import kept
from twin.cli.adapters import NAME, named
from twin.cli.place import Place
from twin.errors import ReleaseError, UpstreamError

if TYPE_CHECKING:
    from twin.cli.adapters import Adapter
    from twin.drivers.vllm.models import Models, Served
    from twin.release.report import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is compared; `folders` are those that were named, by the models' names."""

    candidate: Model
    running: Model
    folders: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class _Side:
    model: Model
    folder: Path | None
    adapter: Adapter | None = None  # which is to be loaded


def sides(here: Place, candidate: str, running: str, base: str, *, wait: float = 0.0) -> Sides:
    """Candidate and what runs: as typed, else the adapter of release.yaml, else the server's base.

    A server that is not there yet has `wait` seconds to come, as one that starts beside this step does.

    Raises ReleaseError, TrainingError, DigestError, ArtifactError and UpstreamError.
    """
    from twin.cli.wiring import release

    if running and base:
        raise ReleaseError("give --running or --base, not both")
    if not (running or base):
        pins = release(here)
        running = pins.model.adapter if pins and pins.model else ""
    one = _adapter(here, candidate, "--candidate")
    other = _adapter(here, running, "--running") if running else _base(base) if base else None
    to_load = [side.adapter for side in (one, other) if side and side.adapter]
    listed = asyncio.run(_served(here, to_load, wait)) if to_load or other is None or wait else ()
    other = other or _base_of(one, listed)
    folders = {side.model.name: side.folder for side in (one, other) if side.folder}
    return Sides(candidate=one.model, running=other.model, folders=folders)


def _adapter(here: Place, text: str, option: str) -> _Side:
    from twin.cli.adapters import typed
    from twin.cli.wiring import adapters_folder
    from twin.release.report import Model

    name, pin = _split(text)
    if not (name or pin) or pin.startswith("="):
        raise ReleaseError(f"{option} {text!r}: give [NAME=]FOLDER or [NAME=]uri#sha256:..., NAME being the model server's")
    if not name:
        found = asyncio.run(typed(here, pin))
        return _Side(Model(name=found.name, digest=found.record["digest"]), found.folder, found)
    local = kept.folder(here, pin, adapters_folder(here))
    return _Side(Model(name=name, digest=_digest(local, foreign=False)), _folder(local))


def _split(text: str) -> tuple[str, str]:
    """Name and pin, either of which may be empty: a bare name is of what is served, but not pinned, and the gate says so."""
    name, pin = named(text)
    return (pin, "") if NAME.fullmatch(pin) and not (name or Path(pin).is_dir()) else (name, pin)


def _base(text: str) -> _Side:
    from twin.release.report import Model

    name, pin = _split(text)
    if not name:
        raise ReleaseError(f"--base {text!r}: give NAME=FOLDER or NAME=sha256:..., NAME being what the model server calls it")
    return _Side(Model(name=name, digest=_digest(pin, foreign=True), kind="base"), _folder(pin))


def _base_of(candidate: _Side, listed: Sequence[Served]) -> _Side:
    """The server's base, which is that of the candidate. Raises ReleaseError where nothing says which base that is."""
    from twin.model.folder import record_of
    from twin.release.report import Model

    served = next((one for one in listed if not one.parent), None)
    if served is None or candidate.folder is None:
        raise ReleaseError("nothing runs yet, so the candidate is compared with the base: give it as --base NAME=PIN")
    return _Side(Model(name=served.name, digest=str(record_of(candidate.folder)["base"]["digest"]), kind="base"), None)


async def _served(here: Place, adapters: Sequence[Adapter], wait: float) -> Sequence[Served]:
    """What the model server lists once `adapters` are among it."""
    from twin.cli.wiring import models
    from twin.drivers.vllm.adapters import fits_server

    async with models(here) as server:
        listed = await _waited(server, wait)
        for one in adapters:
            if one.name not in {there.name for there in listed}:
                fits_server(one.record, listed)
                await server.load(one.name, one.folder)
        return await server.served() if adapters else listed


async def _waited(server: Models, seconds: float) -> Sequence[Served]:
    """What the server lists, once it answers. Raises UpstreamError when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await server.served()
        except UpstreamError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(1)


def _folder(pin: str) -> Path | None:
    return Path(pin.partition("#")[0]) if pin and not pin.startswith("sha256:") else None


def _digest(pin: str, *, foreign: bool) -> str:
    """Of a folder, checked; `foreign` may be a hub's own, without our record."""
    if not pin or pin.startswith("sha256:"):
        return pin
    from twin.cli.model import pinned
    from twin.errors import DigestError
    from twin.model.base import folder_digest
    from twin.model.folder import RECORD, verify

    folder, wanted = pinned(pin)
    unsealed = foreign and folder.is_dir() and not (folder / RECORD).is_file()
    found = folder_digest(folder) if unsealed else str(verify(folder)["digest"])
    if wanted and found != wanted:
        raise DigestError(f"{folder}: is {found}, but {wanted} is asked for")
    return found
