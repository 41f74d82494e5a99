"""The events of an answer -> the chunks of one stream, as OpenAI's clients read them. Knows no route and no step."""

from __future__ import annotations

import time
from typing import Any

from services.gateway import wire
from services.gateway.http import SSE, Request, event
from services.gateway.state import Gateway
from twin.answer.ports import Delta, Done


class Stream:
    """One stream of chunks; the last that has `content`, an empty one, carries citations and the `twin` object.

    Holding text back for it was tried: a reader sees a word without its end whenever the model pauses.
    """

    def __init__(self, state: Gateway, request: Request, trace: str, model: str, *, include_usage: bool) -> None:
        self._state, self._request, self._trace, self._model = state, request, trace, model
        self._include_usage = include_usage
        self._begun = time.perf_counter()
        self._created = int(time.time())
        self._role: dict[str, Any] = {"role": "assistant"}
        self._annotations: list[Any] = []  # the model server's own, which come with ours

    async def delta(self, said: Delta) -> None:
        """Send a piece of text, or the model's own fields."""
        if not self._request.started:
            self._state.metrics.first_token.labels(self._model).observe(time.perf_counter() - self._begun)
            await self._start()
        content = {"content": said.text} if said.text else {}
        raw = dict(said.raw or {})
        if isinstance(theirs := raw.pop("annotations", None), list):
            self._annotations += theirs
        await self._request.send(event(self._chunk({**self._role, **content, **raw})))
        self._role = {}

    async def done(self, ended: Done) -> None:
        """Send citations, the reason for the end and, where it was asked for, usage."""
        answer = ended.answer
        self._state.metrics.answered(answer, ended.trace, self._model)
        if not self._request.started:
            await self._start()
        cited = {**self._role, "content": "", "annotations": wire.annotated(answer.citations, self._annotations)}
        last = self._chunk(cited) | {"twin": wire.about(answer)}
        parts = [event(last), event(self._chunk({}, answer.finish_reason))]
        if self._include_usage:
            parts.append(event({**self._chunk({}), "choices": [], "usage": wire.usage(answer.usage)}))
        await self._request.send(b"".join(parts) + b"data: [DONE]\n\n", more=False)

    async def _start(self) -> None:
        self._request.events = True
        await self._request.start(200, (*SSE, (b"x-twin-trace", self._trace.encode())))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return wire.chunk(f"chatcmpl-{self._trace}", self._created, delta, finish)
