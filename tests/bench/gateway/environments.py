"""A requirements file beside this script -> a throw-away virtual environment, made once by uv and named by the pins' digest."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from tests.bench.gateway.program import cache

HERE = Path(__file__).parent
PYTHON = "3.11"


class MissingError(Exception):
    """A target that cannot be had here; the message is the installer's reason."""


def environment(name: str) -> Path:
    """The `bin` folder of the environment of `NAME.txt`. Raises MissingError when its pins cannot be installed."""
    pins = HERE / f"{name}.txt"
    folder = cache() / f"{name}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    done = folder / "complete"
    if not done.exists():
        print(f"installing {name} (once) ...", flush=True)
        _uv("venv", "--clear", "--python", PYTHON, str(folder))
        _uv("pip", "install", "--python", str(folder / "bin" / "python"), "--requirement", str(pins))
        done.touch()
    return folder / "bin"


def _uv(*arguments: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        ran = subprocess.run(["uv", "--quiet", *arguments], env=kept, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MissingError("uv is not installed: run `make setup`") from None
    if ran.returncode:
        raise MissingError(" ".join(ran.stderr.split())[:500])
