"""The relay to a model server over real sockets: what a server may send, how it may end, and which connections are kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.drivers.openai import connection as wire
from twin.drivers.openai.relay import Relay
from twin.errors import SettingsError, UpstreamError

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\n\r\n"


@asynccontextmanager
async def speaking(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that does `speak` on each connection."""
    made: set[asyncio.Task[Any]] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        made.add(task)
        try:
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in made:
            task.cancel()
        await asyncio.gather(*made, return_exceptions=True)


async def asked(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


def always(reply: bytes, step: int = 0) -> Speak:
    """A server that answers every request with these bytes, in pieces of `step`, and keeps the connection."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await asked(reader)
            for at in range(0, len(reply), step or len(reply)):
                writer.write(reply[at : at + (step or len(reply))])
                await writer.drain()
                await asyncio.sleep(0)

    return speak


def once(reply: bytes) -> Speak:
    """A server that answers with these bytes and closes."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(reply)
        await writer.drain()

    return speak


async def answer(relay: Relay, body: bytes = b"{}") -> tuple[int, bytes]:
    """One whole answer."""
    found = await relay.ask(body)
    try:
        parts = []
        while part := await found.read():
            parts.append(part)
        return found.status, b"".join(parts)
    finally:
        relay.done(found)


@asynccontextmanager
async def relaying(speak: Speak, **headers: str) -> AsyncIterator[Relay]:
    async with speaking(speak) as url:
        relay = Relay(url, headers, 5.0)
        try:
            yield relay
        finally:
            await relay.close()


FRAMES = {
    "of a length": (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabcdefghij", b"abcdefghij"),
    "in chunks": (CHUNKED + b"3\r\nabc\r\n7;x=y\r\ndefghij\r\n0\r\n\r\n", b"abcdefghij"),
    "in chunks with a trailer": (CHUNKED + b"a\r\nabcdefghij\r\n0\r\nx-checksum: 3\r\n\r\n", b"abcdefghij"),
    "after early hints": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + WHOLE, b"{}"),
    "after a go-on": (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, b"{}"),
    "empty": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
    "of no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
}


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("form", FRAMES)
async def test_answer_comes_whole_in_every_form_and_its_connection_is_kept(form: str, step: int) -> None:
    sent, body = FRAMES[form]
    connections = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always(sent, step)(reader, writer)

    async with relaying(speak) as relay:
        assert [(await answer(relay))[1] for _ in range(3)] == [body] * 3
    assert connections == 1


@pytest.mark.parametrize("reply", [TO_THE_END + b"abc", b"HTTP/1.0 200 OK\r\n\r\nabc"])
async def test_answer_without_a_length_ends_with_its_connection(reply: bytes) -> None:
    async with relaying(once(reply)) as relay:
        assert await answer(relay) == (200, b"abc")
        assert await answer(relay) == (200, b"abc")


TORN = {
    "inside a length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "inside a chunk": CHUNKED + b"a\r\nabc",
    "before the last chunk": CHUNKED + b"3\r\nabc\r\n",
}


@pytest.mark.parametrize("torn", TORN)
async def test_answer_that_breaks_off_gives_what_came_and_then_an_error(torn: str) -> None:
    async with relaying(once(TORN[torn])) as relay:
        found = await relay.ask(b"{}")
        assert await found.read() == b"abc"
        with pytest.raises(UpstreamError, match="broke off"):
            await found.read()
        relay.done(found)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\xff\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200_000,
    ],
)
async def test_what_is_no_answer_is_an_error(reply: bytes) -> None:
    async with relaying(once(reply)) as relay:
        with pytest.raises(UpstreamError):
            await answer(relay)


async def test_chunk_that_is_none_is_an_error_after_what_came() -> None:
    async with relaying(once(CHUNKED + b"3\r\nabc\r\nZZ\r\n")) as relay:
        with pytest.raises(UpstreamError):
            await answer(relay)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 200), min_size=1, max_size=6))
async def test_chunks_and_the_pieces_they_travel_in_do_not_change_an_answer(chunks: list[bytes], steps: list[int]) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks)
    found, ended, at, turn = b"", CHUNKED + body + b"0\r\n\r\n", 0, 0
    connection = wire.Connection(lambda _: None)
    connection.send(b"")
    while at < len(ended):
        step = steps[turn % len(steps)]
        connection.data_received(ended[at : at + step])
        at, turn = at + step, turn + 1
        if connection.phase is wire.Phase.BODY and connection._parts:
            found += await connection.read()
    while part := await connection.read():
        found += part
    assert (found, connection.phase, connection.reusable) == (b"".join(chunks), wire.Phase.IDLE, True)


