"""Messages -> a teacher's reply as one JSON value of a schema, from an OpenAI-compatible server. Knows no example.

Tells what no reply is from a refusal, a reply that was cut off and one that is not the JSON asked for: those cost tokens.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twin.answer.ports import Piece
from twin.dataset.ports import Reply
from twin.drivers.openai import replies
from twin.errors import UpstreamError
from twin.records import Usage

if TYPE_CHECKING:
    from twin.drivers.openai.http import Server

CUT = ("length",)
REFUSED = ("content_filter", "content_policy_violation")
_REFUSAL = re.compile(
    r"\A\W{0,3}(?:i['’ ]?a?m (?:very |so )?sorry|sorry|i (?:can(?:['’]t|not)|am unable|won['’]t)|as an ai)\b", re.IGNORECASE
)


class OpenAITeacher:
    """The model called `model` on `server`, asked at temperature 0."""

    def __init__(self, server: Server, model: str) -> None:
        self.server = server
        self.model = model

    async def close(self) -> None:
        await self.server.close()

    async def complete(self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any], *, max_tokens: int) -> Reply:
        """What it said, within the server's total timeout, retries included. Raises UpstreamError when nothing came."""
        body = {
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": max_tokens,
            "response_format": {"type": "json_schema", "json_schema": {"name": "examples", "strict": True, "schema": schema}},
        }
        deadline = asyncio.get_running_loop().time() + self.server.timeouts.total
        try:
            async with self.server.post("/chat/completions", body, deadline) as response:
                completion = replies.decode(await self.server.read(response, deadline))
        except UpstreamError as exc:
            if exc.code in REFUSED:
                return Reply(problem="refused")
            raise _named(exc) from exc
        return _read(completion)


def _named(exc: UpstreamError) -> UpstreamError:
    """The same error with the settings that a teacher is set by."""
    words = str(exc).replace("TWIN_MODEL_", "TWIN_TEACHER_")
    return UpstreamError(words, status=exc.status, code=exc.code, retryable=exc.retryable, retry_after=exc.retry_after)


def _read(completion: Mapping[str, Any]) -> Reply:
    piece = replies.piece(completion, "message") or Piece()
    usage = piece.usage or Usage(estimated=True)
    if piece.finish_reason in REFUSED or (piece.raw or {}).get("refusal"):
        return Reply(problem="refused", usage=usage)
    try:
        value, _ = replies.value(completion)
    except UpstreamError:
        if piece.finish_reason in CUT:
            return Reply(problem="cut", usage=usage)
        return Reply(problem="refused" if _REFUSAL.match(piece.text) else "broken", usage=usage)
    return Reply(value, usage=usage)
