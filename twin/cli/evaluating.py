"""Settings -> what an evaluation asks: the twin or its bare models, a judge, likelihoods; and what they answer from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.cli.place import Place
from twin.errors import ReleaseError, SettingsError

if TYPE_CHECKING:
    from twin.answer.answerer import Answerer
    from twin.drivers.openai.http import Server
    from twin.drivers.vllm.models import Models
    from twin.records import Trace
    from twin.release.evaluate import Examiners, Trial
    from twin.release.ports import Answered

DEEP = 10  # documents of a search, for recall@10 and nDCG@10


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How questions are put. `plain` asks the bare models, without passages."""

    plain: bool
    judge: bool
    perplexity: bool
    max_tokens: int
    tokenizer: Path | None = None  # of the base, whose rendering is compared with the server's
    adapter: Path | None = None  # of the candidate, whose chat template wins


@asynccontextmanager
async def examiners(here: Place, asking: Asking, trial: Trial) -> AsyncIterator[tuple[Examiners, Trial]]:
    """Everything that answers and measures, open; and `trial` with what was found out. Raises SettingsError and others."""
    from twin.cli.template import broken
    from twin.drivers.openai.asking import PlainAnswering
    from twin.drivers.openai.generator import OpenAIGenerator
    from twin.release.evaluate import Examiners

    s = here.settings
    if not s.model_url:
        raise SettingsError("an evaluation asks the model server that serves both models: set model_url, ending in /v1")
    if asking.judge and not (s.judge_url and s.judge_name):
        raise SettingsError("--judge needs judge_url (ending in /v1) and judge_name: the server and its model's name")
    async with AsyncExitStack() as stack:
        models = (trial.candidate.name, trial.running.name)
        server = await _server(stack, here, s.model_url, s.model_key)
        await _served(server, models)
        if asking.tokenizer:
            found = await broken(server, models, asking.tokenizer, asking.adapter, trial.held)
            trial = replace(trial, broken=found)
        answering: Any = PlainAnswering(server, asking.max_tokens)
        if not asking.plain:
            answering, pins = await _whole(here, stack, server, models[0], asking.max_tokens)
            trial = replace(trial, inputs={**trial.inputs, **pins})
        judge = None
        if asking.judge:
            judge = OpenAIGenerator(await _server(stack, here, s.judge_url, s.judge_key), s.judge_name)
        likely = await _likelihoods(stack, server) if asking.perplexity else None
        yield Examiners(answering=answering, judge=judge, judge_model=s.judge_name, perplexity=likely), trial


async def _server(stack: AsyncExitStack, here: Place, url: str, key: str) -> Server:
    from twin.drivers.openai.http import Server, Timeouts

    s = here.settings
    made = Server(url, key=key, timeouts=Timeouts(s.connect_timeout, s.first_token_timeout, s.idle_timeout, s.total_timeout))
    stack.push_async_callback(made.close)
    return made


async def _served(server: Server, models: tuple[str, str]) -> None:
    """Raise ReleaseError unless the server lists both models: a typing error should not cost an evaluation."""
    from twin.drivers.openai.generator import OpenAIGenerator

    listed = await OpenAIGenerator(server, "").models()
    for name in models:
        if listed and name not in listed:
            raise ReleaseError(
                f"the model server at {server.shown} serves no {name!r} but {', '.join(listed)}; `twin model load` adds it"
            )


async def _whole(
    here: Place, stack: AsyncExitStack, server: Server, model: str, max_tokens: int
) -> tuple[TwinAnswering, dict[str, str]]:
    """The twin's own answerer over the live index, and the digests of index and prompt."""
    import msgspec

    from twin.cli.answering import answering
    from twin.digest import bytes_digest

    settings = msgspec.structs.replace(here.settings, model_name=model, opik_url="")
    parts = await stack.enter_async_context(answering(replace(here, settings=settings)))
    live = next((info for info in await parts.index.list() if info.live), None)
    if live is None:
        raise ReleaseError("no index is live, so there are no passages: `twin up` first, or --plain to ask the bare models")
    state = msgspec.json.encode([live.name, live.chunks, dict(live.revisions)], order="sorted")
    pins = {"index": bytes_digest(state), "prompt": parts.answerer.prompt.digest}
    return TwinAnswering(parts.answerer, server, here.settings.passages, max_tokens), pins


class _Nowhere:
    """Traces of an evaluation are kept nowhere: they are nobody's questions."""

    def put(self, _: Trace) -> None:
        return


class TwinAnswering:
    """Answers as the gateway gives them: retrieval, prompt, guards and citations, with the model that is asked for."""

    def __init__(self, answerer: Answerer, server: Server, passages: int, max_tokens: int) -> None:
        self._answerer, self._server, self._passages = replace(answerer, sink=_Nowhere()), server, passages
        self._parameters = {"temperature": 0, "seed": 0, "max_tokens": max_tokens}

    async def answer(self, model: str, question: str) -> Answered:
        """Raises AnswerError."""
        from twin.answer.ports import Done
        from twin.drivers.openai.generator import OpenAIGenerator
        from twin.errors import UpstreamError
        from twin.records import Question
        from twin.release.ports import Answered, Shown

        retrieved = await self._retrieved(question)
        answerer = replace(self._answerer, generator=OpenAIGenerator(self._server, model))
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


async def _likelihoods(stack: AsyncExitStack, server: Server) -> Likelihoods:
    from twin.drivers.vllm.models import Models

    models = Models(server)
    stack.push_async_callback(models.close)
    return Likelihoods(models)


class Likelihoods:
    """The log-likelihood of an answer by a vLLM, in the chat template that it serves.

    One at a time: vLLM 0.32 on processors dies of prompt_logprobs asked of two adapters in one batch.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._turn = asyncio.Lock()

    async def log_likelihood(self, model: str, question: str, answer: str) -> tuple[float, int]:
        """Nats and tokens of `answer`. Raises UpstreamError."""
        asked = [{"role": "user", "content": question}]
        before = await self._models.tokens(model, asked, prompt=True)
        whole = await self._models.tokens(model, [*asked, {"role": "assistant", "content": answer}])
        if whole[: len(before)] != before:
            raise ReleaseError(f"{model!r}: its chat template renders a question otherwise when an answer follows")
        async with self._turn:
            likely = (await self._models.log_probabilities(model, whole))[len(before) - 1 :]
        return sum(likely), len(likely)
