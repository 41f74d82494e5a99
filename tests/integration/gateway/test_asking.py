"""What a request may ask for beside its question, and what of the model server's own fields comes through."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.model_server import ModelServer, Raw, Say, Status, delta, frame
from tests.integration.gateway.rig import Gate, Reply, gateway

CITED = ("Cats hunt at dawn ", "[1].")
AUDIO = {"type": "audio_citation", "audio_citation": {"second": 3}}
INVENTED = {"type": "url_citation", "url_citation": {"url": "https://made.up"}}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        server.script = [Say(CITED)]
        yield server


@pytest.fixture
async def gate(tmp_path: Path, server: ModelServer) -> AsyncIterator[Gate]:
    async with gateway(tmp_path, server, passages=2) as gate:
        yield gate


def answered(reply: Reply) -> tuple[dict[str, Any], dict[str, Any]]:
    """The message with annotations, and the twin object, of an answer streamed or not."""
    assert reply.status == 200, reply.raw
    if reply.headers["content-type"].startswith("application/json"):
        return reply.json["choices"][0]["message"], reply.json["twin"]
    last = [one for one in reply.events if isinstance(one, dict) and "twin" in one]
    return last[0]["choices"][0]["delta"], last[0]["twin"]


@pytest.mark.parametrize("stream", [False, True])
async def test_as_many_passages_are_used_as_is_set_and_as_the_request_says(gate: Gate, stream: bool) -> None:
    assert len(answered(await gate.ask(stream=stream))[1]["passages"]) == 2
    assert len(answered(await gate.ask(stream=stream, twin={"k": 3}))[1]["passages"]) == 3


async def test_as_many_passages_are_retrieved_as_is_set_and_as_the_request_says(gate: Gate) -> None:
    for k, number in ({}, 2), ({"k": 1}, 1), ({"k": None}, 2):
        assert len((await gate.call("POST", "/v1/retrieve", {"query": "cats", **k})).json["data"]) == number


async def test_a_kind_that_no_document_has_is_refused_with_those_that_there_are(gate: Gate) -> None:
    chat = await gate.ask(twin={"filter": {"kind": "foo"}})
    retrieved = await gate.call("POST", "/v1/retrieve", {"query": "cats", "filter": {"kind": "Article"}})
    for reply, param in (chat, "twin.filter.kind"), (retrieved, "filter.kind"):
        assert (reply.status, reply.json["error"]["param"]) == (400, param)
        assert "article, post, repository" in reply.json["error"]["message"]
    assert (await gate.ask(twin={"filter": {"kind": "article"}})).status == 200


def streamed(*deltas: dict[str, Any]) -> Raw:
    return Raw(b"".join(frame(one) for one in deltas) + frame(delta(finish="stop")) + frame(b"[DONE]"))


def whole(*annotations: Any) -> Status:
    message = {"role": "assistant", "content": "".join(CITED), "annotations": list(annotations)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Status(200, json.dumps({"object": "chat.completion", "model": "double", "choices": [choice]}).encode())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        whole(),
        whole(INVENTED, AUDIO),
        whole("x", None, 3),
        streamed(delta(CITED[0], annotations=[]), delta(CITED[1], annotations=[INVENTED])),
        streamed(delta(CITED[0], annotations=[AUDIO]), delta(CITED[1]), delta(annotations=[INVENTED])),
    ],
)
async def test_citations_stay_whatever_annotations_the_model_server_sends(
    gate: Gate, server: ModelServer, said: Any, stream: bool
) -> None:
    server.script = [said]
    reply = await gate.ask(stream=stream)
    found = answered(reply)[0]["annotations"]
    assert found[0]["url_citation"]["url"] == "file:///notes/1.md"
    assert found[1:] == ([AUDIO] if AUDIO["type"] in str(said) else [])
    assert b"made.up" not in reply.raw
    assert reply.raw.count(b'"annotations"') == 1


async def test_stream_options_of_the_model_server_s_own_reach_it_beside_ours(gate: Gate, server: ModelServer) -> None:
    reply = await gate.ask(stream=True, stream_options={"include_usage": False, "continuous_usage_stats": True})
    assert server.requests[-1]["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert not [one for one in reply.events if isinstance(one, dict) and one.get("usage")]
    assert (await gate.ask(stream=True, stream_options=None)).status == 200


async def test_stream_options_that_are_refused_do_not_cost_the_next_answer_its_usage(gate: Gate, server: ModelServer) -> None:
    server.script = [Status(400, b'{"error": {"message": "stream_options.mood: extra fields"}}'), Say(CITED)]
    refused = await gate.ask(stream=True, stream_options={"mood": 1})
    assert (refused.status, "stream_options.mood" in refused.raw.decode()) == (400, True)
    assert (await gate.ask()).json["usage"]["total_tokens"] == 17


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_no_model_named_is_the_twin(gate: Gate, retrieval: str) -> None:
    assert (await gate.ask(retrieval, model=None)).status == 200


async def test_feedback_is_for_the_whole_id_of_an_answer_that_is_kept(gate: Gate) -> None:
    id = (await gate.ask()).headers["x-twin-trace"]
    other = id[:-1] + ("0" if id[-1] != "0" else "1")
    for given, status, code in (id[:8], 400, "invalid_request_error"), (other, 404, "trace_not_found"):
        reply = await gate.call("POST", "/v1/feedback", {"trace": given, "score": "up"})
        assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert gate.sink.scores == []
    assert (await gate.call("POST", "/v1/feedback", {"trace": id, "score": "up"})).status == 200
    assert gate.sink.scores == [(id, 1.0, "")]
