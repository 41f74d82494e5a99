"""A folder with a bare repository, a clone and a model server: the whole loop on one machine, by the commands of people.

`make train-demo` walks it once; tests walk it further. Knows no step's inside: everything is `twin` as a process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.environment import environment

ROOT = Path(__file__).parent.parent
TWIN = Path(sys.executable).parent / "twin"
PINS = Path(__file__).parent / "vllm.txt"
BRANCHES = ("staging", "production")
IDENTITY = {"user.name": "Twin on one machine", "user.email": "twin@example.org"}
READY_WITHIN = 600.0


class BrokenError(Exception):
    """A command ended otherwise than the walk expects; the message holds its last words."""


class Loop:
    """One walk in `folder`, which holds origin.git and a clone of it. `source` is whose HEAD both branches begin at."""

    def __init__(self, folder: Path, settings: Mapping[str, str], source: Path = ROOT) -> None:
        self.folder, self.work = folder, folder / "work"
        self.settings = {"OMP_NUM_THREADS": "1", **settings}
        origin = folder / "origin.git"
        _git(folder, "init", "--quiet", "--bare", "--initial-branch=staging", str(origin))
        _git(source, "push", "--quiet", str(origin), *(f"HEAD:refs/heads/{branch}" for branch in BRANCHES))
        _git(folder, "clone", "--quiet", str(origin), str(self.work))
        for key, value in IDENTITY.items():
            _git(self.work, "config", key, value)

    def twin(self, *arguments: str, status: int = 0) -> str:
        """What `twin ARGUMENTS` prints; what it says meanwhile is shown. Raises BrokenError on another exit status."""
        print(f"$ twin {' '.join(arguments)}", flush=True)
        begun = time.monotonic()
        done = subprocess.run(
            [str(TWIN), *arguments], cwd=self.work, env=self._environment(), stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != status:
            raise BrokenError(f"twin {' '.join(arguments)} ended with {done.returncode}, not {status}: {done.stdout[-2000:]}")
        print(f"# {time.monotonic() - begun:.0f} s: twin {' '.join(arguments[:2])}", flush=True)
        return done.stdout

    def told(self, *arguments: str) -> Any:
        """The same as a value."""
        return json.loads(self.twin(*arguments, "-o", "json"))

    def git(self, *arguments: str, at: str = "work") -> str:
        """What git says in the clone, or in `at`. Raises BrokenError."""
        return _git(self.folder / at, *arguments)

    def pull(self) -> None:
        """Bring a release here."""
        self.git("pull", "--quiet")

    @contextmanager
    def models(self, port: int = 0, context: int = 1024) -> Iterator[ModelServer]:
        """`twin model serve` on the recipe's base, without adapters, started but perhaps not ready."""
        server = ModelServer(self, port or free_port(), context)
        try:
            server.start()
            yield server
        finally:
            server.stop()

    @contextmanager
    def gateway(self, **settings: str) -> Iterator[str]:
        """The address of a `twin serve` that listens; perhaps not ready."""
        port = free_port()
        process = self._started("serve", "--port", str(port), **settings)
        address = f"http://127.0.0.1:{port}"
        try:
            waited(f"{address}/healthz", process)
            yield address
        finally:
            _ended(process)

    def _started(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        print(f"$ twin {' '.join(arguments)} &", flush=True)
        log = (self.folder / f"{arguments[0]}.log").open("a", encoding="utf-8")
        with log:
            return subprocess.Popen(
                [str(TWIN), *arguments],
                cwd=self.work,
                env=self._environment(**settings),
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def _environment(self, **settings: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")}
        return {**kept, **self.settings, **settings}


class ModelServer:
    """A vLLM that can be started again, as after a crash or on another node."""

    def __init__(self, loop: Loop, port: int, context: int) -> None:
        self._loop, self._port, self._context = loop, port, context
        self._process: subprocess.Popen[str] | None = None
        self.url = f"http://127.0.0.1:{port}/v1"

    def start(self) -> None:
        """Start it; `ready` waits."""
        base = ".twin/models/base/tiny"
        python = str(environment(PINS) / "python")
        how = ("--python", python, "--device", "cpu", "--port", str(self._port), "--context", str(self._context))
        self._process = self._loop._started("model", "serve", "--base", base, *how)  # noqa: SLF001  a part of the loop

    def ready(self) -> None:
        """Wait until it answers. Raises BrokenError when it ends before."""
        if self._process:
            waited(f"{self.url}/models", self._process)

    def stop(self) -> None:
        """Kill it with all its workers."""
        if self._process:
            _ended(self._process)


def waited(url: str, process: subprocess.Popen[str], wanted: int = 200) -> None:
    """Wait until `url` answers `wanted`. Raises BrokenError when `process` ends, or after READY_WITHIN seconds."""
    deadline = time.monotonic() + READY_WITHIN
    while status(url) != wanted:
        if process.poll() is not None:
            raise BrokenError(f"{' '.join(map(str, process.args))[:200]} ended with {process.returncode}")  # type: ignore[arg-type]
        if time.monotonic() > deadline:
            raise BrokenError(f"{url} did not answer {wanted} within {READY_WITHIN:g} s")
        time.sleep(0.5)


def status(url: str) -> int:
    """The status with which `url` answers; 0 when nothing does."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as exc:
        return exc.code
    except OSError:
        return 0


def answered(address: str, question: str, **more: Any) -> dict[str, Any]:
    """The completion that the gateway at `address` gives to `question`."""
    body = {"model": "twin", "messages": [{"role": "user", "content": question}], "temperature": 0, "seed": 0, **more}
    request = urllib.request.Request(
        f"{address}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as reply:
        made: dict[str, Any] = json.load(reply)
    return made


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _git(folder: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BrokenError(f"git {' '.join(arguments)}: {ran.stderr.strip()}")
    return ran.stdout


def _ended(process: subprocess.Popen[str]) -> None:
    for one in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, one)
        except ProcessLookupError:
            break
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            continue
