"""A question -> a stream of Deltas and one Done, and in every case exactly one Trace. Joins the steps; knows no HTTP.

A failed optional step (understand, expand, rerank) is marked and left out; a failed needed one is an AnswerError with the
trace's id.
"""

from __future__ import annotations

import logging
import secrets as random
from asyncio import CancelledError
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from twin.answer.canary import Canary, beginning
from twin.answer.guard_in import Guards, guard_passages, guard_question
from twin.answer.kept import found_passage, summary
from twin.answer.ports import Completer, Done, Event, Generator, Reranker, Searcher, TextEmbedder, TraceSink
from twin.answer.prompt import Asked, Prompt, ask
from twin.answer.recorder import OpenSpan, Recorder, ending, explain, short
from twin.answer.redact import redact_passages
from twin.answer.rerank import rerank
from twin.answer.retrieve import retrieve
from twin.answer.understand import expand, search_text, understand
from twin.answer.write import Writing, write
from twin.errors import AnswerError, EmbedderMismatchError, TwinError, UnavailableError
from twin.records import Answer, Filter, Passage, Question, Usage

log = logging.getLogger(__name__)
NOTHING: Mapping[str, Any] = {}
RERANK_CANDIDATES = 4  # times k


@dataclass(slots=True)
class Plan:
    """What the first steps found out about a question, for the later ones."""

    question: Question
    queries: tuple[str, ...] = ()
    filter: Filter = field(default_factory=Filter)
    index: str = ""
    passages: tuple[Passage, ...] = ()
    marked: tuple[int, ...] = ()
    redacted: tuple[str, ...] = ()  # kinds of what was replaced in the passages
    degraded: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerer:
    """Answers questions. Without a `generator` it is extractive; `understanding` and `expansions` need a `completer`."""

    embedder: TextEmbedder
    searcher: Searcher
    sink: TraceSink
    generator: Generator | None = None
    canary: Canary | None = None
    reranker: Reranker | None = None
    completer: Completer | None = None
    understanding: bool = False
    expansions: int = 0
    prompt: Prompt = field(default_factory=Prompt)
    guards: Guards = field(default_factory=Guards)
    release: str = ""

    @property
    def mode(self) -> str:
        """`model` or `extractive`."""
        return "model" if self.generator else "extractive"

    @property
    def model(self) -> str:
        return _named(self.generator)

    def model_for(self, conversation: str) -> str:
        """Who answers the conversation that began so: the model, or the candidate for its share of them."""
        return self.canary.generator.model if self.canary and self.canary.takes(conversation) else self.model

    def _generator(self, model: str) -> Generator | None:
        return self.canary.generator if self.canary and self.canary.generator.model == model else self.generator

    async def answer(
        self, question: Question, parameters: Mapping[str, Any] = NOTHING, *, trace: str = "", model: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Deltas, then Done. `parameters` are the request's own fields for the model server, `trace` the id to give, `model`
        who answers: the candidate by its name, or by its share of conversations when left out.

        Raises AnswerError (QuestionError, GuardError, UnavailableError, UpstreamError), also after Deltas, with its `trace_id`.
        """
        generator = self._generator(model or self.model_for(beginning(question)))
        recorder = Recorder(
            sink=self.sink,
            release=self.release,
            model=_named(generator),
            id=trace,
            thread=question.thread,
            input={"question": short(question.text), "k": question.k, "turns": len(question.history)},
        )
        try:
            async with aclosing(self._steps(recorder, question, parameters, generator)) as events:
                async for event in events:
                    yield event
        except AnswerError as exc:
            exc.trace_id = recorder.id
            recorder.finish("error", error=explain(exc))
            raise
        except (CancelledError, GeneratorExit) as exc:
            status, reason = ending(exc)
            recorder.finish(status, error=reason)
            raise
        except TwinError as exc:
            error = UnavailableError(str(exc))
            error.trace_id = recorder.id
            recorder.finish("error", error=explain(exc))
            raise error from exc
        except Exception as exc:
            log.exception("answer failed unexpectedly", extra={"trace": recorder.id})
            failure = AnswerError(f"the answer failed unexpectedly ({type(exc).__name__}); trace {recorder.id} names the step")
            failure.trace_id = recorder.id
            recorder.finish("error", error=explain(exc))
            raise failure from exc

    async def retrieve(self, question: Question) -> tuple[str, tuple[Passage, ...]]:
        """The live index and the passages alone, redacted as in an answer, without a trace. Raises AnswerError."""
        question, _ = guard_question(question, self.guards)
        index = await self._live()
        found = await self._search(Plan(question, (question.text,), question.filter, index), question.k)
        return index, found

    async def _steps(
        self, recorder: Recorder, question: Question, parameters: Mapping[str, Any], generator: Generator | None
    ) -> AsyncGenerator[Event, None]:
        plan = await self._plan(recorder, question)
        canary = f"ref-{random.token_hex(8)}"
        with recorder.span("prompt") as span:
            asked = ask(self.prompt, plan.question, plan.passages, canary=canary, marked=plan.marked)
            self._note_prompt(span, asked)
        writing = Writing(
            question=plan.queries[0],
            asked=asked,
            parameters=parameters,
            canary=canary,
            emails=self.guards.emails,
            recorder=recorder,
            generator=generator,
            embedder=self.embedder,
            author=self.prompt.author,
        )
        async with aclosing(write(writing)) as deltas:
            async for delta in deltas:
                yield delta
        answer = self._answer(recorder, plan, writing)
        attributes: dict[str, Any] = {"mode": answer.mode, "degraded": list(answer.degraded)}
        if self.canary:
            attributes["canary"] = generator is self.canary.generator
        yield Done(answer, recorder.finish("ok", output=summary(answer), attributes=attributes))

    async def _plan(self, recorder: Recorder, question: Question) -> Plan:
        """Guard, understand, expand, retrieve and rerank."""
        with recorder.span("guard_in", {"characters": len(question.text)}) as span:
            question, found = guard_question(question, self.guards)
            span.output = {"score": found.score, "signs": found.signs}
        plan = Plan(question, (search_text(question),), question.filter)
        await self._understand(recorder, plan)
        await self._expand(recorder, plan)
        await self._retrieve(recorder, plan)
        await self._rerank(recorder, plan)
        plan.passages, marked = guard_passages(plan.passages[: question.k], self.guards)
        plan.marked = tuple(marked)
        span.attributes["passages"] = {str(rank): found.signs for rank, found in marked.items()}
        return plan

    async def _understand(self, recorder: Recorder, plan: Plan) -> None:
        if not self.understanding or self.completer is None:
            return
        with recorder.span("understand", {"question": short(plan.question.text)}) as span:
            try:
                query, plan.filter, span.usage = await understand(plan.question, self.completer)
            except TwinError as exc:
                self._degrade(span, plan, exc)
            else:
                plan.queries = (query,)
                span.output = {"query": query, "author": plan.filter.author, "kind": plan.filter.kind}

    async def _expand(self, recorder: Recorder, plan: Plan) -> None:
        if not self.expansions or self.completer is None:
            return
        with recorder.span("expand", {"query": plan.queries[0], "phrasings": self.expansions}) as span:
            try:
                more, span.usage = await expand(plan.queries[0], self.expansions, self.completer)
            except TwinError as exc:
                self._degrade(span, plan, exc)
            else:
                plan.queries = (*plan.queries, *more)
                span.output = list(more)

    async def _retrieve(self, recorder: Recorder, plan: Plan) -> None:
        asked = {
            "queries": list(plan.queries),
            "author": plan.filter.author,
            "kind": plan.filter.kind,
            "source": plan.filter.source,
        }
        with recorder.span("retrieve", asked) as span:
            plan.index = recorder.index = await self._live()
            limit = plan.question.k * (RERANK_CANDIDATES if self.reranker else 1)
            plan.passages = await self._search(plan, limit)
            if not plan.passages and plan.filter != plan.question.filter:
                # the filter was the model's guess: rather answer from everything than from nothing
                plan.filter = plan.question.filter
                plan.degraded.append("understand")
                span.attributes["filter_dropped"] = True
                plan.passages = await self._search(plan, limit)
            span.output = [found_passage(passage) for passage in plan.passages]
            if plan.redacted:
                span.attributes["redacted"] = list(plan.redacted)

    async def _rerank(self, recorder: Recorder, plan: Plan) -> None:
        if self.reranker is None or not plan.passages:
            return
        with recorder.span("rerank", {"passages": len(plan.passages)}) as span:
            try:
                plan.passages = await rerank(plan.queries[0], plan.passages, self.reranker, plan.question.k)
            except TwinError as exc:
                self._degrade(span, plan, exc)
            else:
                span.output = [{"rank": p.rank, "score": p.score, "chunk": p.chunk.id} for p in plan.passages]

    async def _live(self) -> str:
        index = await self.searcher.live()
        if not index:
            raise UnavailableError("there is no live index yet; run `twin documents sync` and `twin index build --switch`")
        return index

    async def _search(self, plan: Plan, limit: int) -> tuple[Passage, ...]:
        """Passages without secrets: what no later step has seen, none of them can give away, to nobody."""
        try:
            found = await retrieve(
                plan.queries, embedder=self.embedder, searcher=self.searcher, index=plan.index, filter=plan.filter, limit=limit
            )
        except EmbedderMismatchError as exc:
            raise UnavailableError(str(exc), code="embedder_mismatch") from exc
        except AnswerError:
            raise
        except TwinError as exc:
            raise UnavailableError(f"retrieval failed: {exc}") from exc
        passages, plan.redacted = redact_passages(found, self.guards.emails)
        return passages

    def _degrade(self, span: OpenSpan, plan: Plan, error: TwinError) -> None:
        span.degrade(error)
        plan.degraded.append(span.name)

    def _note_prompt(self, span: OpenSpan, asked: Asked) -> None:
        span.output = (
            {"messages": [{**m, "content": short(str(m.get("content", "")), 24_000)} for m in asked.messages]}
            if self.generator
            else None
        )
        span.usage = Usage(prompt=asked.tokens, estimated=True)
        span.attributes = {
            "prompt": self.prompt.name,
            "digest": self.prompt.digest,
            "passages": len(asked.passages),
            "left_out": asked.passages_left_out,
            "cut": asked.passages_cut,
            "turns_left_out": asked.turns_left_out,
        }

    def _answer(self, recorder: Recorder, plan: Plan, writing: Writing) -> Answer:
        return Answer(
            text=writing.text,
            citations=writing.citations,
            passages=writing.asked.passages,
            mode=self.mode,
            model=writing.model or _named(writing.generator),
            index=plan.index,
            release=self.release,
            trace=recorder.id,
            finish_reason=writing.finish_reason or "stop",
            usage=writing.usage,
            dropped=writing.dropped,
            degraded=tuple(dict.fromkeys((*plan.degraded, *writing.degraded))),
        )


def _named(generator: Generator | None) -> str:
    return generator.model if generator else "extractive"
