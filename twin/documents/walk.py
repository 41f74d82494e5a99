"""A folder on this machine -> its files: relative path, size, time, bytes. Reads no text.

Links are never followed, so nothing outside the folder is read; names that begin with a dot and folders of tools are left out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

LARGEST = 50_000_000  # bytes of one file
TOOLS = frozenset({"node_modules", "__pycache__", "CVS", "__MACOSX", "venv", "site-packages"})


class ReadError(OSError):
    """One file could not be read as it was listed; the message says why."""


class Entry(NamedTuple):
    """A file. `path` is relative, with `/`, and may hold surrogates; `token` changes when the file does.

    A tuple, which is quick to make: an unchanged folder makes thousands of them to be compared once.
    """

    path: str
    size: int
    token: str


@dataclass(slots=True)
class Listing:
    """Every file of a folder. `unreadable` are folders that could not be listed, `links` what was not followed."""

    entries: list[Entry] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def walk(root: Path) -> Listing:
    """List a folder. Raises OSError when `root` itself cannot be listed."""
    listing = Listing()
    todo = [("", os.fspath(root))]
    while todo:
        prefix, folder = todo.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    _take(entry, prefix, listing, todo)
        except OSError as exc:
            if not prefix:
                raise
            if not isinstance(exc, FileNotFoundError):
                listing.unreadable.append((prefix.rstrip("/"), exc.strerror or type(exc).__name__))
    listing.entries.sort()
    return listing


def _take(entry: os.DirEntry[str], prefix: str, listing: Listing, todo: list[tuple[str, str]]) -> None:
    name = entry.name
    if name[0] == ".":
        return
    if entry.is_file(follow_symlinks=False):
        try:
            seen = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        listing.entries.append(Entry(prefix + name, seen.st_size, f"{seen.st_size}-{seen.st_mtime_ns}"))
    elif entry.is_symlink():
        listing.links.append(prefix + name)
    elif entry.is_dir(follow_symlinks=False) and name not in TOOLS:
        todo.append((f"{prefix}{name}/", entry.path))


def read(root: Path, entry: Entry) -> bytes | None:
    """The bytes of a listed file; None when it is gone. Raises OSError, and ReadError when it changed since."""
    try:
        descriptor = os.open(root / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(LARGEST + 1)
        after = os.fstat(descriptor)
    if not stat.S_ISREG(after.st_mode) or f"{after.st_size}-{after.st_mtime_ns}" != entry.token:
        raise ReadError("it changed while it was read; the next run takes it")
    return data


def is_left_out(parts: Sequence[str]) -> bool:
    """Whether a path, as its parts, is hidden, a tool's, or leads elsewhere."""
    return any(part in TOOLS or part in ("", "..") or part.startswith(".") for part in parts)
