"""Files -> the digests by which datasets, adapters and reports are pinned. Standard library only; knows no stage."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

PREFIX = "sha256:"
DIGITS = 12  # of a digest, in names of folders and of what is served


def bytes_digest(data: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """The same of a file, read in pieces. Raises OSError."""
    with path.open("rb") as file:
        return PREFIX + hashlib.file_digest(file, "sha256").hexdigest()


def folder_files(folder: Path, exclude: Collection[str] = ()) -> dict[str, str]:
    """The digest of each file below `folder` by its path with slashes, sorted; links are not followed. Raises OSError."""
    found = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    }
    return {name: file_digest(found[name]) for name in sorted(found) if name not in exclude}


def short(digest: str) -> str:
    """The first digits, by which people and folders call what has this digest."""
    return digest.removeprefix(PREFIX)[:DIGITS]


def files_digest(files: Mapping[str, str]) -> str:
    """One digest of many files: of the lines `path digest` in the order of the paths."""
    return bytes_digest("".join(f"{name} {files[name]}\n" for name in sorted(files)).encode())
