"""A question -> what a served model answers by itself, with its tokens and times: no passages, no prompt. Knows no measure."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from twin.drivers.openai.generator import OpenAIGenerator
from twin.errors import UpstreamError
from twin.release.ports import Answered

if TYPE_CHECKING:
    from twin.drivers.openai.http import Server


class PlainAnswering:
    """The models of `server`, each asked as it was trained: one turn of the user, at temperature 0.

    `clean` makes a question what it was in training: text, of which nothing is a special token.
    """

    def __init__(self, server: Server, max_tokens: int, clean: Callable[[str], str]) -> None:
        self._server, self._clean = server, clean
        self._parameters = {"temperature": 0, "seed": 0, "max_tokens": max_tokens}

    async def answer(self, model: str, question: str) -> Answered:
        """Raises UpstreamError, also for an answer that a filter of the server cut off; and what `clean` raises."""
        parts: list[str] = []
        messages = [{"role": "user", "content": self._clean(question)}]
        begun, first, tokens = time.monotonic(), None, None
        asked = OpenAIGenerator(self._server, model).generate(messages, self._parameters)
        async with aclosing(asked) as pieces:
            async for piece in pieces:
                if piece.text and first is None:
                    first = time.monotonic() - begun
                if piece.finish_reason == "content_filter":
                    raise UpstreamError("the model server's filter took the answer away", code="content_filter")
                parts.append(piece.text)
                tokens = piece.usage.completion if piece.usage else tokens
        seconds = time.monotonic() - begun
        return Answered(text="".join(parts), tokens=tokens, first=seconds if first is None else first, seconds=seconds)
