"""A model server that refuses, hangs, dies or talks nonsense: a clear error with a trace, and nothing that looks whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from services.gateway import passthrough
from tests.doubles.model_server import Bytes, Drop, Hang, ModelServer, Raw, Say, Status, delta, frame
from tests.integration.gateway.rig import QUESTION, UPSTREAM_KEY, Gate, Reply, asked, gateway, request
from twin.drivers.openai import http

NOWHERE = "http://127.0.0.1:9/v1"
SOONER = {"first_token": 0.15, "idle": 0.15}
HALF, OPEN = frame(delta("Half an ")) + frame(delta("answer")), b'{"choices": [{"message": {"content": "Half'
TORN = frame(delta("Half")) + b'data: {"choices": [{"del'
MODES = [(retrieval, stream) for retrieval in ("on", "off") for stream in (True, False)]
modes = pytest.mark.parametrize(("retrieval", "stream"), MODES)


@dataclass(frozen=True)
class Fault:
    """What a model server does, `events` where it is asked to stream and `whole` where not, and the statuses for it."""

    events: Any
    whole: Any
    on: int = 502
    off: int = 502
    settings: Any = ()
    begun: bool = False  # its first piece came: a stream's status is 200


def _same(script: Any, on: int = 502, off: int = 502, **settings: float) -> Fault:
    return Fault(script, script, on, off, settings)


def _begun(data: bytes = HALF, whole: bytes = OPEN, status: int = 502, settings: Any = (), **ending: bool) -> Fault:
    events, plain = Raw(data, **ending), Raw(whole, kind="application/json", **ending)
    return Fault(events, plain, status, status, settings, begun=True)


FAULTS = {
    "says nothing": _same(Hang(), 504, 504, **SOONER),
    "stops half way": _begun(status=504, settings=SOONER, hang=True),
    "stops inside an event": _begun(TORN, status=504, settings=SOONER, hang=True),
    "dies half way": _begun(reset=True),
    "dies inside an event": _begun(TORN, reset=True),
    "ends half way": _begun(),
    "never ends": _begun(HALF, b" ", 504, {"total": 0.3}, endless=True),
    "closes before it answers": _same(Drop()),
    "speaks no HTTP": _same(Bytes(b"\x00\xff\x00 what?\r\n\r\n")),
    "sends an endless head": _same(Bytes(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000)),
    "sends no JSON in a stream": Fault(Raw(b"data: {not json\n\n"), Raw(b"{not json", kind="application/json")),
    "sends bytes": Fault(Raw(bytes(range(256)) * 40), Raw(bytes(range(256)) * 40, kind="application/json")),
    "ends without a word": Fault(Raw(b""), Raw(b"", kind="application/json")),
    "nests without end": _same(Status(200, b"[" * 100_000)),
    "answers with a page": _same(Status(200, b"<html>", "text/html")),
    "fails with a page": _same(Status(500, b"<html>", "text/html"), off=500),
    "redirects": _same(Status(302, b"{}", headers=(("location", "http://127.0.0.1:9/"),))),
    "refuses our key": _same(Status(401, b'{"error": {"message": "bad key sk-upst***7890"}}')),
    "is busy": _same(Status(429, headers=(("retry-after", "7"),)), 503, 429),
    "is busy without an end": _same(Status(429, headers=(("retry-after", "9" * 5000),)), 503, 429),
    "is over its limit": _same(Status(503, headers=(("retry-after", "7"),)), 502, 503),
}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


def error_in(reply: Reply) -> dict[str, Any] | None:
    """The error that a reply ends with, in OpenAI's form; None where the connection was cut instead."""
    assert b"[DONE]" not in reply.raw
    if not reply.whole:
        return None
    found = (reply.events[-1] if reply.headers["content-type"].startswith("text/event-stream") else reply.json)["error"]
    assert found["message"]
    return found


@modes
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_of_the_model_server_is_a_clear_error_with_its_trace(
    tmp_path: Path, server: ModelServer, fault: str, retrieval: str, stream: bool
) -> None:
    does = FAULTS[fault]
    server.script = [does.events if stream or retrieval == "on" else does.whole]
    async with gateway(tmp_path, server, **dict(does.settings)) as gate:
        reply = await gate.ask(retrieval, stream=stream)
        trace = await gate.trace()
        await gate.idle()
    passed = retrieval == "off" and stream and isinstance(does.events, Raw) and does.events.data
    begun = bool(stream and (does.begun or passed))
    assert reply.status == (200 if begun else does.on if retrieval == "on" else does.off)
    assert (trace.status, reply.headers["x-twin-trace"]) == ("error", trace.id)
    said = error_in(reply)
    if said and "scripted_code" not in str(said):  # the pass-through gives the model server's own words
        assert said["trace"] == trace.id
        assert {"message", "type", "param", "code"} <= said.keys()
    if begun and retrieval == "on":
        assert said
        assert reply.said.startswith("Half")
    assert UPSTREAM_KEY not in f"{reply} {trace}"
    assert "sk-upst" not in f"{reply}"
    assert reply.headers.get("retry-after") in {None, "1", "7", "9" * 5000}


