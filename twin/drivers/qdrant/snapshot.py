"""An index of the engine <-> a folder that can be kept as an artifact: its recipe, and its shard packed. Blocking.

<folder>/index.json     name, recipe, when it was made
<folder>/shard.tar.gz   the engine's files
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from twin.digest import PREFIX
from twin.drivers.qdrant.pack import pack, unpack
from twin.drivers.qdrant.payload import Meta
from twin.errors import IndexStoreError
from twin.records import Chunk

RECIPE, SHARD = "index.json", "shard.tar.gz"


def documents_digest(chunks: Iterable[Chunk]) -> str:
    """What the passages were made from: of the lines `uri hash` of their documents, in order."""
    lines = sorted({f"{one.uri} {one.content_hash}\n" for one in chunks})
    return PREFIX + hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def save(place: Path, meta: Meta, into: Path) -> None:
    """Pack the shard below `place`, which nobody may write to meanwhile. Raises OSError."""
    into.mkdir(parents=True, exist_ok=True)
    pack(place / "shard", into / SHARD)
    told = msgspec.structs.replace(meta, recall=None, revisions={})  # both are another machine's business
    (into / RECIPE).write_bytes(msgspec.json.format(msgspec.json.encode(told)))


def told(saved: Path) -> Meta:
    """What `save` was told. Raises IndexStoreError when `saved` is no snapshot."""
    try:
        meta = msgspec.json.decode((saved / RECIPE).read_bytes(), type=Meta)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError) as exc:
        raise IndexStoreError(f"{saved}: is no snapshot of the engine's index; `twin index snapshot` makes one") from exc
    if meta.name != meta.spec.name or not (saved / SHARD).is_file():
        raise IndexStoreError(f"{saved}: is no whole snapshot of an index; take another")
    return meta


def unpacked(saved: Path, meta: Meta, folder: Path, engine: Any) -> Path:
    """The shard of a snapshot, made below `folder` and opened once, so that nothing that is broken replaces an index."""
    made = folder / f".restoring-{meta.name}"
    shutil.rmtree(made, ignore_errors=True)
    try:
        unpack(saved / SHARD, made / "shard")
        engine.EdgeShard.load(str(made / "shard")).close()
        _sync(made)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return made


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
