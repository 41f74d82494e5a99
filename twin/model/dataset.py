"""A dataset folder -> the rows of one stage, once its files are what its manifest says. Knows the folder, not its making."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.digest import file_digest, files_digest
from twin.errors import DigestError, TrainingError
from twin.model.recipe import Stage

MANIFEST = "manifest.json"
SCHEMA = 1
KINDS: Mapping[Stage, str] = {"sft": "instruction", "dpo": "preference"}
COLUMNS: Mapping[Stage, tuple[str, ...]] = {
    "sft": ("instruction", "answer"),
    "dpo": ("instruction", "answer", "rejected"),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """The examples of one stage, as dictionaries of its columns, and the digest of the dataset that they are of."""

    digest: str
    train: tuple[Mapping[str, str], ...]
    test: tuple[Mapping[str, str], ...]


def manifest_of(folder: Path, digest: str = "") -> dict[str, Any]:
    """The manifest, after every file that it names was compared with it; with `digest`, only that dataset will do.

    Raises TrainingError when there is none, DigestError when a file or the whole is not what it says.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError as exc:
        raise TrainingError(f"{folder}: has no {MANIFEST} ({exc.strerror}); `twin dataset build` makes a dataset") from exc
    except ValueError as exc:
        raise TrainingError(f"{folder / MANIFEST}: is no JSON ({exc})") from exc
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict) or not manifest.get("digest"):
        raise TrainingError(f"{folder / MANIFEST}: has no files or no digest")
    if manifest.get("schema") != SCHEMA:
        raise TrainingError(f"{folder / MANIFEST}: schema {manifest.get('schema')!r}, this twin reads {SCHEMA}: build it again")
    if digest and manifest["digest"] != digest:
        raise DigestError(f"{folder}: is dataset {manifest['digest']}, but {digest} is asked for")
    _compare(folder, manifest)
    return manifest


def _compare(folder: Path, manifest: Mapping[str, Any]) -> None:
    files: dict[str, str] = manifest["files"]
    for name, said in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise DigestError(f"{folder / MANIFEST}: names {name}, which is outside of it")
        try:
            found = file_digest(path)
        except OSError as exc:
            raise DigestError(f"{path}: cannot be read ({exc.strerror}), but the manifest names it") from exc
        if found != said:
            raise DigestError(f"{path}: is {found}, but the manifest says {said}: it was changed after it was built")
    if files_digest(files) != manifest["digest"]:
        raise DigestError(f"{folder}: its files make {files_digest(files)}, but the manifest says {manifest['digest']}")


def read_rows(folder: Path, stage: Stage, digest: str = "") -> Rows:
    """What `stage` trains on and is measured on. Raises TrainingError when there is nothing to train on, DigestError."""
    manifest = manifest_of(folder, digest)
    train, test = (_split(folder, manifest["files"], stage, split) for split in ("train", "test"))
    kind = KINDS[stage]
    if not train:
        raise TrainingError(f"{folder}: has no {kind} example to train on: add documents, or feedback for preferences")
    if not test:
        raise TrainingError(
            f"{folder}: has no {kind} example held out, so nothing could be said about an adapter: build it with a larger"
            " --test-share or of more documents"
        )
    return Rows(manifest["digest"], train, test)


def _split(folder: Path, files: Iterable[str], stage: Stage, split: str) -> tuple[Mapping[str, str], ...]:
    stem = f"{KINDS[stage]}/{split}"
    names = [name for name in files if name in (f"{stem}.parquet", f"{stem}.jsonl")]
    if not names:
        return ()
    if len(names) > 1:
        raise TrainingError(f"{folder}: has {' and '.join(sorted(names))}: which of the two is meant?")
    path = folder / names[0]
    if not path.stat().st_size:
        return ()
    rows = _parquet(path) if path.suffix == ".parquet" else _lines(path)
    return tuple(_row(path, number, row, COLUMNS[stage]) for number, row in enumerate(rows, start=1))


def _parquet(path: Path) -> list[dict[str, Any]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    try:
        rows: list[dict[str, Any]] = read_table(path).to_pylist()
    except (ArrowException, OSError) as exc:
        raise TrainingError(f"{path}: is no Parquet file ({' '.join(str(exc).split())[:200]})") from exc
    return rows


def _lines(path: Path) -> list[Any]:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                rows.append(json.loads(line))
            except ValueError as exc:
                raise TrainingError(f"{path}, line {number}: is no JSON ({exc})") from exc
    return rows


def _row(path: Path, number: int, row: Any, columns: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(row, dict):
        raise TrainingError(f"{path}, example {number}: is no object")
    for column in columns:
        if not isinstance(row.get(column), str) or not row[column].strip():
            raise TrainingError(f"{path}, example {number}: {column} is missing or empty")
    return {column: row[column] for column in columns}
