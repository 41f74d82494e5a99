"""The files of a shard <-> one compressed file. Knows no engine and no index.

An engine's files are mostly holes: 190 MB of them hold 7. So they are packed, with the log: without it the engine counts its
changes from nothing again and takes the next ones for old.
"""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from twin.errors import IndexStoreError

FASTEST = 1  # of gzip: holes cost little at any level, and a snapshot holds the writers
BLOCK = 64 << 10


def pack(folder: Path, file: Path) -> None:
    """Write everything below `folder` into `file`, the same bytes for the same files. Raises OSError."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", FASTEST, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=_plain)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs between machines: time, owner and rights."""
    info.mtime = info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o700 if info.isdir() else 0o600
    return info


def unpack(file: Path, folder: Path) -> None:
    """Make in `folder` what `pack` read, holes as holes. Raises IndexStoreError for anything else, OSError."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            for info in tar:
                _one(tar, info, folder)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as exc:
        raise IndexStoreError(f"{file}: is no snapshot of an index ({exc})") from exc


def _one(tar: tarfile.TarFile, info: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(info.name)
    if name.is_absolute() or ".." in name.parts or not (info.isdir() or info.isreg()):
        raise IndexStoreError(f"a snapshot of an index holds no {info.name!r}; it was made by something else")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(info)
    if content is None:
        target.mkdir(exist_ok=True)
        return
    with content, target.open("wb") as made:
        _copy(content, made)
        made.truncate(info.size)


def _copy(content: IO[bytes], made: IO[bytes]) -> None:
    """Blocks of nothing but zeros are skipped."""
    nothing = bytes(BLOCK)
    while block := content.read(BLOCK):
        if block == nothing[: len(block)]:
            made.seek(len(block), 1)
        else:
            made.write(block)
