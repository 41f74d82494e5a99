"""uri#sha256:... of the store of artifacts -> a folder here, fetched once and checked; and a folder -> its pin.

So a step on another machine takes what an earlier one made, by digest, where a person gives a folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.place import Place
from twin.digest import short
from twin.errors import ArtifactError

if TYPE_CHECKING:
    from twin.records import Artifact

KeepOption = Annotated[
    bool, typer.Option("--keep", help="Also put it into the store of artifacts, and print its pin: uri#sha256:...")
]


def parsed(text: str) -> Artifact:
    """`uri#sha256:...` as what it names. Raises ArtifactError."""
    from twin.records import Artifact

    try:
        return Artifact.parse(text)
    except ValueError as exc:
        raise ArtifactError(str(exc)) from exc


def pin_of(text: str) -> Artifact | None:
    """What `text` names in a store; None for a folder, be it FOLDER#sha256:... Raises ArtifactError."""
    return None if "#" not in text or Path(text.partition("#")[0]).exists() else parsed(text)


def folder(here: Place, text: str, room: Path) -> str:
    """The same as `fetched`, for a command that does nothing else meanwhile."""
    return text if pin_of(text) is None else asyncio.run(fetched(here, text, room))


async def fetched(here: Place, text: str, room: Path) -> str:
    """`text`, or FOLDER#sha256:... where it is a pin: fetched into `room`, under the digest's first digits.

    Raises ArtifactError and DigestError.
    """
    from twin.cli.wiring import artifacts

    kept = pin_of(text)
    if kept is None:
        return text
    here.made()
    out = room / short(kept.digest)
    await artifacts(here).get(kept, out)
    return f"{out}#{kept.digest}"


def keep(here: Place, path: Path, beside: Collection[str] = ()) -> str:
    """The pin of `path` once it is kept; files in `beside` are kept, too, but are not part of the digest.

    Raises ArtifactError.
    """
    from twin.cli.wiring import artifacts

    return str(asyncio.run(artifacts(here).put(path, beside=beside)))
