"""A folder that is being written -> one that is there as a whole or not at all, sealed by the digest of its files.

Bases, adapters and merged models are such folders. Knows no library of training.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from twin.digest import files_digest, folder_files
from twin.errors import DigestError, TrainingError

RECORD = "twin.json"
UNSEALED = (RECORD, "README.md")  # they say the digest, so it cannot cover them
MAKING = ".making-"  # behind the name of the folder that it will be


def vacant(target: Path) -> None:
    """Raise TrainingError when something of someone else is at `target`: what we made may be replaced, nothing else."""
    try:
        other = (target.exists() or target.is_symlink()) and not (target.is_dir() and not target.is_symlink())
        foreign = other or (target.is_dir() and any(target.iterdir()) and not (target / RECORD).is_file())
    except OSError as exc:
        raise TrainingError(f"{target}: cannot be read ({exc.strerror})") from exc
    if foreign:
        raise TrainingError(f"{target}: is there already and was not made by `twin model`; name another folder or empty it")


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write into, which takes its place at the end; after an error nothing of it is left.

    Raises TrainingError when it cannot be made or moved. Every file is on the disk before the folder has its name.
    """
    vacant(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        made = _beside(target)
        made.chmod(0o755)
        lock = _locked(made)
    except OSError as exc:
        raise TrainingError(f"{target}: cannot be written ({exc.strerror})") from exc
    try:
        yield made
        try:
            _settle(made)
            _swap(made, target)
        except OSError as exc:
            raise TrainingError(f"{target}: cannot be written ({exc.strerror}); nothing was published") from exc
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(lock)


def _beside(target: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{target.name}{MAKING}", dir=target.parent))


def _locked(folder: Path) -> int:
    """A handle that holds `folder` until it is closed, or the process ends. Raises OSError when another one holds it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _sweep(target: Path) -> None:
    """Remove what a kill left beside `target`; what is held is still being written."""
    for left in [path for path in target.parent.iterdir() if path.name.startswith(f".{target.name}{MAKING}")]:
        with suppress(OSError):
            handle = _locked(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(handle)


def moved(made: Path, target: Path) -> None:
    """Publish the finished folder `made` as `target`, from another disk too. Raises TrainingError; `made` is gone then, or
    as it was.
    """
    with written(target) as folder:
        try:
            shutil.copytree(made, folder, dirs_exist_ok=True)
        except (OSError, shutil.Error) as exc:
            raise TrainingError(f"{target}: cannot be written ({exc}); nothing was published") from exc
    shutil.rmtree(made, ignore_errors=True)


def _settle(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # a server under another user reads it; some libraries write 0600
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _swap(made: Path, target: Path) -> None:
    if target.is_dir():  # a rename cannot replace a folder that has files, so the old one steps aside first
        aside = _beside(target)
        target.rename(aside)
        try:
            made.rename(target)
        except OSError:
            aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    else:
        made.rename(target)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def seal(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Write twin.json: `record` with the digest of each file and of all of them. Gives back what was written."""
    files = folder_files(folder, exclude=UNSEALED)
    sealed = {**record, "files": files, "digest": files_digest(files)}
    write_json(folder / RECORD, sealed)
    return sealed


def write_json(path: Path, value: Any) -> None:
    """`value`, for people and programs, as a whole or not at all. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def record_of(folder: Path) -> dict[str, Any]:
    """twin.json of `folder`. Raises TrainingError when there is none that can be read."""
    try:
        data = (folder / RECORD).read_bytes()
    except OSError as exc:
        raise TrainingError(f"{folder}: has no {RECORD} ({exc.strerror}), so it was not made by `twin model`") from exc
    return parsed(data, str(folder / RECORD))


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """A twin.json that was read from `name`. Raises TrainingError when it is none."""
    try:
        value = json.loads(data)
    except ValueError as exc:
        raise TrainingError(f"{name}: is no JSON ({exc})") from exc
    if not isinstance(value, dict) or not isinstance(value.get("files"), dict) or not isinstance(value.get("digest"), str):
        raise TrainingError(f"{name}: has no files or no digest")
    return value


def verify(folder: Path) -> dict[str, Any]:
    """twin.json of `folder` whose files are what it says. Raises TrainingError without one, DigestError naming the first
    file that is missing, changed or not of it.
    """
    record = record_of(folder)
    try:
        found = folder_files(folder, exclude=UNSEALED)
    except OSError as exc:
        raise TrainingError(f"{folder}: cannot be read ({exc.strerror})") from exc
    said: dict[str, str] = record["files"]
    for name in sorted({*found, *said}):
        if name not in found:
            raise DigestError(f"{folder}: {name} is missing; {RECORD} says {said[name]}")
        if name not in said:
            raise DigestError(f"{folder}: {name} is not one of the files that {RECORD} names")
        if found[name] != said[name]:
            raise DigestError(f"{folder}: {name} is {found[name]}, but {RECORD} says {said[name]}")
    if files_digest(found) != record["digest"]:
        raise DigestError(f"{folder}: its files make {files_digest(found)}, but {RECORD} says {record['digest']}")
    return record
