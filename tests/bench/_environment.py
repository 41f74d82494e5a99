"""A file of pinned requirements -> a throw-away virtual environment outside the tree, made once by uv and named by the pins' digest.

Knows nothing of what is measured in it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

PYTHON = "3.11"


class MissingError(Exception):
    """What cannot be had here; the message is the installer's reason."""


def cache() -> Path:
    """Where benchmarks keep what they build and install."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "llm-twin" / "bench"


def environment(pins: Path) -> Path:
    """The `bin` folder of the environment that the file `pins` describes. Raises MissingError when it cannot be installed."""
    folder = cache() / f"{pins.stem}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        print(f"installing what {pins.name} pins into {folder} (once) ...", file=sys.stderr, flush=True)
        _uv("venv", "--clear", "--python", PYTHON, str(folder))
        _uv("pip", "install", "--python", str(folder / "bin" / "python"), "--requirement", str(pins))
        (folder / "complete").touch()
    return folder / "bin"


def _uv(*arguments: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        ran = subprocess.run(["uv", "--quiet", *arguments], env=kept, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MissingError("uv is not installed: run `make setup`") from None
    if ran.returncode:
        raise MissingError(" ".join(ran.stderr.split())[:500])
