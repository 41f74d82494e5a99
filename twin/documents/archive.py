"""Zips on this machine -> their files: path, size, checksum, bytes. Nothing is unpacked, so no name in a zip leads anywhere.

Notion puts the parts of a large export as zips into a zip; what a part holds stands where it would without it. Only such
parts are opened, one level deep. What is large, many or unfolds beyond reason is refused before it is read. Reads no text.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from twin.documents.walk import LARGEST, Entry, ReadError, is_left_out

MOST_FILES = 500_000  # of all zips of one run
LARGEST_PART = 4_000_000_000  # bytes of a zip inside a zip
MOST_PARTS = 200
RATIO, RATIO_FROM = 200, 100_000_000  # unfolding and unfolded bytes beyond which a zip is a bomb; text shrinks to a tenth


class ArchiveError(ValueError):
    """A zip is broken or beyond the bounds; the message says which."""


@dataclass(slots=True)
class Archives:
    """The zips of one run, open until it ends. Of two files of one path the later counts, as for zip programs."""

    _open: ExitStack = field(default_factory=ExitStack)
    _members: dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]] = field(default_factory=dict)
    _parts: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def add(self, file: Path | IO[bytes], prefix: str = "") -> list[Entry]:
        """The files of a zip, below `prefix`. Raises OSError and ArchiveError."""
        try:
            archive = self._open.enter_context(zipfile.ZipFile(file))
            members = dict(_members(archive))
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as exc:
            raise ArchiveError(f"a broken zip ({exc}); get it again") from exc
        _check(archive, len(self._members))
        self._members |= {prefix + path: (archive, info) for path, info in members.items()}
        return [Entry(prefix + path, info.file_size, f"{info.file_size}-{info.CRC:08x}") for path, info in members.items()]

    def add_part(self, entry: Entry) -> list[Entry]:
        """The files of a zip that is itself a file of one of these. Raises OSError and ArchiveError."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise ArchiveError(f"one of more than {MOST_PARTS} zips in a zip; unpack it and name the folder")
        if entry.size > LARGEST_PART:
            raise ArchiveError(f"a zip in a zip, of more than {LARGEST_PART:,} bytes; unpack it and name the folder")
        archive, info = self._members[entry.path]
        copy = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - a zip is read from its end
        try:
            with archive.open(info) as member:
                shutil.copyfileobj(member, copy)  # no more than the size that it declares
        except OSError:
            raise
        except Exception as exc:  # the decompressors' errors have no common root
            raise ArchiveError(f"a broken zip ({type(exc).__name__}: {exc}); get it again") from exc
        prefix, slash, _ = entry.path.rpartition("/")
        return self.add(copy, prefix + slash)

    def holds(self, path: str) -> bool:
        return path in self._members

    def read(self, path: str) -> bytes | ReadError:
        """The bytes of a file that `add` has listed."""
        archive, info = self._members[path]
        try:
            with archive.open(info) as member:
                return member.read(LARGEST + 1)
        except Exception as exc:  # noqa: BLE001 - BadZipFile, zlib.error, LZMAError and their like have no common root
            return ReadError(f"broken in the zip: {type(exc).__name__}: {exc}")


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    for info in archive.infolist():
        parts = info.filename.replace("\\", "/").split("/")
        if not info.is_dir() and not is_left_out(parts):
            yield "/".join(parts), info


def _check(archive: zipfile.ZipFile, already: int) -> None:
    """Raise ArchiveError for a zip that would keep us busy without end."""
    infos = archive.infolist()
    if already + len(infos) > MOST_FILES:
        raise ArchiveError(f"more than {MOST_FILES:,} files in a zip; unpack it and name the folder")
    unfolded = sum(info.file_size for info in infos)
    packed = archive.start_dir  # bytes before the table of contents: what all files take, however often they are listed
    if unfolded > RATIO_FROM and unfolded > RATIO * packed:
        raise ArchiveError(f"{packed:,} bytes that unfold to {unfolded:,}: a decompression bomb")
