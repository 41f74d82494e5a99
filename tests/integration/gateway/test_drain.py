"""`twin serve` as a process that is told to stop: it says so, ends what it began, and leaves no stream without a reason."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.doubles.model_server import TEXT, Hang, ModelServer, Say
from tests.integration.cli.running import TWIN, environment, twin
from tests.integration.gateway.rig import asked
from twin.drivers.sqlite.traces import TraceStore

READY = 60


@dataclass
class Process:
    """A serving `twin`."""

    process: asyncio.subprocess.Process
    url: str
    session: aiohttp.ClientSession
    said: str = ""  # on stderr, after it was ready; known at its end

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    async def status(self) -> int:
        return await asyncio.wait_for(self.process.wait(), READY)

    async def ready(self) -> tuple[int, Any]:
        async with self.session.get(self.url + "/readyz", headers={"connection": "close"}) as reply:
            return reply.status, await reply.json()

    async def stopping(self) -> list[str]:
        """What /readyz names once the signal has arrived, of which nothing tells."""
        async with asyncio.timeout(READY):
            while (said := await self.ready())[0] == 200:
                await asyncio.sleep(0.01)
        return said[1]["missing"]

    async def whole(self) -> tuple[int, Any]:
        async with self.asking("on", stream=False) as reply:
            return reply.status, (await reply.json()).get("error")

    @asynccontextmanager
    async def asking(self, retrieval: str, stream: bool = True) -> AsyncIterator[aiohttp.ClientResponse]:
        body = asked(retrieval, "When do cats hunt?", stream=stream)
        async with self.session.post(self.url + "/v1/chat/completions", json=body) as reply:
            yield reply


async def begun(reply: aiohttp.ClientResponse) -> bytes:
    """What came of a stream when its second piece has."""
    raw = b""
    while TEXT[1].split()[0].encode() not in raw:
        raw += await reply.content.readany()
    return raw


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twin")
    twin(folder, "init", "--author", "Ada")
    (folder / "notes" / "cats.md").write_text("# Cats\n\nA cat hunts at dawn and at dusk.\n")
    twin(folder, "documents", "sync")
    twin(folder, "index", "build", "--switch")
    return folder


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@asynccontextmanager
async def serving(folder: Path, server: ModelServer, drain: float) -> AsyncIterator[Process]:
    settings = {"TWIN_MODEL_URL": server.url, "TWIN_MODEL_NAME": "double", "TWIN_DRAIN_TIMEOUT": str(drain)}
    command = [str(TWIN), "serve", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=environment(**settings), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(READY):
            while b"serving on" not in (line := await process.stderr.readline()):
                assert line, "it did not start"
            gate = Process(process, line.decode().split()[2], session)
            yield gate
        gate.said = (await process.stderr.read()).decode()
        assert "Traceback" not in gate.said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def traces(folder: Path, count: int) -> list[tuple[str, str]]:
    """Status and reason of the newest traces."""
    store = TraceStore(folder / ".twin" / "traces.db")
    await store.open()
    try:
        return [(one.status, one.spans[0].error) for one in await store.list(limit=count)]
    finally:
        await store.close()


async def test_streams_end_whole_while_the_gateway_says_that_it_stops(folder: Path, server: ModelServer) -> None:
    server.script = [Say(hold=2)]
    async with serving(folder, server, drain=60) as gate:
        assert (await gate.ready())[0] == 200
        async with gate.asking("on") as one, gate.asking("off") as other:
            raw = [await begun(one), await begun(other)]
            gate.stop()
            assert await gate.stopping() == ["the gateway is stopping"]
            async with gate.asking("on") as late:
                assert (late.status, (await late.json())["error"]["code"]) == (503, "stopping")
                assert late.headers["retry-after"] == "1"
            server.release.set()
            raw = [raw[0] + await one.content.read(), raw[1] + await other.content.read()]
        assert [part.rstrip().endswith(b"data: [DONE]") for part in raw] == [True, True]
        assert await gate.status() == 0
    assert await traces(folder, 2) == [("ok", ""), ("ok", "")]


@pytest.mark.parametrize(("drain", "signals"), [(0.5, 1), (60, 2)])
async def test_stream_that_outlasts_the_drain_or_a_second_signal_ends_with_the_reason(
    folder: Path, server: ModelServer, drain: float, signals: int
) -> None:
    server.script = [Hang(2)]
    async with serving(folder, server, drain) as gate:
        async with gate.asking("on") as one, gate.asking("off") as other:
            for reply in (one, other):
                await begun(reply)
            third = asyncio.create_task(gate.whole())
            while len(server.requests) < 3:
                await asyncio.sleep(0.001)
            gate.stop()
            if signals == 2:
                await gate.stopping()
                gate.stop()
            for reply in (one, other):
                raw = await reply.content.read()
                error = json.loads(raw.rstrip().rpartition(b"data: ")[2])["error"]
                assert error["message"].startswith("the gateway stopped before the answer was whole")
                assert error["trace"] == reply.headers["x-twin-trace"]
            status, error = await third
            assert (status, error["code"]) == (503, "stopping")
        assert await gate.status() == 0
    assert await traces(folder, 3) == [("error", "the gateway stopped before the answer was whole")] * 3


async def test_gateway_without_questions_stops_at_once_and_logged_what_was_wrong(folder: Path, server: ModelServer) -> None:
    keys = folder / ".twin" / "keys.json"
    async with serving(folder, server, drain=60) as gate:
        await gate.ready()
        keys.write_text("{")
        async with asyncio.timeout(READY):
            while (await gate.whole())[0] != 503:  # it looks at the file twice a second
                await asyncio.sleep(0.05)
        keys.unlink()
        gate.stop()
        assert await gate.status() == 0
    lines = [json.loads(line) for line in gate.said.splitlines()]
    assert {(line["level"], line["release"], line["stage"]) for line in lines} == {("error", "local", "answer")}
    assert str(keys) in lines[0]["message"]
