"""/readyz and /healthz while a model server is away, silent, or in the middle of starting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.gateway import routes
from tests.doubles.model_server import ModelServer
from tests.integration.gateway.rig import gateway


async def test_model_server_that_serves_makes_the_gateway_ready(tmp_path: Path) -> None:
    async with ModelServer() as server, gateway(tmp_path, server) as gate:
        assert (await gate.call("GET", "/readyz")).json == {"ready": True, "missing": [], "release": "r1"}


async def test_model_server_that_is_away_is_named_and_the_process_stays_alive(tmp_path: Path) -> None:
    async with gateway(tmp_path, "http://127.0.0.1:9/v1") as gate:
        reply = await gate.call("GET", "/readyz")
        assert reply.status == 503
        assert "cannot be reached" in reply.json["missing"][0]
        assert (await gate.call("GET", "/healthz")).status == 200


async def test_model_server_that_says_nothing_does_not_keep_a_probe_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "READY_SECONDS", 0.1)
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the gateway hangs up
        gone.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with gateway(tmp_path, f"http://127.0.0.1:{port}/v1") as gate:
            reply = await gate.call("GET", "/readyz")
            assert (reply.status, reply.json["missing"]) == (
                503,
                ["the model server did not say within 0.1 s that it is there"],
            )
            await asyncio.wait_for(gone.wait(), 30)


async def test_index_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    async with gateway(tmp_path) as gate:
        gate.state.searcher.index = ""
        assert "no index is live" in (await gate.call("GET", "/readyz")).json["missing"][0]
        assert (await gate.ask()).status == 503
