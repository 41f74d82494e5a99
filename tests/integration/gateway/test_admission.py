"""The queue before the answers: who gets a place, who is told to come again, and that no place is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.gateway.limits import Admission
from tests.doubles.model_server import ModelServer, Say
from tests.integration.gateway.rig import PATIENT, asked, gateway, request

CROWD = 200


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        server.script = [Say(hold=0)]
        yield server


async def until(true: Callable[[], bool]) -> None:
    """What clients do reaches the gateway's state over sockets, where no event tells of it."""
    async with asyncio.timeout(PATIENT):
        while not true():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_beyond_places_and_queue_a_question_is_refused_and_the_queue_is_answered(
    tmp_path: Path, server: ModelServer, retrieval: str
) -> None:
    async with gateway(tmp_path, server, admission=Admission(2, 1, PATIENT)) as gate:
        places = gate.state.admission
        taken = [asyncio.create_task(gate.ask(retrieval, stream=stream)) for stream in (True, False)]
        await until(lambda: len(server.requests) == 2)
        queued = asyncio.create_task(gate.ask(retrieval))
        await until(lambda: places.waiting == 1)
        refused = await gate.ask(retrieval)
        assert (refused.status, refused.json["error"]["code"], refused.headers["retry-after"]) == (429, "overloaded", "1")
        assert (await gate.call("GET", "/healthz")).status == 200
        seen = (await gate.call("GET", "/metrics")).raw.decode()
        assert "twin_answers_active 2.0" in seen
        assert "twin_answers_waiting 1.0" in seen
        assert len(server.requests) == 2
        server.release.set()
        assert [reply.status for reply in await asyncio.gather(*taken, queued)] == [200, 200, 200]
        await gate.idle()


async def test_question_that_waits_too_long_is_told_to_come_again(tmp_path: Path, server: ModelServer) -> None:
    async with gateway(tmp_path, server, admission=Admission(1, 5, 0.1)) as gate:
        first = asyncio.create_task(gate.ask())
        await until(lambda: bool(server.requests))
        for path, body in (
            ("/v1/chat/completions", asked()),
            ("/v1/retrieve", {"query": "cats"}),
            ("/v1/embeddings", {"input": "a"}),
        ):
            late = await gate.call("POST", path, body)
            assert (late.status, late.json["error"]["code"], late.headers["retry-after"]) == (503, "overloaded", "2")
        server.release.set()
        assert (await first).status == 200
        await gate.idle()


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_clients_that_leave_while_they_wait_give_their_places_back(
    tmp_path: Path, server: ModelServer, retrieval: str
) -> None:
    async with gateway(tmp_path, server, admission=Admission(1, CROWD, PATIENT)) as gate:
        places = gate.state.admission
        first = asyncio.create_task(gate.ask(retrieval))
        await until(lambda: bool(server.requests))
        crowd = [(await gate.connect())[1] for _ in range(CROWD)]
        for writer in crowd:
            writer.write(request(asked(retrieval)))
        await until(lambda: places.waiting == CROWD)
        assert (await gate.ask(retrieval)).status == 429
        for writer in crowd:
            writer.transport.abort()
        await until(lambda: places.waiting == 0)
        assert places.active == 1
        server.release.set()
        assert (await first).status == 200
        assert (await gate.ask(retrieval)).status == 200
        assert len(server.requests) == 2  # nobody who left was answered
        await gate.idle()


async def test_clients_that_leave_as_places_come_free_lose_none(tmp_path: Path, server: ModelServer) -> None:
    server.release.set()
    async with gateway(tmp_path, server, admission=Admission(2, CROWD, PATIENT)) as gate:
        for round in range(10):
            crowd = [(await gate.connect())[1] for _ in range(20)]
            for writer in crowd:
                writer.write(request(asked(stream=bool(round % 2))))
            await until(lambda: gate.state.admission.active > 0)
            for writer in crowd[round:]:
                writer.transport.abort()
                await asyncio.sleep(0)
            await gate.idle()
            for writer in crowd[:round]:
                writer.close()
        replies = await asyncio.gather(*(gate.ask() for _ in range(4)))
        assert [reply.status for reply in replies] == [200] * 4


async def test_total_time_begins_when_the_answer_does(tmp_path: Path, server: ModelServer) -> None:
    async with gateway(tmp_path, server, admission=Admission(1, 5, PATIENT)) as gate:
        gate.state.total_timeout = 0.3  # the gateway's alone: the driver's own is over in the same moment on a busy machine
        replies = await asyncio.gather(gate.ask(), gate.ask())
        assert [(one.status, one.json["error"]["code"]) for one in replies] == [(504, "timeout")] * 2
        assert "TWIN_TOTAL_TIMEOUT" in replies[1].json["error"]["message"]
        assert {(await gate.trace()).status, (await gate.trace()).status} == {"error"}
        await gate.idle()


async def test_question_to_a_twin_that_stops_is_refused_and_those_inside_are_answered(
    tmp_path: Path, server: ModelServer
) -> None:
    async with gateway(tmp_path, server) as gate:
        first = asyncio.create_task(gate.ask(stream=True))
        await until(lambda: bool(server.requests))
        closing = asyncio.create_task(gate.state.admission.close())
        await asyncio.sleep(0)
        refused = await gate.ask()
        assert (refused.status, refused.json["error"]["code"], refused.headers["retry-after"]) == (503, "stopping", "1")
        assert not closing.done()
        server.release.set()
        assert (await first).events[-1] == "[DONE]"
        await closing
