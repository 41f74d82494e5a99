"""A launch -> a vLLM that answers, until the block ends. Knows no model and no adapter."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from twin.drivers.vllm.launch import Launch
from twin.errors import TrainingError, UpstreamError

READY_WITHIN = 600.0  # seconds: weights are loaded and, on a graphics card, graphs are captured
STOP_WITHIN = 20.0
LAST_LINES = 12  # of its log, for the error


@asynccontextmanager
async def running(
    launch: Launch, *, ready_within: float = READY_WITHIN, log: Callable[[str], None] = lambda _line: None
) -> AsyncGenerator[str, None]:
    """The address, ending in /v1, of a vLLM that is ready; every line it logs goes to `log`.

    Raises TrainingError with the end of its log when it ends or is not ready in time.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.command(),
            env={**os.environ, **launch.variables()},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # its workers end with it, and our Ctrl-C is ours to pass on
        )
    except OSError as exc:
        raise TrainingError(f"{launch.python}: cannot be started ({exc.strerror}); give a Python that has vLLM") from exc
    last: deque[str] = deque(maxlen=LAST_LINES)
    reader = asyncio.create_task(_read(process, last, log))
    try:
        await _ready(launch, process, ready_within, last)
        yield f"http://{launch.host}:{launch.port}/v1"
    finally:
        await _stop(process)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


async def _read(process: asyncio.subprocess.Process, last: deque[str], log: Callable[[str], None]) -> None:
    assert process.stdout  # noqa: S101  piped above
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # a line beyond the reader's limit
            continue
        if not line:
            return
        text = line.decode("utf-8", "replace").rstrip()
        last.append(text)
        log(text)


async def _ready(launch: Launch, process: asyncio.subprocess.Process, within: float, last: deque[str]) -> None:
    from twin.drivers.openai.http import Server, Timeouts

    server = Server(f"http://{launch.host}:{launch.port}/v1", timeouts=Timeouts(connect=2.0, idle=5.0))
    deadline = asyncio.get_running_loop().time() + within
    try:
        while True:
            if process.returncode is not None:
                await asyncio.sleep(0.1)  # its last words
                raise TrainingError(f"vLLM ended with status {process.returncode} before it was ready: {_said(last)}")
            with suppress(UpstreamError):
                await server.get("/models")
                return
            if asyncio.get_running_loop().time() > deadline:
                raise TrainingError(f"vLLM was not ready within {within:g} s: {_said(last)}")
            await asyncio.sleep(0.5)
    finally:
        await server.close()


def _said(last: deque[str]) -> str:
    return " | ".join(line for line in last if line.strip())[-1500:] or "it said nothing"


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End it politely, then whatever is left of it and its workers; to the end, also when cancelled."""
    try:
        with suppress(ProcessLookupError, TimeoutError):
            process.terminate()
            await asyncio.wait_for(process.wait(), STOP_WITHIN)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
