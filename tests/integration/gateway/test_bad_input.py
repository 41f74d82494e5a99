"""Every field of every route with what does not belong there, questions beyond all size, and parts that fail below."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway import passthrough
from tests.doubles.model_server import ModelServer
from tests.integration.gateway.rig import Gate, asked, gateway
from twin.errors import EmbedderMismatchError, EmbeddingError, IndexStoreError, StoreError

TRACE = "0199c0de-0000-7000-8000-000000000001"
ROUTES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": asked(),
    "/v1/retrieve": {"query": "cats"},
    "/v1/embeddings": {"input": "cats"},
    "/v1/feedback": {"trace": TRACE, "score": 1},
}
TEXT, NUMBER, OBJECT = [3, True, [], {}], ["3", 1.5, [], {}, True], ["x", 3, [], True]
FIELDS: list[tuple[str, str, list[Any]]] = [
    ("/v1/chat/completions", "messages", [None, "x", 3, {}, [], [None], ["x"], [{}], [{"role": "user", "content": 3}]]),
    ("/v1/chat/completions", "messages", [[{"role": 3, "content": "x"}], [{"role": "wizard", "content": "x"}], [{"role": "system"}]]),
    ("/v1/chat/completions", "messages", [[{"role": "user", "content": [part]}] for part in (3, {}, {"type": "text"}, {"type": "file"})]),
    ("/v1/chat/completions", "model", TEXT),
    ("/v1/chat/completions", "stream", ["yes", 1, [], {}]),
    ("/v1/chat/completions", "stream_options", OBJECT),
    ("/v1/chat/completions", "stream_options.include_usage", ["yes", 1, None]),
    ("/v1/chat/completions", "n", [*NUMBER, 0, -1, 2, 10**30]),
    ("/v1/chat/completions", "twin", [*OBJECT, {"odd": 1}]),
    ("/v1/chat/completions", "twin.retrieval", [*TEXT, "OFF", "", None]),
    ("/v1/chat/completions", "twin.k", [*NUMBER, 0, -1, 51, 10**30]),
    ("/v1/chat/completions", "twin.thread", [*TEXT, None]),
    ("/v1/chat/completions", "twin.filter", [*OBJECT, {"autor": "x"}]),
    *[("/v1/chat/completions", f"twin.filter.{name}", [*TEXT, None]) for name in ("author", "kind", "source")],
    ("/v1/retrieve", "query", [*TEXT, None, ""]),
    ("/v1/retrieve", "k", [*NUMBER, 0, -1, 101, 10**30]),
    ("/v1/retrieve", "filter", [*OBJECT, {"autor": "x"}]),
    ("/v1/retrieve", "filter.author", [*TEXT, None]),
    ("/v1/embeddings", "input", [None, 3, {}, [], [3], [None], [["x"]]]),
    ("/v1/embeddings", "model", [*TEXT, None]),
    ("/v1/embeddings", "encoding_format", [*TEXT, "int8", ""]),
    ("/v1/feedback", "trace", [*TEXT, None, "", "x", "../../etc/passwd", TRACE + "0" * 40, TRACE.upper().replace("C", "G")]),
    ("/v1/feedback", "score", [None, "meh", "", 2, -1.01, 10**400, [], {}, True]),
    ("/v1/feedback", "comment", [*TEXT, None, "x" * 10_001]),
]  # fmt: skip


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gateway(tmp_path) as gate:
        yield gate


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    return {**body, name: changed(body.get(name, {}), rest, value) if rest else value}


@pytest.mark.parametrize(("route", "field", "values"), FIELDS)
async def test_wrong_value_is_refused_by_the_name_of_its_field(gate: Gate, route: str, field: str, values: list[Any]) -> None:
    for value in values:
        reply = await gate.call("POST", route, changed(ROUTES[route], field, value))
        assert reply.status == 400, (field, value, reply)
        error = reply.json["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_request_error")
        assert error["param"].startswith(field), (value, error)
        assert error["param"] in error["message"]
    assert gate.sink.scores == []


@pytest.mark.parametrize("route", ROUTES)
async def test_field_that_is_needed_is_named_when_it_is_missing(gate: Gate, route: str) -> None:
    for needed in {"messages", "query", "input", "trace", "score"} & ROUTES[route].keys():
        reply = await gate.call("POST", route, {name: value for name, value in ROUTES[route].items() if name != needed})
        assert (reply.status, needed in reply.json["error"]["message"]) == (400, True)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"3", b"\xff", b'{"a": NaN}', b"{} {}", "é".encode("utf-16")])
async def test_what_is_no_json_object_is_refused_on_every_route(gate: Gate, route: str, raw: bytes) -> None:
    reply = await gate.call("POST", route, raw)
    assert (reply.status, "JSON" in reply.json["error"]["message"]) == (400, True)


@pytest.mark.parametrize("route", ROUTES)
async def test_body_of_a_megabyte_is_refused_on_every_route(gate: Gate, route: str) -> None:
    reply = await gate.call("POST", route, {**ROUTES[route], "odd": "x" * 1_000_000})
    assert (reply.status, reply.json["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_question_just_below_a_megabyte_is_refused_with_its_size(gate: Gate, retrieval: str) -> None:
    reply = await gate.ask(retrieval, "x" * 990_000)
    assert (reply.status, "990,000" in reply.raw.decode()) == ((400, True) if retrieval == "on" else (503, False))


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (EmbedderMismatchError("the index was made with e5, and this is words"), "embedder_mismatch", "made with e5"),
        (IndexStoreError("index: the disk is gone"), "unavailable", "the disk is gone"),
        (EmbeddingError("the model file is corrupted"), "unavailable", "corrupted"),
        (StoreError("the database went away"), "unavailable", "went away"),
    ],
)
async def test_part_that_fails_below_is_named_and_the_next_question_answered(
    gate: Gate, error: Exception, code: str, words: str
) -> None:
    gate.state.searcher.error = error
    for reply in (await gate.ask(), await gate.ask(stream=True), await gate.call("POST", "/v1/retrieve", {"query": "cats"})):
        assert (reply.status, reply.json["error"]["code"], words in reply.raw.decode()) == (503, code, True)
        assert reply.headers["retry-after"]
    for _ in range(2):
        trace = await gate.trace()
        assert (trace.status, trace.spans[-1].name, trace.spans[-1].status) == ("error", "retrieve", "error")
    gate.state.searcher.error = None
    assert (await gate.ask()).status == 200


async def test_votes_that_cannot_be_kept_are_not_said_to_be(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise StoreError("traces.db: the disk is full")

    monkeypatch.setattr(gate.sink, "score", full)
    given = ROUTES["/v1/feedback"] | {"trace": (await gate.ask()).headers["x-twin-trace"]}
    reply = await gate.call("POST", "/v1/feedback", given)
    assert (reply.status, "the disk is full" in reply.raw.decode()) == (503, True)


@pytest.mark.parametrize("retrieval", ["on", "off"])
async def test_defect_is_named_by_its_kind_and_kept_as_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, retrieval: str
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("secret-inner-words")

    async with ModelServer() as server, gateway(tmp_path, server) as gate:
        gate.state.searcher.error = ZeroDivisionError("secret-inner-words")
        monkeypatch.setattr(passthrough, "_passed", defect)
        reply = await gate.ask(retrieval)
        trace = await gate.trace()
        await gate.idle()
    assert (reply.status, reply.headers["x-twin-trace"], trace.status) == (500, trace.id, "error")
    assert "ZeroDivisionError" in reply.json["error"]["message"]
    assert "secret-inner-words" not in reply.raw.decode()
    assert "ZeroDivisionError" in caplog.text
