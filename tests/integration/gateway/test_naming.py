"""What an answer is called everywhere, what is counted under which names, and what is never written down."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.model_server import Hang, ModelServer, Say, Status, delta
from tests.integration.gateway.rig import UPSTREAM_KEY, Gate, asked, gateway
from twin.drivers.keys import Keys

BOTH = pytest.mark.parametrize("retrieval", ["on", "off"])


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def gate(tmp_path: Path, server: ModelServer) -> AsyncIterator[Gate]:
    async with gateway(tmp_path, server) as gate:
        yield gate


@pytest.mark.parametrize("stream", [True, False])
async def test_answer_is_called_after_its_trace_everywhere(gate: Gate, stream: bool) -> None:
    reply = await gate.ask(stream=stream)
    trace = await gate.trace()
    assert reply.headers["x-twin-trace"] == trace.id
    parts = [one for one in reply.events if one != "[DONE]"] if stream else [reply.json]
    assert {one["id"] for one in parts} == {f"chatcmpl-{trace.id}"}
    assert [one["twin"]["trace"] for one in parts if "twin" in one] == [trace.id]
    assert (await gate.call("GET", f"/v1/traces/{trace.id}")).json["id"] == trace.id
    assert (await gate.call("POST", "/v1/feedback", {"trace": trace.id, "score": "up"})).status == 200
    assert gate.sink.scores == [(trace.id, 1.0, "")]


@pytest.mark.parametrize("stream", [True, False])
async def test_pass_through_names_its_trace_and_changes_no_byte(gate: Gate, server: ModelServer, stream: bool) -> None:
    reply = await gate.ask("off", stream=stream, model="twin")
    trace = await gate.trace()
    assert (reply.headers["x-twin-trace"], trace.status) == (trace.id, "ok")
    assert b'"model": "double"' in reply.raw
    assert server.requests[-1]["model"] == "double"
    assert f"bearer {UPSTREAM_KEY}" == server.headers[-1]["authorization"]


async def test_no_two_answers_have_one_name(gate: Gate) -> None:
    names = {(await gate.ask()).json["id"] for _ in range(20)}
    assert len(names) == 20


async def test_twin_is_the_one_model(gate: Gate) -> None:
    listed = (await gate.call("GET", "/v1/models")).json["data"]
    assert [one["id"] for one in listed] == ["twin"]
    assert (await gate.call("GET", "/v1/models/twin")).json == listed[0]
    for wrong in ("gpt-9", "", "twin/", "TWIN", "a/b", "%252e", "x" * 5000, "\N{SNOWMAN}"):
        reply = await gate.call("GET", f"/v1/models/{wrong}")
        assert (reply.status, reply.json["error"]["code"], reply.json["error"]["param"]) == (404, "model_not_found", "model")
        assert len(reply.raw) < 1000
    assert (await gate.ask(model="gpt-9")).json["error"]["code"] == "model_not_found"
    assert (await gate.ask(model="double")).status == 200


async def series(gate: Gate) -> set[str]:
    text = (await gate.call("GET", "/metrics")).raw.decode()
    return {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


async def test_what_clients_send_adds_no_series(gate: Gate) -> None:
    async def round(n: int) -> None:
        for path in (f"/x{n}", f"/v1/models/m{n}", f"/v1/traces/0{n}", f"/v1/models?x={n}", f"/assets/{n}.js", f"/v1/chat/{n}"):
            await gate.call("GET", path)
        await gate.call(f"M{n}X".replace("0", "A"), "/v1/models")
        await gate.ask(model=f"m{n}")
        await gate.ask("off", model=f"m{n}")
        await gate.ask(user=f"u{n}", twin={"thread": f"t{n}", "filter": {"author": f"a{n}", "kind": f"k{n}"}})
        await gate.call("POST", "/v1/retrieve", {"query": f"q{n}", "filter": {"author": f"a{n}"}})

    await round(0)
    await series(gate)
    before = await series(gate)
    for n in range(1, 15):
        await round(n)
    assert await series(gate) == before
    assert not [one for one in before if "x0" in one or "m0" in one]


async def test_every_answer_is_counted_once_by_its_end(gate: Gate, server: ModelServer) -> None:
    server.script = [Say(), Say(), Status(422), Status(500), Say(done=False, finish=None), Say()]
    for retrieval in ("on", "off", "off", "off", "off"):
        await gate.ask(retrieval, stream=True)
    found = await series(gate)
    counted = {one for one in found if one.startswith("twin_answers_total")}
    assert counted == {
        'twin_answers_total{adapter="double",mode="model",result="ok"}',
        'twin_answers_total{adapter="double",mode="pass_through",result="ok"}',
        'twin_answers_total{adapter="double",mode="pass_through",result="refused"}',
        'twin_answers_total{adapter="double",mode="pass_through",result="error"}',
        'twin_answers_total{adapter="double",mode="pass_through",result="broken"}',
    }


@BOTH
async def test_no_secret_and_no_question_is_logged(
    tmp_path: Path, server: ModelServer, caplog: pytest.LogCaptureFixture, retrieval: str
) -> None:
    caplog.set_level(logging.DEBUG)
    keys, word = Keys(tmp_path / "keys.json"), "Xylophonquitte"
    _, token = keys.create("one", ["ask"])
    async with gateway(tmp_path, server, keys=keys, first_token=0.1) as gate:
        server.script = [Say(extra=(delta(f"{word} said"),)), Status(401), Status(500, word.encode()), Hang()]
        for _ in range(4):
            await gate.ask(retrieval, f"What is {word}?", token, stream=True)
        await gate.call("POST", "/v1/retrieve", {"query": word}, authorization=f"Bearer {token}x")
        await gate.call("GET", f"/{word}?key={token}")
        await gate.call("POST", "/v1/chat/completions", asked(retrieval, word), authorization=f"Basic {token}")
        await gate.idle()
    for secret in (token, token.rpartition("_")[2], UPSTREAM_KEY, word):
        assert secret not in caplog.text
        assert not [record for record in caplog.records if secret in str(record.__dict__)]