@pytest.mark.parametrize("retrieval", ["on", "off"])
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.begun])
async def test_openais_client_takes_no_broken_stream_for_a_whole_one(
    tmp_path: Path, server: ModelServer, fault: str, retrieval: str
) -> None:
    server.script = [FAULTS[fault].events]
    async with (
        gateway(tmp_path, server, **dict(FAULTS[fault].settings)) as gate,
        openai.AsyncOpenAI(base_url=f"{gate.url}/v1", api_key="none", max_retries=0) as client,
    ):
        options = {"twin": {"retrieval": retrieval}}
        body = asked(text=QUESTION)
        stream = await client.chat.completions.create(**body, stream=True, extra_body=options)
        with pytest.raises((openai.APIError, httpx.HTTPError)):
            async for _ in stream:
                pass


@modes
async def test_model_server_that_is_not_there_is_named(tmp_path: Path, retrieval: str, stream: bool) -> None:
    async with gateway(tmp_path, NOWHERE) as gate:
        reply = await gate.ask(retrieval, stream=stream)
        assert (reply.status, reply.json["error"]["code"]) == (502, "upstream_unreachable")
        assert (await gate.trace()).status == "error"


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_busy_model_server_tells_how_long_to_wait(tmp_path: Path, server: ModelServer, retrieval: str) -> None:
    server.script = [Status(429, headers=(("retry-after", "7"),))]
    async with gateway(tmp_path, server) as gate:
        assert (await gate.ask(retrieval)).headers["retry-after"] == "7"
        assert len(server.requests) == 1  # seven seconds are the client's to wait


@modes
async def test_reply_without_an_end_is_not_held_in_memory(
    tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch, retrieval: str, stream: bool
) -> None:
    monkeypatch.setattr(passthrough, "REPLY_LIMIT", 100_000)
    for module in (http, __import__("twin.drivers.openai.generator", fromlist=["x"])):
        monkeypatch.setattr(module, "REPLY_LIMIT", 100_000)
    if retrieval == "off" and stream:
        return  # nothing of it is held: the next test
    plain = Raw(b" " * 1000, kind="application/json", endless=True)
    server.script = [Raw(HALF, endless=True) if retrieval == "on" else plain]
    async with gateway(tmp_path, server) as gate:
        said = error_in(await gate.ask(retrieval, stream=stream))
        assert said
        assert "100,000 bytes" in said["message"]
        await asyncio.wait_for(server.gone.wait(), 30)


@modes
@pytest.mark.parametrize("begun", [True, False])
async def test_client_that_leaves_takes_its_call_to_the_model_server_along(
    tmp_path: Path, server: ModelServer, retrieval: str, stream: bool, begun: bool
) -> None:
    plain = Raw(OPEN, kind="application/json", hang=True)
    server.script = [(Hang(2) if stream or retrieval == "on" else plain) if begun else Hang()]
    async with gateway(tmp_path, server) as gate:
        reader, writer = await gate.connect()
        writer.write(request(asked(retrieval, stream=stream)))
        if begun and stream:
            assert b"200" in await reader.readline()
        while not server.requests:
            await asyncio.sleep(0)
        writer.close()
        await asyncio.wait_for(server.gone.wait(), 30)
        trace = await gate.trace()
        assert (trace.status, trace.spans[0].error) == ("cancelled", "the client went away")
        await gate.idle()
        mode = "model" if retrieval == "on" else "pass_through"
        counted = (await gate.call("GET", "/metrics")).raw.decode()
        assert f'twin_answers_total{{adapter="double",mode="{mode}",result="cancelled"}} 1.0' in counted


