"""Real servers for tests, on loopback and a free port, ended with what started them."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from tools.build import binary


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class FerretDB:
    """A server of MongoDB's wire protocol that keeps its data in `folder`. `stop` and `start` again keep data and port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"mongodb://127.0.0.1:{self.port}/{database}"

    def start(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "server.log").open("ab")
        command = [binary("ferretdb"), f"127.0.0.1:{self.port}", f"file:{self.folder}/"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 30
        while not _listens(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"FerretDB did not start: {(self.folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.02)  # another process's port has no event to await
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class VersityGW:
    """A server of S3's protocol that keeps its buckets as folders below `folder`. Its one user is `ACCESS` with `SECRET`."""

    ACCESS, SECRET = "AKIATWINTESTS0000000", "a-secret-that-must-never-be-shown"  # gitleaks:allow

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.buckets = folder / "buckets"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def bucket(self, name: str) -> Path:
        """A new bucket's folder; objects are its files."""
        made = self.buckets / name
        made.mkdir()
        return made

    def start(self) -> Self:
        for part in (self.buckets, self.folder / "metadata"):
            part.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "server.log").open("ab")
        command = [binary("versitygw"), "--port", f"127.0.0.1:{self.port}", "--access", self.ACCESS, "--secret", self.SECRET]
        command += ["--quiet", "--keep-alive", "posix", "--sidecar", str(self.folder / "metadata"), str(self.buckets)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 30
        while not _listens(self.port):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"versitygw did not start: {(self.folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.02)  # another process's port has no event to await
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
