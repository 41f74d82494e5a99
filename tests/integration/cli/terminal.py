"""A command on a pseudo-terminal of a given width, as a person at a keyboard runs it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CTRL_C = "\x03"


class Terminal:
    """One running command. `said` is what came so far, with its control sequences."""

    def __init__(self, process: int, master: int) -> None:
        self.process, self._master, self._status = process, master, None
        self.said = ""

    @property
    def plain(self) -> str:
        """What came, without control sequences and carriage returns."""
        return CONTROL.sub("", self.said).replace("\r", "")

    def until(self, words: str, seconds: float = 60) -> None:
        """Read until `words` came; they must."""
        end = time.monotonic() + seconds
        while words not in self.plain:
            assert self._read(end), f"{words!r} did not come:\n{self.plain}"

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def ended(self, seconds: float = 60) -> int:
        """Read to the end and give the exit status."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        assert time.monotonic() < end, f"it goes on:\n{self.plain}"
        _, status = os.waitpid(self.process, 0)
        self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def close(self) -> None:
        if self._status is None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self._master)

    def _read(self, end: float) -> bool:
        """Whether there was more before `end`."""
        if not select.select([self._master], [], [], max(0, end - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.said += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(folder: Path, *command: str, environment: dict[str, str], columns: int = 100) -> Iterator[Terminal]:
    """Run `command` in `folder`; whatever is left of it ends with the block."""
    process, master = pty.fork()
    if not process:
        os.chdir(folder)
        termios.tcsetwinsize(0, (40, columns))
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a test runner in the background was started without it
        os.execve(command[0], command, {**environment, "TERM": "xterm-256color"})
    running = Terminal(process, master)
    try:
        yield running
    finally:
        running.close()
