"""A dataset in the making -> a folder that appears whole or not at all; and back from a folder to its manifest and examples.

Everything is written into a hidden folder beside the place where it will stand, held by a lock that ends with the process, and
renamed when it is whole. What a killed build left is removed by the next one. Knows no filter and no generator.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, Self

import msgspec

from twin.dataset.manifest import SCHEMA, Manifest
from twin.dataset.ports import Spill, Table
from twin.digest import files_digest, folder_files, short
from twin.drivers.jsonl import JsonlSpill, JsonlTable, read_jsonl
from twin.drivers.parquet import ParquetTable, read_parquet
from twin.errors import DatasetError, DigestError
from twin.records import Example

MANIFEST = "manifest.json"
MAKING = ".making"
SPILL = "spill.jsonl"
READERS: Mapping[str, Callable[[Path], Iterator[Example]]] = {"parquet": read_parquet, "jsonl": read_jsonl}


class _File(Protocol):
    def add(self, example: Example) -> None: ...

    def close(self) -> None: ...


WRITERS: Mapping[str, Callable[[Path], _File]] = {"parquet": ParquetTable, "jsonl": JsonlTable}


class FolderShelf:
    """A dataset that will stand at `out`, or below `home` under the first digits of its digest. One at a time in a place."""

    def __init__(self, home: Path, format: str, out: Path | None = None) -> None:
        self.format = format
        self._home = out.absolute().parent if out else home
        self._out = out.absolute() if out else None
        self._folder = self._home / (f".{out.name}{MAKING}" if out else MAKING)
        self._lock = -1
        self._published = False

    def __enter__(self) -> Self:
        with mapped(self._folder):
            if self._out:
                _replaceable(self._out)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._folder)
            _emptied(self._folder)
        return self

    def __exit__(self, *error: object) -> None:
        if not self._published:  # else the folder may be another process's by now
            shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)

    @contextmanager
    def spill(self) -> Iterator[Spill]:
        with mapped(self._folder):
            made = JsonlSpill(self._folder / SPILL)
            try:
                yield made
            finally:
                made.close()

    @contextmanager
    def table(self, name: str) -> Iterator[Table]:
        path = self._folder / f"{name}.{self.format}"
        with mapped(path):
            path.parent.mkdir(exist_ok=True)
            made = WRITERS[self.format](path)
            try:
                yield made
            finally:
                made.close()

    def files(self) -> Mapping[str, str]:
        with mapped(self._folder):
            return folder_files(self._folder, exclude=(SPILL, MANIFEST))

    def publish(self, manifest: Manifest) -> Path:
        """Put the manifest to the tables and the whole in its place; a dataset that stood there goes. Raises DatasetError."""
        out = self._out or self._home / short(manifest.digest)
        with mapped(out):
            written = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
            (self._folder / MANIFEST).write_bytes(written + b"\n")
            for path in sorted(self._folder.rglob("*")):
                _synced(path)
            old = out.with_name(f".{out.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            if out.exists():
                out.rename(old)
            self._folder.rename(out)
            self._published = True
            _synced(self._home)
            shutil.rmtree(old, ignore_errors=True)
        return out


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the dataset in `folder`. Raises DatasetError when there is none, or it is of another schema."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except FileNotFoundError as exc:
        raise DatasetError(f"{folder}: holds no dataset (no {MANIFEST}); `twin dataset build` makes one") from exc
    except OSError as exc:
        raise DatasetError(f"{folder / MANIFEST}: cannot be read ({exc}); build the dataset again") from exc
    return parsed(data, str(folder / MANIFEST))


def parsed(data: bytes, name: str) -> Manifest:
    """A manifest that was read from `name`. Raises DatasetError when it is none, or of another schema."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as exc:
        raise DatasetError(f"{name}: cannot be read ({exc}); build the dataset again") from exc
    if manifest.schema != SCHEMA or manifest.format not in READERS:
        raise DatasetError(f"{name}: made by another version of twin (schema {manifest.schema}); build the dataset again")
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Check that the files are those of the manifest. Raises DigestError naming the first that is not."""
    with mapped(folder):
        found = folder_files(folder, exclude=(MANIFEST,))
    for name in sorted({*found, *manifest.files}):
        if found.get(name) != manifest.files.get(name):
            state = (
                "is missing" if name not in found else "does not belong to it" if name not in manifest.files else "was changed"
            )
            raise DigestError(f"{folder}: {name} {state}, so it is not the dataset that its manifest names; build it again")
    if files_digest(found) != manifest.digest:
        raise DigestError(f"{folder}: the digest in {MANIFEST} is not that of its files; build it again")


def read_examples(folder: Path, manifest: Manifest, name: str) -> Iterator[Example]:
    """The examples of the table `name`, e.g. `instruction/train`. Raises DatasetError."""
    with mapped(folder):
        yield from READERS[manifest.format](folder / f"{name}.{manifest.format}")


def found(home: Path) -> list[Path]:
    """The datasets below `home`, the newest first. Raises DatasetError."""
    with mapped(home):
        folders = [path.parent for path in home.glob(f"[!.]*/{MANIFEST}")]
        return sorted(folders, key=lambda path: ((path / MANIFEST).stat().st_mtime_ns, path.name), reverse=True)


def mapped(path: Path) -> AbstractContextManager[None]:
    """OSErrors about `path` in our words."""

    @contextmanager
    def mapping() -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            full = exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
            remedy = "there is no space left; free some and run again" if full else "check the folder and who owns it"
            raise DatasetError(f"{path}: {exc.strerror or exc}: {remedy}") from exc

    return mapping()


def _locked(folder: Path) -> int:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_ino == folder.stat().st_ino:  # else it was published between our opening and locking it
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(handle)
    raise DatasetError(f"{folder}: another process is making a dataset here; wait for it, or give another --out")


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _replaceable(out: Path) -> None:
    """Only a dataset, an empty folder or nothing may be replaced."""
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file()):
        raise DatasetError(f"{out}: is there already and is no dataset; give another --out")


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
