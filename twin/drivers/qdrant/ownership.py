"""A folder -> which one process owns it, and at which socket the others reach that one. Knows neither calls nor engine.

The kernel frees the lock however its holder ends, so there is nothing to clean up after a crash.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from twin.errors import IndexStoreError

LONGEST_SOCKET = 100  # bytes; the kernel's bound is 108


class Ownership:
    """The file `owner` in `folder`: locked by the owner, who writes its process id and its socket there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether this process is the owner from now on. Raises IndexStoreError when the folder cannot be used."""
        try:
            descriptor = os.open(self._folder / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise IndexStoreError(
                f"{self._folder}: cannot be used ({exc.strerror}); mend its rights, or set TWIN_HOME"
            ) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(descriptor)
            if isinstance(exc, BlockingIOError):
                return False
            raise IndexStoreError(f"{self._folder}: cannot be locked ({exc.strerror}); set TWIN_HOME to a local disk") from exc
        self._descriptor = descriptor
        return True

    def announce(self, socket: Path) -> None:
        """Say where the owner listens. Raises OSError."""
        assert self._descriptor is not None  # noqa: S101  only the owner announces
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n{socket}\n".encode(), 0)

    def release(self) -> None:
        """Let the next process own the folder."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def socket(self) -> str:
        """Where the owner listens, or its predecessor did. Raises OSError while that is not known."""
        lines = (self._folder / "owner").read_text(encoding="utf-8").splitlines()
        if len(lines) < 2:  # noqa: PLR2004  the owner has not written its two lines yet
            raise ConnectionRefusedError("the owner is starting")
        return lines[1]

    def holder(self) -> str:
        """The owner's process id, for messages."""
        with contextlib.suppress(OSError, IndexError):
            return (self._folder / "owner").read_text(encoding="utf-8").splitlines()[0]
        return "unknown"


def socket_path(folder: Path) -> Path:
    """In the folder; where that path is too long for a socket, in a private folder named after it. Raises OSError."""
    path = folder.resolve() / "socket"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    name = f"twin-{os.getuid()}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  made private below
        place = Path(parent) / name
        if len(os.fsencode(place / "socket")) <= LONGEST_SOCKET:
            break
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == stat.S_IRWXU
    if found.st_uid != os.getuid() or not private:
        raise PermissionError(errno.EPERM, "is no private folder of this user", str(place))
    return place / "socket"
