"""`twin.retrieval: off`: the model server's own bytes, and its failures in clear words."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from tests.doubles.model_server import ModelServer, Say, Status
from tests.integration.gateway.scripted_gateway import ScriptedTwin, Served

BODY = {
    "model": "twin",
    "messages": [{"role": "user", "content": "hi"}],
    "twin": {"retrieval": "off"},
    "temperature": 0.5,
    "odd": 1,
}


class Sink(ScriptedTwin):
    """A twin that keeps the traces it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.traced = threading.Event()

    def put(self, trace) -> None:
        self.kept[trace.id] = trace
        self.traced.set()


@pytest.fixture
async def server():
    async with ModelServer() as server:
        yield server


@pytest.fixture
def served(server: ModelServer, tmp_path: Path):
    twin = Sink()
    with Served(twin, tmp_path) as served:
        served.twin = twin
        served.state.upstream = SimpleNamespace(model="real-model")
        served.state.upstream_url = server.url.rstrip("/")
        yield served


async def ask(served: Served, **more):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{served.url}v1/chat/completions", json={**BODY, **more}) as reply,
    ):
        return reply.status, reply.headers, await reply.read()


async def test_a_stream_comes_through_and_unknown_fields_arrive(served: Served, server: ModelServer) -> None:
    server.script = [Say()]
    status, headers, raw = await ask(served, stream=True)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert b"Tombstones" in raw
    sent = server.requests[-1]
    sent = sent if isinstance(sent, dict) else sent.body
    assert (sent["model"], sent["temperature"], sent["odd"]) == ("real-model", 0.5, 1)
    assert "twin" not in sent
    assert await asyncio.to_thread(served.twin.traced.wait, 10)  # it is put after the last byte went out
    assert [trace.status for trace in served.twin.kept.values()] == ["ok"]


async def test_the_model_servers_own_error_comes_through(served: Served, server: ModelServer) -> None:
    server.script = [Status(422)]
    status, _, raw = await ask(served)
    assert status == 422
    assert b"scripted_code" in raw


async def test_a_model_server_that_is_not_there_is_a_502(served: Served) -> None:
    served.state.upstream_url = "http://127.0.0.1:9/v1"
    status, _, raw = await ask(served)
    assert status == 502
    assert b"the model server cannot be reached" in raw
    assert served.state.admission.active == 0
