"""A connection that is fed its bytes in whatever pieces: the same heads are let through."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from services.gateway.connection import HEAD_LIMIT, Connection


class Transport(asyncio.Transport):
    """Keeps what is written; the application says the method and the beginning of the body."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 1), "peername": ("127.0.0.1", 2)})
        self.written, self.closed = b"", False

    def write(self, data: bytes) -> None:
        self.written += data

    def write_eof(self) -> None: ...

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _app(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        part = await receive()
        if part["type"] == "http.disconnect":
            return
        body, more = body + part["body"], part["more_body"]
    said = scope["method"].encode() + body[:10]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


async def answered(*pieces: bytes) -> bytes:
    """What is written for these pieces."""
    config = uvicorn.Config(_app, lifespan="off", ws="none", log_level="critical", access_log=False)
    config.load()
    transport, state = Transport(), ServerState()
    connection = Connection(config=config, server_state=state, app_state={})
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
    if state.tasks:
        await asyncio.wait(set(state.tasks), timeout=5)
    connection.connection_lost(None)
    while state.tasks:
        await asyncio.wait(set(state.tasks))
    return transport.written


def head(size: int) -> bytes:
    """A GET whose address and headers have so many bytes."""
    return b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * (size - len("/hostax")) + b"\r\n\r\n"


@pytest.mark.parametrize("step", [HEAD_LIMIT * 4, 30_000])
async def test_head_is_bounded_by_its_size_and_not_by_its_pieces(step: int) -> None:
    for size, status in ((100, 200), (HEAD_LIMIT - 100, 200), (HEAD_LIMIT + 1000, 431), (HEAD_LIMIT * 3, 431)):
        data = head(size)
        said = await answered(*(data[at : at + step] for at in range(0, len(data), step)))
        assert int(said.split()[1]) == status, size


async def test_large_body_in_the_piece_of_its_head_is_no_head() -> None:
    assert (await answered(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000)).startswith(
        b"HTTP/1.1 200"
    )


async def test_refusal_is_one_reply_in_openais_form_and_the_last() -> None:
    said = await answered(b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"nonsense\r\n\r\n")
    assert said.count(b"HTTP/1.1") == 1
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"


async def test_nonsense_behind_a_question_is_not_written_into_its_answer() -> None:
    first = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    said = await answered(first + first + b"nonsense\r\n\r\n")
    assert b"400" not in said


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_offer_of_another_protocol_is_passed_over(method: bytes) -> None:
    offered = method + b" / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 3\r\n\r\n"
    for pieces in ((offered + b"abc",), (offered, b"abc"), (offered[:20], offered[20:] + b"a", b"bc")):
        assert (await answered(*pieces)).endswith(method + b"abc")


async def test_connect_is_refused() -> None:
    assert (await answered(b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n")).startswith(b"HTTP/1.1 400")
