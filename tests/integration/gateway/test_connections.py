"""Connections that ask too slowly, too much or not at all: refused in OpenAI's form, and closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from services.gateway import connection
from tests.integration.gateway.rig import PATIENT, Gate, asked, gateway, received, request

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gateway(tmp_path) as gate:
        yield gate


def status_of(raw: bytes) -> int:
    return int(raw.split(b" ", 2)[1])


def error_of(raw: bytes) -> dict:
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    return json.loads(body)["error"]


async def trickle(gate: Gate, data: bytes) -> bytes:
    """What comes back when each byte of `data` is sent after a pause, until the gateway has had enough."""
    reader, writer = await gate.connect()
    answer = asyncio.create_task(received(reader))
    with suppress(ConnectionError):
        for byte in data:
            writer.write(bytes([byte]))
            await asyncio.wait({answer}, timeout=0.005)
            if answer.done():
                break
    raw = await asyncio.wait_for(answer, PATIENT)
    writer.close()
    return raw


async def test_head_that_takes_too_long_is_refused_however_steadily_it_comes(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    raw = await trickle(gate, HEAD + b"x: " + b"y" * 2000)
    assert status_of(raw) == 408
    assert "headers took longer" in error_of(raw)["message"]


async def test_second_head_of_a_connection_has_no_more_time_than_the_first(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    raw = await gate.send(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n" + HEAD)
    assert [part.split(b" ", 1)[0] for part in raw.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"]


async def test_connection_that_asks_nothing_is_closed(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    assert await gate.send(b"") == b""


async def test_connection_that_was_used_may_wait_for_its_next_question(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    reader, writer = await gate.connect()
    for _ in range(2):
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b'{"status":"ok"}')
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.15)  # the time itself is what is tested: nothing may happen in it
    writer.close()


async def test_body_that_does_not_end_is_refused(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.http.BODY_SECONDS", 0.1)
    for body in (b"content-length: 5000\r\n\r\n" + b"x" * 4000, b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"):
        raw = await trickle(gate, HEAD + body)
        assert (status_of(raw), error_of(raw)["code"]) == (408, "request_timeout")
    await gate.idle()


async def test_rest_of_a_body_that_nobody_reads_is_not_waited_for_without_end(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", 0.1)
    reader, writer = await gate.connect()
    writer.write(b"POST /nothing HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5000\r\n\r\nhalf")
    assert b"404" in await reader.readline()
    answer = asyncio.create_task(received(reader))
    while not answer.done():
        writer.write(b"x")
        await asyncio.wait({answer}, timeout=0.005)
    writer.close()
    await gate.idle()


async def test_rest_of_a_body_that_comes_in_time_leaves_the_connection_open(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", 0.1)
    reader, writer = await gate.connect()
    for _ in range(3):
        writer.write(b"POST /nothing HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 8\r\n\r\nhalf")
        assert b"404" in await reader.readline()
        writer.write(b"half")
        await reader.readuntil(b"}}")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.15)  # the time itself is what is tested: nothing may happen in it
    writer.close()


@pytest.mark.parametrize("step", [1_000_000, 5_000])
async def test_head_that_is_too_large_is_refused_whether_it_comes_at_once_or_in_pieces(gate: Gate, step: int) -> None:
    data = HEAD + b"x: " + b"y" * 200_000 + b"\r\n\r\n"
    reader, writer = await gate.connect()
    for at in range(0, len(data), step):
        writer.write(data[at : at + step])
        await asyncio.sleep(0)
    raw = await reader.read()
    writer.close()
    assert status_of(raw) == 431
    assert "65,536 bytes" in error_of(raw)["message"]


async def test_many_small_headers_count_as_one_large_head(gate: Gate) -> None:
    raw = await gate.send(HEAD + b"x: y\r\n" * 30_000 + b"\r\n")
    assert status_of(raw) == 431


async def test_large_body_right_behind_its_head_is_no_large_head(gate: Gate) -> None:
    body = {**asked(), "odd": "x" * 200_000}
    assert status_of(await gate.send(request(body, "/v1/chat/completions", "connection: close"))) == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS greeting
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\nhello",
        HEAD + b"bad header name: x\r\n\r\n",
        HEAD + b"x: \x00\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_closed(gate: Gate, raw: bytes) -> None:
    said = await gate.send(raw)
    assert status_of(said) == 400
    assert error_of(said)["type"] == "invalid_request_error"
    await gate.idle()
    assert (await gate.call("GET", "/healthz")).status == 200


@pytest.mark.parametrize(
    "offer", [b"upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk", b"Upgrade\r\nupgrade: websocket"]
)
async def test_offer_to_go_on_in_another_protocol_loses_no_question(gate: Gate, offer: bytes) -> None:
    body = json.dumps(asked()).encode()
    head = HEAD + b"connection: " + offer + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
    chunked = (
        HEAD + b"connection: " + offer + b"\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    )
    for data in (head + body, chunked):
        reader, writer = await gate.connect()
        for at in (0, len(data) - 30):  # in one piece, and in two
            writer.write(data[:at])
            await asyncio.sleep(0.01 if at else 0)
            writer.write(data[at:])
            assert b"200 OK" in await reader.readline()
            assert b"chat.completion" in await reader.readuntil(b'"chat.completion"')
            await gate.idle()
            await asyncio.sleep(0)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close, upgrade\r\nupgrade: h2c\r\n\r\n")
        assert (await received(reader)).endswith(b'{"status":"ok"}')
        writer.close()


async def test_many_offers_in_one_go_are_refused_and_not_followed(gate: Gate) -> None:
    raw = await gate.send((HEAD + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n") * 2000)
    assert raw == b"" or status_of(raw) == 400
    assert (await gate.call("GET", "/healthz")).status == 200


async def test_body_beyond_what_is_read_at_all_is_refused_at_its_length(gate: Gate) -> None:
    raw = await gate.send(HEAD + b"content-length: 17000000\r\n\r\n")
    assert (status_of(raw), error_of(raw)["code"]) == (413, "request_too_large")


async def test_client_that_sends_a_large_body_gets_to_hear_why_it_is_refused(gate: Gate) -> None:
    for chunked in (False, True):
        data = b"x" * 3_000_000
        head = HEAD + (b"transfer-encoding: chunked\r\n\r\n" if chunked else b"content-length: 3000000\r\n\r\n")
        raw = await gate.send(head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if chunked else data))
        assert (status_of(raw), error_of(raw)["code"]) == (413, "request_too_large")


async def test_client_that_leaves_inside_its_body_costs_nothing(gate: Gate) -> None:
    for _ in range(20):
        _, writer = await gate.connect()
        writer.write(HEAD + b"content-length: 500\r\n\r\nhalf")
        await writer.drain()
        writer.transport.abort()
    assert (await gate.call("GET", "/healthz")).status == 200
    await gate.idle()


async def test_questions_in_one_go_are_answered_in_their_order(gate: Gate) -> None:
    raw = await gate.send(
        b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        + request(asked())
        + b"GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    )
    assert [raw.index(word) for word in (b'"status"', b'"chat.completion"', b'"list"')] == sorted(
        raw.index(word) for word in (b'"status"', b'"chat.completion"', b'"list"')
    )
    assert raw.count(b"HTTP/1.1 200") == 3
