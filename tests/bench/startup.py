"""How long `twin` takes to say something: its help, a gateway that is ready, and the first answer after that.

`python -m tests.bench startup [--times 15]`. The baselines, in turn with what they are held against: `python -c pass` for the help, and
for the gateway a bare uvicorn with one function that says 200. The twin is made for it, of the files in docs; its documents and its index
are there before the clock runs, and the embedder's weights were verified once (`python -m tests.bench index` shows the first time).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
TWIN = str(Path(sys.executable).parent / "twin")
PATIENCE = 60.0
BARE = """
import uvicorn
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
uvicorn.run(app, port=PORT, lifespan="off", log_level="error")
"""
QUESTION = {"model": "twin", "messages": [{"role": "user", "content": "What is a tombstone?"}]}
WANTED = {"twin --help": 0.3, "twin serve, ready": 3.0}


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")}


def ran(*command: str, folder: Path = ROOT) -> float:
    """Seconds until the command has ended."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, env=clean_environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def served(folder: Path, make: Callable[[int], list[str]], path: str) -> tuple[float, float]:
    """Seconds from starting a server until `path` says 200, and those of the first question after that."""
    port = free_port()
    begun = time.perf_counter()
    process = subprocess.Popen(make(port), cwd=folder, env=clean_environment(), stderr=subprocess.PIPE)
    try:
        wait(process, port, path)
        ready = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("POST", "/v1/chat/completions", json.dumps(QUESTION), {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"the first question got HTTP {answer.status}")
        return ready - begun, time.perf_counter() - ready
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def wait(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    """Ask again and again, as a probe does, only sooner."""
    deadline = time.perf_counter() + PATIENCE
    while time.perf_counter() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    process.kill()
    said = process.stderr.read() if process.stderr else b""
    raise SystemExit(f"{process.args} was not ready: {said.decode(errors='replace')[-500:]}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def prepare(folder: Path) -> None:
    """A twin of this repository's guides, indexed."""
    sources = {"author": {"id": "ada", "name": "Ada"}, "sources": [{"kind": "files", "path": str(ROOT / "docs")}]}
    (folder / "sources.yaml").write_text(json.dumps(sources), encoding="utf-8")
    ran(TWIN, "documents", "sync", folder=folder)
    ran(TWIN, "index", "build", "--switch", folder=folder)


def measure(folder: Path, times: int) -> dict[str, list[float]]:
    """Seconds by what was measured, each with its baseline by turns."""
    found: dict[str, list[float]] = {}
    for _ in range(times):
        found.setdefault("python -c pass", []).append(ran(sys.executable, "-c", "pass"))
        found.setdefault("twin --help", []).append(ran(TWIN, "--help"))
    for _ in range(max(3, times // 3)):
        bare, _answer = served(folder, lambda port: [sys.executable, "-c", BARE.replace("PORT", str(port))], "/readyz")
        found.setdefault("bare uvicorn, ready", []).append(bare)
        ready, answer = served(folder, lambda port: [TWIN, "serve", "--port", str(port)], "/readyz")
        found.setdefault("twin serve, ready", []).append(ready)
        found.setdefault("first answer after that", []).append(answer)
    return found


def show(found: dict[str, list[float]]) -> None:
    print("| what | median | least | most | wanted | times its baseline |")
    print("|---|---|---|---|---|---|")
    baseline = 0.0
    for name, seconds in found.items():
        middle = statistics.median(seconds)
        if name not in WANTED and "answer" not in name:
            baseline = middle
        wanted = f"{WANTED[name]:g} s" if name in WANTED else ""
        ratio = f"{middle / baseline:.1f}" if name in WANTED else ""
        print(f"| {name} | {middle:.3f} s | {min(seconds):.3f} s | {max(seconds):.3f} s | {wanted} | {ratio} |")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--times", type=int, default=15)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as made:
        prepare(Path(made))
        show(measure(Path(made), given.times))


if __name__ == "__main__":
    main()