ODD = {
    "no number of a call": delta(tool_calls=[{"index": "x", "function": {"arguments": "{}"}}]),
    "a number of a call beyond all": delta(tool_calls=[{"index": 10**12, "function": {"name": "f"}}]),
    "calls that are none": delta(tool_calls="call me"),
    "a function that is none": delta(tool_calls=[None, {"index": 0, "function": ["f"]}, {"function": {"arguments": 3}}]),
    "text that is a number": delta(3),
    "text in parts": delta([{"type": "text", "text": "a"}, {"type": "image"}, None]),
    "an end that is no word": delta(finish=3),
    "choices that are none": {"choices": "x"},
    "a choice that is none": {"choices": [None]},
    "no delta": {"choices": [{"index": 0, "delta": None}]},
    "probabilities that are none": {"choices": [{"index": 0, "delta": {}, "logprobs": "x"}]},
    "less than no tokens": {"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": -1}},
    "tokens beyond all": {"choices": [], "usage": {"prompt_tokens": 10**400, "completion_tokens": 10**18}},
    "tokens that are words": {"choices": [], "usage": {"prompt_tokens": "5", "completion_tokens": None}},
    "a model that is none": {**delta("a"), "model": {"x": 1}},
    "half a sign": delta("\ud83d"),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("odd", ODD)
async def test_odd_field_of_the_model_server_is_no_failure_of_ours(
    tmp_path: Path, server: ModelServer, caplog: pytest.LogCaptureFixture, odd: str, stream: bool
) -> None:
    frames = (delta("Tombstones mark"), delta(finish="stop"), ODD[odd])  # last, for the last usage is what counts
    server.script = [Raw(b"".join(frame(one) for one in frames) + frame(b"[DONE]"))]
    async with gateway(tmp_path, server) as gate:
        reply = await gate.ask(stream=stream)
        trace = await gate.trace()
    if trace.status == "ok":
        assert "Tombstones mark" in (reply.said if stream else reply.json["choices"][0]["message"]["content"])
        assert (reply.events[-1] == "[DONE]") if stream else reply.status == 200
    else:
        said = error_in(reply)
        assert said
        assert said["message"].startswith("the model server")
        assert reply.status == (200 if stream else 502)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_headers_that_are_none_are_left_out(tmp_path: Path, server: ModelServer) -> None:
    server.script = [Status(200, b"{}", headers=(("x-request-id", "a\x01b"), ("retry-after-ms", "é")))]
    async with gateway(tmp_path, server) as gate:
        reply = await gate.ask("off")
        assert (reply.status, reply.raw, "x-request-id" in reply.headers) == (200, b"{}", False)
        assert reply.headers["retry-after-ms"] == "é"


@modes
async def test_good_answer_after_a_fault_is_whole(tmp_path: Path, server: ModelServer, retrieval: str, stream: bool) -> None:
    server.script = [Drop(), Drop(), Drop(), Say()]
    async with gateway(tmp_path, server) as gate:
        replies = [await gate.ask(retrieval, stream=stream) for _ in range(4)]
        assert replies[-1].status == 200
        assert "Tombstones" in replies[-1].raw.decode()
        assert QUESTION in str(server.requests[-1])
        assert (replies[-1].events[-1] == "[DONE]") if stream else replies[-1].json["choices"]


async def test_call_is_made_again_only_before_its_first_byte(tmp_path: Path, server: ModelServer) -> None:
    async with gateway(tmp_path, server) as gate:
        server.script = [Drop(), Status(503), Say()]
        assert (await gate.ask(stream=True)).events[-1] == "[DONE]"
        assert len(server.requests) == 3
        server.script = [Raw(HALF, reset=True), Say()]
        assert "error" in (await gate.ask(stream=True)).events[-1]
        assert len(server.requests) == 4


async def wait_full(gate: Gate) -> None:
    """Until the one client's socket takes nothing more."""
    while not any(one.flow.write_paused for one in gate.server.server_state.connections):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_reader_that_stops_reading_holds_neither_memory_nor_a_place(
    tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch, retrieval: str
) -> None:
    monkeypatch.setattr("services.gateway.http.LAST_WORDS", 0.05)
    server.script = [Raw(frame(delta("x" * 30_000)), endless=True)]
    async with gateway(tmp_path, server, total=4) as gate:
        reader, writer = await gate.connect(buffer=4096)
        writer.write(request(asked(retrieval, stream=True)))
        await reader.readline()
        writer.transport.pause_reading()
        await asyncio.wait_for(wait_full(gate), 30)
        held = [one.transport.get_write_buffer_size() for one in gate.server.server_state.connections]
        assert max(held) < 1_000_000
        trace = await gate.trace()
        assert (trace.status, "longer than 4 s" in trace.spans[0].error) == ("error", True)
        await asyncio.wait_for(server.gone.wait(), 30)
        await gate.idle()
        writer.transport.abort()
