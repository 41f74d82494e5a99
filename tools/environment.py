"""A file of pinned requirements -> a virtual environment outside the tree, made once by uv and named by the pins' digest.

`python -m tools.environment vllm` prints the `bin` folder of the one that tools/vllm.txt pins. Several processes may ask at
once: one installs, the others wait. Knows nothing of what runs in it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tools.build import cache

HERE = Path(__file__).parent
PYTHON = "3.11"


class MissingError(Exception):
    """What cannot be had here; the message is the installer's reason."""


def environment(pins: Path) -> Path:
    """The `bin` folder of the environment of `pins`, which names every dependency. Raises MissingError."""
    folder = cache().parent / "environments" / f"{pins.stem}-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            print(f"installing what {pins.name} pins into {folder} (once) ...", file=sys.stderr, flush=True)
            python = folder / "venv" / "bin" / "python"
            _uv("venv", "--clear", "--python", PYTHON, str(folder / "venv"))
            _uv("pip", "install", "--no-deps", "--python", str(python), "--requirement", str(pins))
            (folder / "complete").touch()
    return folder / "venv" / "bin"


def _uv(*arguments: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    beside = Path(sys.executable).parents[2] / ".uv" / "bin"  # where make puts it on a machine that has none
    kept["PATH"] = f"{kept.get('PATH', os.defpath)}{os.pathsep}{beside}"
    try:
        ran = subprocess.run(["uv", "--quiet", *arguments], env=kept, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MissingError("uv is not installed: run `make setup`") from None
    if ran.returncode:
        raise MissingError(" ".join(ran.stderr.split())[:500])


def main() -> int:
    """Print the `bin` folder of the environment named by the argument."""
    try:
        print(environment(HERE / f"{sys.argv[1]}.txt"))
    except (MissingError, FileNotFoundError, IndexError) as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
