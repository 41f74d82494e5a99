"""This process -> the most memory it ever held. Standard library only, so that an environment of any kind can use it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_memory() -> float:
    """MB; from /proc where there is one, as getrusage also counts what the parent had before this program was loaded."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1_000_000
