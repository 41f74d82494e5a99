"""A share of conversations for a candidate, seen from the outside: whom the model server is asked for, and what is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from services.gateway.standing import Standing
from tests.doubles.model_server import ModelServer, Status
from tests.integration.gateway.rig import Gate, gateway
from tests.unit.answer.fakes import ListSearcher
from twin.answer.canary import Canary
from twin.drivers.openai.generator import OpenAIGenerator

CANDIDATE = "adapter-0123456789ab"


@asynccontextmanager
async def with_candidate(folder: Path, server: ModelServer, share: int) -> AsyncIterator[Gate]:
    async with gateway(folder, server) as gate:
        model = gate.state.upstream
        candidate = OpenAIGenerator(model.server, CANDIDATE)
        gate.state.answerer = replace(gate.state.answerer, canary=Canary(candidate, share, lambda: True))
        yield gate


@pytest.mark.parametrize("retrieval", ["on", "off"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_stays_with_whom_it_began(tmp_path: Path, retrieval: str, stream: bool) -> None:
    async with ModelServer() as server, with_candidate(tmp_path, server, 50) as gate:
        turns = {}
        for number in range(20):
            first = {"role": "user", "content": f"Question {number}: when do cats hunt?"}
            later = [first, {"role": "assistant", "content": "At night."}, {"role": "user", "content": "Why?"}]
            for messages in ([first], later):
                server.requests.clear()
                reply = await gate.ask(retrieval, messages=messages, stream=stream)
                assert reply.status == 200
                turns.setdefault(number, []).append(server.requests[-1]["model"])
        assert all(before == after for before, after in turns.values())
        assert {before for before, _ in turns.values()} == {"double", CANDIDATE}


async def test_traces_metrics_and_the_answer_name_who_answered(tmp_path: Path) -> None:
    async with ModelServer() as server, with_candidate(tmp_path, server, 100) as gate:
        assert (await gate.ask()).status == 200
        assert (await gate.trace()).model == CANDIDATE
        assert (await gate.ask(retrieval="off")).status == 200
        assert (await gate.trace()).model == CANDIDATE
        counted = (await gate.call("GET", "/metrics")).raw.decode()
        assert f'twin_answers_total{{adapter="{CANDIDATE}",mode="model",result="ok"}} 1.0' in counted
        assert f'twin_answers_total{{adapter="{CANDIDATE}",mode="pass_through",result="ok"}} 1.0' in counted
        about = (await gate.call("GET", "/v1/models")).json["data"][0]["twin"]
        assert about["canary"] == {"model": CANDIDATE, "share": 100, "ready": True}


async def test_either_can_be_asked_for_by_name(tmp_path: Path) -> None:
    async with ModelServer() as server, with_candidate(tmp_path, server, 0) as gate:
        for name in (CANDIDATE, "double"):
            assert (await gate.ask(model=name)).status == 200
            assert server.requests[-1]["model"] == name
        assert (await gate.ask(model="adapter-unknown")).status == 404


async def test_a_model_server_that_knows_the_adapter_no_more_has_it_looked_after_at_once(tmp_path: Path) -> None:
    async with ModelServer(script=[Status(404)]) as server, gateway(tmp_path, server) as gate:
        gate.state.standing = Standing(searcher=ListSearcher())
        reply = await gate.ask()
        assert (reply.status, reply.json["error"]["code"]) == (502, "upstream_not_found")
        assert gate.state.standing._woken.is_set()


async def test_differences_from_the_release_keep_the_gateway_unready_and_are_named(tmp_path: Path) -> None:
    async with ModelServer() as server, gateway(tmp_path, server) as gate:
        gate.state.standing = Standing(
            searcher=ListSearcher(), differences=("release 2026-11-20.1 has index a, but b is live",)
        )
        reply = await gate.call("GET", "/readyz")
        assert (reply.status, reply.json["missing"]) == (503, ["release 2026-11-20.1 has index a, but b is live"])
        assert "twin_release_differences 1.0" in (await gate.call("GET", "/metrics")).raw.decode()
        assert (await gate.ask()).status == 200, "what is deployed already goes on answering"
