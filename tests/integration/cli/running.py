"""The `twin` command as a user runs it: a process, a folder, an exit status."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twin.errors import TwinError

TWIN = Path(sys.executable).parent / "twin"


def environment(**settings: str) -> dict[str, str]:
    """This process's, less what would decide for the command: settings, and a width that another test has set."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_") and key not in {"COLUMNS", "LINES"}}
    return {**kept, "NO_COLOR": "1", **settings}


def twin(folder: Path, *arguments: str, status: int = 0, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command and hold it to its exit status."""
    done = subprocess.run(
        [str(TWIN), *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return done


def inside(folder: Path, *arguments: str, status: int = 0, **settings: str) -> subprocess.CompletedProcess[str]:
    """The same command in this process, for one whose libraries take seconds to load each time."""
    from typer.testing import CliRunner

    from twin.cli.app import app

    unset = {key: None for key in os.environ if key.startswith("TWIN_")}
    with contextlib.chdir(folder):
        done = CliRunner(env={**unset, "NO_COLOR": "1", **settings}).invoke(app, arguments, prog_name="twin")
    code, stderr = done.exit_code, done.stderr
    if isinstance(done.exception, TwinError):  # as twin.cli.main does it
        code, stderr = done.exception.exit_status, f"{stderr}twin: {done.exception}\n"
    elif done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert code == status, f"{arguments}: {code}\n{done.stdout}\n{stderr}"
    return subprocess.CompletedProcess(arguments, code, done.stdout, stderr)


def told(folder: Path, *arguments: str, **settings: str) -> Any:
    """What a command says in JSON."""
    return json.loads(twin(folder, *arguments, "-o", "json", **settings).stdout)


@contextlib.contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`twin serve` on a free port; drained by SIGTERM at the end, which must exit with 0."""
    process = subprocess.Popen(
        [str(TWIN), "serve", "--port", "0"], cwd=folder, env=environment(**settings), stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "serving on" in line)
        yield line.split()[2], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
        if process.stderr:
            process.stderr.close()
    assert process.returncode == 0


def post(address: str, path: str, body: Any) -> Any:
    """A JSON request to the gateway."""
    request = urllib.request.Request(address + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.loads(reply.read())


def get(address: str, path: str) -> Any:
    """What the gateway says there, in JSON."""
    with urllib.request.urlopen(address + path, timeout=30) as reply:
        return json.loads(reply.read())


def chat(address: str, question: str, **more: Any) -> Any:
    """One answer, not streamed."""
    return post(address, "/v1/chat/completions", {"model": "twin", "messages": [{"role": "user", "content": question}], **more})
