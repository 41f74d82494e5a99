"""The servers that are compared, each a process on one core: the stub itself, the floor, our gateway, LiteLLM, vllm-router."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tools.environment import MissingError, environment

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
START = 90.0  # seconds: LiteLLM imports for long on a busy machine
STUB_MODEL = "stub"
MANY = "1000000000"  # requests a minute of our key: the limit is reckoned with at every request and never reached
CONCURRENCY = "20000"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Target:
    """A server that is ready: where it listens, which key it wants, what is added to a request's body, its process."""

    name: str
    url: str
    pid: int
    key: str = "none"
    more: Mapping[str, object] = field(default_factory=dict)

    def memory(self) -> float:
        """Resident megabytes of the process."""
        return int(Path(f"/proc/{self.pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024

    def worked(self) -> float:
        """Seconds of processor time that the process has used, which other work on the machine changes little."""
        return sum(int(one) for one in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]) / TICKS


@dataclass(frozen=True, slots=True)
class Place:
    """What a target is started with: a folder of its own, the core it runs on, the stub's address ending in /v1."""

    folder: Path
    core: int
    upstream: str


def start(command: Sequence[str], core: int, log: Path, *, cwd: Path | None = None, **settings: str) -> subprocess.Popen:
    """A process that stays on `core`; what it says goes to `log`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")}
    pinned = ["taskset", "-c", str(core), *command]
    with log.open("wb") as said:
        return subprocess.Popen(pinned, cwd=cwd, env={**kept, **settings}, stdout=said, stderr=said)


def stop(process: subprocess.Popen) -> None:
    """End a process, politely first."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def body(more: Mapping[str, object], text: str = "What is a tombstone?", *, stream: bool = False) -> str:
    """A request of about a kilobyte."""
    system = "You answer from the passages, in short sentences, and say so when they do not tell. " * 10
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    return json.dumps({"model": STUB_MODEL, "messages": messages, "temperature": 0.2, "stream": stream, **more})


def answers(target: Target) -> bool:
    """Whether the target relays a chat. What it says otherwise is for its log."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {target.key}"}
    asked = urllib.request.Request(f"{target.url}/chat/completions", body(target.more).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as reply:
            return reply.status == 200
    except OSError:
        return False


def awaited(target: Target, process: subprocess.Popen, log: Path) -> Target:
    """The target, once it answers. Raises MissingError with the end of its log when it never does."""
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        if answers(target):
            return target
        time.sleep(0.1)
    tail = " ".join(log.read_text(errors="replace").split())[-600:]
    raise MissingError(f"it did not answer a chat within {START:g} s: {tail}")


@contextmanager
def running(name: str, place: Place):
    """The target `name`. Raises MissingError."""
    with ExitStack() as stack:
        yield STARTERS[name](place, stack)


def _process(place: Place, stack: ExitStack, name: str, command: Sequence[str], **how) -> tuple[subprocess.Popen, Path]:
    log = place.folder / f"{name}.log"
    process = start(command, place.core, log, **how)
    stack.callback(stop, process)
    return process, log


def _floor(place: Place, stack: ExitStack) -> Target:
    port = free_port()
    process, log = _process(place, stack, "floor", [sys.executable, str(HERE / "floor.py"), str(port), place.upstream])
    return awaited(Target("floor", f"http://127.0.0.1:{port}/v1", process.pid), process, log)


def _ours(place: Place, stack: ExitStack) -> Target:
    """`twin serve` over an index of its own, with a key that has a rate limit, traces in its local store and metrics."""
    folder, program, port = place.folder / "twin", Path(sys.executable).parent / "twin", free_port()
    _twin_of(folder)
    for command in (["documents", "sync"], ["index", "build", "--switch"]):
        _run(program, folder, *command)
    key = json.loads(_run(program, folder, "keys", "create", "--name", "bench", "--per-minute", MANY, "-o", "json"))
    settings = {"TWIN_MODEL_URL": place.upstream, "TWIN_MODEL_NAME": STUB_MODEL, "TWIN_CONCURRENCY": CONCURRENCY}
    process, log = _process(
        place, stack, "ours", [str(program), "serve", "--port", str(port)], cwd=folder, **settings
    )  # fmt: skip
    more = {"twin": {"retrieval": "off"}}
    return awaited(Target("ours", f"http://127.0.0.1:{port}/v1", process.pid, key["key"], more), process, log)


def _twin_of(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes").mkdir()
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        (folder / "notes" / "-".join(page.relative_to(ROOT).parts)).write_text(page.read_text())
    (folder / "sources.yaml").write_text(
        "author: {id: ada, name: Ada Example}\nsources:\n  - {kind: files, name: notes, path: notes, documents: article}\n"
    )


def _run(program: Path, folder: Path, *arguments: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TWIN_")}
    ran = subprocess.run([str(program), *arguments], cwd=folder, env=kept, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise MissingError(f"twin {' '.join(arguments)} failed: {ran.stderr.strip()[-500:]}")
    return ran.stdout


def _litellm(place: Place, stack: ExitStack) -> Target:
    port, key, config = free_port(), "sk-bench", place.folder / "litellm.json"
    model = {"model": f"openai/{STUB_MODEL}", "api_base": place.upstream, "api_key": "none"}
    listed = [{"model_name": STUB_MODEL, "litellm_params": model}]
    config.write_text(json.dumps({"model_list": listed, "general_settings": {"master_key": key}}))  # JSON is YAML
    command = [
        str(environment(HERE / "litellm.txt") / "litellm"),
        "--config",
        str(config),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    process, log = _process(
        place, stack, "litellm", [*command, "--num_workers", "1", "--telemetry", "False"], LITELLM_LOCAL_MODEL_COST_MAP="True"
    )
    return awaited(Target("litellm", f"http://127.0.0.1:{port}/v1", process.pid, key), process, log)


def _vllm_router(place: Place, stack: ExitStack) -> Target:
    port = free_port()
    command = [str(environment(HERE / "vllm-router.txt") / "vllm-router"), "--worker-urls", place.upstream.removesuffix("/v1")]
    options = ["--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin", "--log-level", "error"]
    limits = ["--max-concurrent-requests", CONCURRENCY, "--prometheus-port", str(free_port())]
    process, log = _process(place, stack, "vllm-router", [*command, *options, *limits])
    return awaited(Target("vllm-router", f"http://127.0.0.1:{port}/v1", process.pid), process, log)


def dropped(ours: Target) -> float:
    """How many traces found no room so far."""
    with urllib.request.urlopen(f"{ours.url.removesuffix('/v1')}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("twin_traces_dropped "))


def answering(ours: Target) -> Target:
    """Our gateway again, asked for answers from its index instead of a plain pass-through."""
    return replace(ours, name="answers", more={})


STARTERS = {"floor": _floor, "ours": _ours, "vllm-router": _vllm_router, "litellm": _litellm}
