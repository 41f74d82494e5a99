"""The folder `load` -> a program, built once by the locked Go and kept outside the tree under the digest of its sources."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sysconfig
from pathlib import Path

from tools.build import cache

SOURCES = Path(__file__).parent / "load"


def program() -> Path:
    """The stub model server and the load in one binary."""
    made = hashlib.sha256()
    for path in sorted(SOURCES.iterdir()):
        made.update(path.name.encode() + b"\0" + path.read_bytes())
    binary = cache() / f"gateway-load-{made.hexdigest()[:12]}"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        partial = binary.with_suffix(f".{os.getpid()}")
        go = Path(sysconfig.get_path("scripts")) / "go"
        environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}
        subprocess.run([str(go), "build", "-trimpath", "-o", str(partial), "."], cwd=SOURCES, env=environment, check=True)
        partial.rename(binary)
    return binary
