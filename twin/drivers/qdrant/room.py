"""A folder -> whether its disk has room for what is about to be written.

The engine writes through mapped files: on a full disk the system ends the whole process in the middle of a write (SIGBUS), and
with it whatever else it serves. So opening and writing are refused while there is still room. What is open goes on being
searched on a full disk. Knows no engine.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from twin.errors import IndexStoreError

RESERVE = 64 << 20  # bytes: twice the log that opening an index allocates
UNIT = 512  # bytes of a file's block, as POSIX counts them


def require_room(folder: Path, wanted: int = 0) -> None:
    """Raises IndexStoreError unless `wanted` bytes and the reserve are free where `folder` is."""
    left = free(folder)
    if left < wanted + RESERVE:
        raise IndexStoreError(
            f"{folder}: no space left: {left >> 20} MB are free on its disk, {(wanted + RESERVE) >> 20} MB are needed; "
            f"make room and run the same command to go on"
        )


def free(folder: Path) -> int:
    """Bytes that this user may still write."""
    return shutil.disk_usage(folder).free


def taken(folder: Path) -> int:
    """Bytes on disk of all files below; what vanishes meanwhile is not counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * UNIT
        except FileNotFoundError:
            continue
    return total
