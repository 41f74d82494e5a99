"""Calls of the index store as frames on a stream: four bytes of length, then MessagePack. Knows no engine and no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from twin.drivers.qdrant.payload import size
from twin.errors import IndexStoreError, RefusedError, TwinError
from twin.records import Chunk, Filter, IndexInfo, IndexSpec, Passage

LARGEST = 256 * 1024 * 1024
CALLS: dict[str, tuple[Any, Any]] = {  # method -> types of its arguments, type of its result
    "list": (tuple[()], list[IndexInfo]),
    "live": (tuple[()], str),
    "create": (tuple[IndexSpec], IndexInfo),
    "write": (tuple[str, list[Chunk], list[list[float]]], None),
    "update": (tuple[str, list[Chunk]], None),
    "remove": (tuple[str, list[str]], None),
    "mark": (tuple[str, dict[str, int] | None, float | None, str | None], None),
    "optimize": (tuple[str], None),
    "switch": (tuple[str], None),
    "drop": (tuple[str], None),
    "snapshot": (tuple[str, str], tuple[IndexInfo, str]),
    "search": (tuple[str, list[float] | None, str, Filter, int], list[Passage]),
    "page": (tuple[str, str, int, list[str], int], tuple[list[Chunk], str]),
}


def room() -> int:
    """Characters of chunks that surely fit a frame: each takes four bytes at most, and there is more to a chunk than these."""
    return LARGEST // 8


def spans(chunks: Sequence[Chunk]) -> Iterator[slice]:
    """Stretches of `chunks` of which each has room in a frame; a chunk that is larger is a stretch of its own."""
    start = held = 0
    for at, chunk in enumerate(chunks):
        held += size(chunk)
        if at > start and held > room():
            yield slice(start, at)
            start, held = at, size(chunk)
    if start < len(chunks):
        yield slice(start, len(chunks))


class Call(msgspec.Struct, array_like=True):
    """A request."""

    method: str
    arguments: msgspec.Raw


class Reply(msgspec.Struct, array_like=True):
    """An answer: a result, or an error with its text and whether a rule refused."""

    result: msgspec.Raw = msgspec.Raw(b"\xc0")
    error: str = ""
    refused: bool = False


async def read(reader: asyncio.StreamReader) -> bytes:
    """The next frame. Raises IncompleteReadError at the end of the stream."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > LARGEST:
        raise IndexStoreError(f"a frame of {size:,} bytes on the index's socket is over the bound of {LARGEST:,}")
    return await reader.readexactly(size)


def frame(data: bytes) -> bytes:
    """`data` with its length before it. Raises IndexStoreError when the other side would not take it."""
    if len(data) > LARGEST:
        raise IndexStoreError(
            f"a call or its result of {len(data):,} bytes is over the bound of {LARGEST:,}: ask for less at once"
        )
    return len(data).to_bytes(4, "big") + data


def encode_call(method: str, arguments: Sequence[Any]) -> bytes:
    """A call as a frame. Raises IndexStoreError for what cannot be sent."""
    try:
        packed = msgspec.msgpack.encode(tuple(arguments))
    except (UnicodeEncodeError, TypeError, OverflowError) as exc:
        raise IndexStoreError(f"the index cannot be asked for {method} with what no message can hold: {exc}") from exc
    return frame(msgspec.msgpack.encode(Call(method, msgspec.Raw(packed))))


def decode_call(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """Method and arguments. Raises IndexStoreError for anything that is no call."""
    try:
        call = msgspec.msgpack.decode(data, type=Call)
        return call.method, msgspec.msgpack.decode(call.arguments, type=CALLS[call.method][0])
    except (msgspec.MsgspecError, KeyError) as exc:
        raise IndexStoreError(f"what came on the index's socket is no call: {exc}") from exc


def encode_result(result: Any) -> bytes:
    """A result as a frame."""
    return frame(msgspec.msgpack.encode(Reply(msgspec.Raw(msgspec.msgpack.encode(result)))))


def encode_error(error: TwinError) -> bytes:
    """An error as a frame."""
    return frame(msgspec.msgpack.encode(Reply(error=str(error), refused=isinstance(error, RefusedError))))


def decode_result(method: str, data: bytes) -> Any:
    """The result of a call of `method`. Raises what the owner raised."""
    reply = msgspec.msgpack.decode(data, type=Reply)
    if reply.error:
        raise (RefusedError if reply.refused else IndexStoreError)(reply.error)
    return msgspec.msgpack.decode(reply.result, type=CALLS[method][1])
