"""The twin's own answerer -> answers of any model of a server, made as the gateway makes them, with what was retrieved."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin.answer.answerer import Answerer
    from twin.drivers.openai.http import Server
    from twin.records import Trace
    from twin.release.ports import Answered

DEEP = 10  # documents of a search, for recall@10 and nDCG@10


class _Nowhere:
    """Traces of an evaluation are kept nowhere: they are nobody's questions."""

    def put(self, _: Trace) -> None:
        return


class TwinAnswering:
    """Answers as the gateway gives them: retrieval, prompt, guards and citations, with the model that is asked for.

    That model also understands and expands the question, where settings say so: each side lives with its own queries.
    """

    def __init__(self, answerer: Answerer, server: Server, passages: int, max_tokens: int) -> None:
        self._answerer, self._server, self._passages = replace(answerer, sink=_Nowhere(), canary=None), server, passages
        self._parameters = {"temperature": 0, "seed": 0, "max_tokens": max_tokens}

    async def answer(self, model: str, question: str) -> Answered:
        """Raises AnswerError."""
        from twin.answer.ports import Done
        from twin.drivers.openai.generator import OpenAIGenerator
        from twin.errors import UpstreamError
        from twin.records import Question
        from twin.release.ports import Answered, Shown

        retrieved = await self._retrieved(question)
        asked = OpenAIGenerator(self._server, model)
        answerer = replace(self._answerer, generator=asked, completer=asked)
        begun, first = time.monotonic(), None
        async with aclosing(answerer.answer(Question(question, k=self._passages), self._parameters)) as events:
            async for event in events:
                if isinstance(event, Done):
                    answer, seconds = event.answer, time.monotonic() - begun
                    return Answered(
                        text=answer.text,
                        passages=tuple(Shown(one.chunk.document, one.chunk.text) for one in answer.passages),
                        cited=tuple(sorted({one.number - 1 for one in answer.citations})),
                        retrieved=retrieved,
                        tokens=None if answer.usage.estimated else answer.usage.completion,
                        first=seconds if first is None else first,
                        seconds=seconds,
                    )
                if first is None:
                    first = time.monotonic() - begun
        raise UpstreamError("the answer ended without its end")

    async def _retrieved(self, question: str) -> tuple[str, ...]:
        from twin.records import Question

        _, found = await self._answerer.retrieve(Question(question, k=DEEP))
        return tuple(one.chunk.document for one in found)
