"""What a model server lists under the two names of an evaluation -> whether that is what was claimed, and how much fits.

A name proves nothing: what is served under it may be another adapter than the one in the folder that was named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twin.errors import ReleaseError

if TYPE_CHECKING:
    from twin.drivers.vllm.models import Models, Served
    from twin.release.report import Model

_NAMED = re.compile(r"(?:\A|[^0-9a-f])([0-9a-f]{12,64})\Z")  # folders of adapters are named by the first digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What is known of a server. `folders` are those of the models that can be read here, by name; `context` are the tokens
    that both models take, 0 where the server does not say; `notes` say what was taken on trust.
    """

    vllm: bool
    listed: tuple[Served, ...]
    context: int
    folders: Mapping[str, Path]
    notes: tuple[str, ...]


async def matched(models: Models, where: str, sides: Sequence[Model], folders: Mapping[str, Path]) -> Serving:
    """The server at `where`, whose two `sides` were claimed to be what lies in `folders` or has their digests.

    Raises ReleaseError when it serves no such name, or something else under it; TrainingError and UpstreamError.
    """
    listed = {one.name: one for one in await models.served()}
    found, notes = dict(folders), []
    for side in sides:
        if listed and side.name not in listed:
            raise ReleaseError(
                f"the model server at {where} serves no {side.name!r} but {', '.join(listed)}; `twin model load` adds it"
            )
        folder, note = _held(side, listed.get(side.name), folders.get(side.name))
        notes += [note] if note else []
        if folder:
            found[side.name] = folder
    contexts = [_context(listed, side.name) for side in sides]
    return Serving(
        vllm=any(one.owner == "vllm" for one in listed.values()),
        listed=tuple(listed.values()),
        context=min((one for one in contexts if one), default=0),
        folders=found,
        notes=tuple(notes),
    )


def _held(side: Model, listed: Served | None, folder: Path | None) -> tuple[Path | None, str]:
    """The folder of `side` if it can be read, and a note when nothing tells that it is what is served."""
    root = Path(listed.root) if listed and listed.root else None
    if root and root.is_absolute() and os.access(root, os.R_OK | os.X_OK) and root.is_dir():
        if not (folder and folder.resolve() == root.resolve()):
            _same(side, root, _digest_of(root))
        return folder or root, ""
    if root and (named := _NAMED.search(root.name)):
        _same(side, root, f"sha256:{named[1]}")
        return folder, ""
    return folder, f"That {side.name!r} is what its digest says was taken on trust: the server shows no folder of it here."


def _digest_of(root: Path) -> str:
    from twin.model.base import folder_digest

    return folder_digest(root)


def _same(side: Model, root: Path, found: str) -> None:
    if side.digest and not side.digest.startswith(found):
        raise ReleaseError(
            f"{side.name!r} is served from {root}, which is {found}, but {side.digest} was claimed: load the right one with "
            f"`twin model load --name {side.name}`"
        )


def _context(listed: Mapping[str, Served], name: str) -> int:
    """Of an adapter it is its base's: a vLLM lists it there alone."""
    one = listed.get(name)
    if one and not one.context and one.parent in listed:
        return listed[one.parent].context
    return one.context if one else 0
