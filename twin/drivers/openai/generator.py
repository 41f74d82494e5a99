"""Messages -> streamed pieces, or one JSON value, from an OpenAI-compatible server's /chat/completions. Knows no passages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from twin.answer.ports import Piece
from twin.drivers.openai import replies
from twin.drivers.openai.http import REPLY_LIMIT, Server, too_much
from twin.drivers.openai.sse import EventParser
from twin.errors import UpstreamError
from twin.records import Usage

if TYPE_CHECKING:
    import aiohttp

_DONE = b"[DONE]"


class OpenAIGenerator:
    """Generator and Completer for `model` on `server`."""

    def __init__(self, server: Server, model: str) -> None:
        self.server = server
        self.model = model
        self._asks_usage = True

    async def close(self) -> None:
        await self.server.close()

    async def models(self) -> list[str]:
        """The ids that the server serves: a cheap sign that it is alive. Raises UpstreamError."""
        listed = (await self.server.get("/models")).get("data")
        return (
            [str(entry["id"]) for entry in listed if isinstance(entry, dict) and "id" in entry]
            if isinstance(listed, list)
            else []
        )

    async def generate(
        self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
    ) -> AsyncGenerator[Piece, None]:
        """Pieces as they come; closing the generator closes the connection, which cancels the call upstream.

        Raises UpstreamError: before the first piece after retries, later at once.
        """
        try:
            async with aclosing(self._attempt(messages, parameters)) as pieces:
                async for piece in pieces:
                    yield piece
        except UpstreamError as exc:
            theirs = bool(_options(parameters))  # what the caller put there may be what is refused: theirs to hear
            if theirs or not (self._asks_usage and "stream_options" in str(exc)):
                raise
        else:
            return
        self._asks_usage = False  # an older server that refuses the field: remember, and count ourselves
        async with aclosing(self._attempt(messages, parameters)) as pieces:
            async for piece in pieces:
                yield piece

    async def complete(
        self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], *, max_tokens: int = 256
    ) -> tuple[Any, Usage]:
        """One JSON value of `schema`, at temperature 0. Raises UpstreamError."""
        body = {
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": max_tokens,
            "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}},
        }
        deadline = asyncio.get_running_loop().time() + self.server.timeouts.first_token
        async with self.server.post("/chat/completions", body, deadline) as response:
            return replies.value(replies.decode(await self.server.read(response, deadline)))

    def _body(self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> dict[str, Any]:
        body = {**parameters, "model": self.model, "messages": messages, "stream": True}
        options = _options(parameters) | ({"include_usage": True} if self._asks_usage else {})
        body.pop("stream_options", None)
        return body | ({"stream_options": options} if options else {})

    async def _attempt(
        self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
    ) -> AsyncGenerator[Piece, None]:
        start = asyncio.get_running_loop().time()
        first = start + min(self.server.timeouts.first_token, self.server.timeouts.total)
        async with self.server.post("/chat/completions", self._body(messages, parameters), first) as response:
            if "json" in response.content_type:  # a server that does not stream
                whole = replies.piece(
                    replies.decode(await self.server.read(response, start + self.server.timeouts.total)), "message"
                )
                if whole:
                    yield whole
                return
            async with aclosing(self._stream(response, start, first)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _stream(self, response: aiohttp.ClientResponse, start: float, first: float) -> AsyncGenerator[Piece, None]:
        parser, finished, began, size = EventParser(), False, False, 0
        clock, timeouts = asyncio.get_running_loop().time, self.server.timeouts
        while True:
            deadline = min(clock() + timeouts.idle, start + timeouts.total) if began else first
            chunk = await self.server.chunk(response, deadline, "the next piece" if began else "the first token")
            size += len(chunk)
            if size > REPLY_LIMIT:
                raise too_much()
            for event in parser.feed(chunk) if chunk else parser.close():
                if event.strip() == _DONE:
                    return
                piece = replies.piece(replies.decode(event))
                if piece:
                    finished, began = finished or bool(piece.finish_reason), True
                    yield piece
            if not chunk:
                break
        if not finished:
            raise UpstreamError(f"the model server at {self.server.shown} ended the answer early", code="upstream_broke_off")


def _options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's own options of a stream. Whether usage comes is ours to ask."""
    options = parameters.get("stream_options")
    return {key: value for key, value in options.items() if key != "include_usage"} if isinstance(options, Mapping) else {}
