"""Whatever is sent: an answer or an error in OpenAI's form, never a failure of our own, and the gateway goes on."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.model_server import ModelServer, Raw, Say, Status, delta, frame
from tests.integration.gateway.rig import Reply, asked, gateway

SEEDS = range(4)
CALLS = 60
ROUTES = ["/v1/chat/completions", "/v1/retrieve", "/v1/embeddings", "/v1/feedback", "/v1/reviews/0199c0de"]
GETS = [
    "/",
    "/v1/models",
    "/v1/models/twin",
    "/v1/traces/0199c0de-0000-7000-8000-000000000001",
    "/v1/reviews?limit=3",
    "/healthz",
    "/readyz",
    "/metrics",
]
BODIES: list[Any] = [
    asked(stream=True, stream_options={"include_usage": True}, n=1, temperature=0.1, tools=[{"type": "function"}]),
    asked("off", stream=False, logprobs=True, response_format={"type": "json_object"}),
    {
        **asked(),
        "messages": [{"role": "user", "content": [{"type": "text", "text": "cats"}]}],
        "twin": {"k": 2, "filter": {"kind": "post"}},
    },
    {"query": "cats", "k": 3, "filter": {"author": "ada"}},
    {"input": ["cats", "dogs"], "encoding_format": "base64"},
    {"trace": "0199c0de-0000-7000-8000-000000000001", "score": "up", "comment": "fine"},
    {"approved": True},
]
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 2**63, 10**400, "", "x", "\x00", "\ud800", "😀" * 50, "x" * 20_000, [], {}, [[]],
    {"": ""}, {"type": "text"}, {"type": "text", "text": None}, ["a", 1], {"a": {"b": {"c": []}}}, "../../etc/passwd", "%00", "1e5",
]  # fmt: skip
METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"HEAD", b"BREW", b"get", b""]
BITS = [
    b"%",
    b"%zz",
    b"%00",
    b"%2e%2e",
    b"/",
    b"//",
    b"?",
    b"#",
    b"\\",
    b"\xc3\xa9",
    b"%ff%fe",
    b";",
    b"*",
    b"@",
    b"http://x/",
    b"a" * 3000,
]
HEADERS = [
    b"content-type: text/plain", b"content-type:", b"authorization: Bearer \xff\xfe", b"authorization: Bearer " + b"x" * 9000,
    b"accept-encoding: gzip", b"content-encoding: gzip", b"expect: 100-continue", b"upgrade: websocket\r\nconnection: upgrade",
    b"upgrade: h2c\r\nconnection: upgrade, http2-settings", b"transfer-encoding: gzip", b"range: bytes=0-1", b"origin: null",
    b'if-none-match: "\xff"', b"x-http-method-override: DELETE", b"host: localhost", b"cookie: " + b"a=b; " * 500, b"connection: x, close",
]  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert "Traceback" not in caplog.text


def altered(rng: random.Random, value: Any) -> Any:
    """`value` with one or more of its parts put in place of others."""
    if rng.random() < 0.15 or not isinstance(value, list | dict) or not value:
        return rng.choice(VALUES)
    if isinstance(value, list):
        place = rng.randrange(len(value))
        return [altered(rng, one) if at == place else one for at, one in enumerate(value)]
    if rng.random() < 0.1:
        return {**value, rng.choice(["n", "stream", "model", "twin", "k", "odd", "\ud800", "messages"]): rng.choice(VALUES)}
    place = rng.choice(list(value))
    return {key: altered(rng, one) if key == place else one for key, one in value.items()}


def in_form(reply: Reply) -> None:
    """An answer, or an error as OpenAI gives one."""
    assert reply.status < 500 or reply.json["error"]["code"] == "no_model", reply
    assert reply.whole
    if reply.status >= 400:
        error = reply.json["error"]
        assert error["message"]
        assert error["type"].endswith("_error")
        assert {"param", "code"} <= error.keys()


def parsed(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return parsed(body)
    lines = head.decode("latin-1").split("\r\n")
    return Reply(int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line), body)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("seed", SEEDS)
async def test_odd_json_is_answered_or_refused(tmp_path: Path, server: ModelServer, seed: int) -> None:
    rng = random.Random(seed)
    async with gateway(tmp_path, server if seed % 2 else None) as gate:
        for _ in range(CALLS):
            body = rng.choice(BODIES)
            for _ in range(rng.randint(1, 3)):
                body = altered(rng, body)
            path = rng.choice(ROUTES) if rng.random() < 0.3 else ROUTES[max(0, BODIES.index(body) - 2) if body in BODIES else 0]
            raw = json.dumps(body).encode()
            reply = await gate.call("POST", path, raw)
            in_form(reply)
        await gate.idle()
        assert (await gate.ask()).status == 200


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("seed", SEEDS)
async def test_odd_bytes_are_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    seedlings = [json.dumps(body).encode() for body in BODIES]
    async with gateway(tmp_path) as gate:
        for _ in range(CALLS):
            raw = bytearray(rng.choice(seedlings))
            for _ in range(rng.randint(1, 8)):
                at = rng.randrange(len(raw))
                raw[at : at + rng.randint(0, 3)] = rng.choice(
                    [b"", rng.randbytes(3), b"\x00", b"{", b"[", b'"', b"\\u", b"\xed\xa0\x80"]
                )
            reply = await gate.call("POST", rng.choice(ROUTES), bytes(raw))
            in_form(reply)
        assert (await gate.ask()).status == 200


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("seed", SEEDS)
async def test_odd_requests_are_refused(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    async with gateway(tmp_path) as gate:
        for _ in range(CALLS):
            path = rng.choice([*ROUTES, *GETS]).encode()
            for _ in range(rng.randint(0, 2)):
                at = rng.randint(0, len(path))
                path = path[:at] + rng.choice(BITS) + path[at:]
            body = rng.choice([b"", b"{}", json.dumps(rng.choice(BODIES)).encode(), rng.randbytes(50)])
            lines = [
                b"%b %b HTTP/1.1" % (rng.choice(METHODS), path),
                b"host: 127.0.0.1",
                *rng.sample(HEADERS, rng.randint(0, 3)),
            ]
            lines += [b"content-length: %d" % len(body), b"connection: close"]
            raw = await gate.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            assert raw, lines
            reply = parsed(raw)
            if lines[0].startswith(b"HEAD"):
                assert reply.status < 500
            else:
                in_form(reply)
        await gate.idle()
        assert (await gate.call("GET", "/healthz")).status == 200


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"messages":[', b'{"messages":[{"role":"user","content":['])
async def test_nesting_without_end_is_refused_on_every_route(tmp_path: Path, opening: bytes) -> None:
    async with gateway(tmp_path) as gate:
        for path in ROUTES:
            for depth in (2000, 900_000 // len(opening)):
                reply = await gate.call("POST", path, opening * depth)
                in_form(reply)
                assert reply.status == 400
        closed = b'{"messages":[{"role":"user","content":"cats"}],"odd":' + b"[" * 500 + b"]" * 500 + b"}"
        in_form(await gate.call("POST", ROUTES[0], closed))


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("seed", SEEDS)
async def test_odd_words_of_a_model_server_are_never_our_own_failure(tmp_path: Path, server: ModelServer, seed: int) -> None:
    rng = random.Random(seed)
    calls = [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    piece = delta("word", tool_calls=calls, refusal="no", reasoning_content="hm")
    piece["choices"][0]["logprobs"] = {"content": [{"token": "word", "logprob": -0.1}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    async with gateway(tmp_path, server) as gate:
        for n in range(CALLS):
            told = [altered(rng, altered(rng, rng.choice([piece, usage]))) for _ in range(3)]
            script: Any = Raw(b"".join(frame(one) for one in (delta("a"), *told, delta(finish="stop"))) + frame(b"[DONE]"))
            if n % 3 == 0:
                script = Status(200, json.dumps(told[0]).encode())
            server.script = [script]
            reply = await gate.ask(rng.choice(["on", "off"]), stream=rng.random() < 0.5)
            assert reply.status in {200, 502}, (reply, told)
            assert reply.whole
            assert b"failed unexpectedly" not in reply.raw, told
        await gate.idle()
        server.script = [Say()]
        assert (await gate.ask()).status == 200