async def test_kept_connection_that_the_server_closed_costs_no_answer() -> None:
    requests = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await asked(reader)
        requests += 1
        writer.write(WHOLE)
        if requests == 1:  # closes when the second request has come, as a server does whose patience ends just then
            await reader.readexactly(1)
            writer.transport.abort()
            return
        await reader.read()

    async with relaying(speak) as relay:
        assert [await answer(relay), await answer(relay)] == [(200, b"{}")] * 2
    assert requests == 2


async def test_answer_that_began_is_never_asked_for_again() -> None:
    requests = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await asked(reader)
        writer.write(WHOLE)
        await asked(reader)
        requests += 1
        writer.write(b"HTTP/1.1 2")
        await writer.drain()

    async with relaying(speak) as relay:
        await answer(relay)
        with pytest.raises(UpstreamError):
            await answer(relay)
    assert requests == 1


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}", WHOLE + WHOLE, WHOLE + b"junk"]
)
async def test_connection_that_is_not_clean_afterwards_is_not_used_again(reply: bytes) -> None:
    connections = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always(reply)(reader, writer)

    async with relaying(speak) as relay:
        assert [await answer(relay), await answer(relay)] == [(200, b"{}")] * 2
    assert connections == 2


async def test_server_that_speaks_unasked_is_not_listened_to() -> None:
    connections, kept = 0, asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await asked(reader)
        writer.write(WHOLE)
        if connections == 1:
            await kept.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
        await reader.read()

    async with relaying(speak) as relay:
        assert await answer(relay) == (200, b"{}")
        kept.set()
        while relay._idle:  # until it has noticed
            await asyncio.sleep(0)
        assert await answer(relay) == (200, b"{}")


async def test_unfinished_answer_is_cancelled_at_the_server() -> None:
    left = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked(reader)
        writer.write(CHUNKED + b"3\r\nabc\r\n")
        try:
            assert await reader.read() == b""
        finally:
            left.set()

    async with relaying(speak) as relay:
        found = await relay.ask(b"{}")
        assert await found.read() == b"abc"
        relay.done(found)
        await asyncio.wait_for(left.wait(), 5)


async def test_server_that_sends_faster_than_it_is_read_waits() -> None:
    sent = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 1

    async with relaying(speak) as relay:
        found = await relay.ask(b"{}")
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 200
        size = 0
        while part := await found.read():
            size += len(part)
        assert size == 100_000_000
        relay.done(found)


async def test_request_carries_its_headers_and_body_and_asks_for_no_compression() -> None:
    heads = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await asked(reader))
        writer.write(WHOLE)

    async with relaying(speak, authorization="Bearer key") as relay:
        await answer(relay, b'{"a": 1}')
    head, body = heads[0]
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\nauthorization: Bearer key\r\n" in head
    assert b"accept-encoding" not in head
    assert body == b'{"a": 1}'


async def test_credentials_of_an_address_become_a_header() -> None:
    heads = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await asked(reader))
        writer.write(WHOLE)

    async with speaking(speak) as url:
        relay = Relay(url.replace("//", "//ada:p%40ss@"), {}, 5.0)
        await answer(relay)
        await relay.close()
    assert b"\r\nauthorization: Basic YWRhOnBAc3M=\r\n" in heads[0][0]
    assert b"ada" not in heads[0][0]


@pytest.mark.parametrize("url", ["", "localhost:8000/v1", "ftp://a/v1", "http://", "http://[::1/v1", "http://a:99999/v1"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="TWIN_MODEL_URL"):
        Relay(url, {}, 1.0)


@pytest.mark.parametrize("key", ["a\r\nx: y", "é", "a\x00"])
def test_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="TWIN_MODEL_KEY"):
        Relay("http://127.0.0.1:1/v1", {"authorization": f"Bearer {key}"}, 1.0)


async def test_server_whose_certificate_nobody_vouches_for_is_not_talked_to(tmp_path: Path) -> None:
    made = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem", cwd=tmp_path,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await made.wait() == 0
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with speaking(once(WHOLE), tls) as url:
        relay = Relay(url, {}, 5.0)
        with pytest.raises(UpstreamError, match="cannot be reached"):
            await answer(relay)
        relay._tls = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        assert await answer(relay) == (200, b"{}")
