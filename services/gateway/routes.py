"""The routes beside the chat: retrieve, embeddings, models, feedback, traces, health and metrics."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from services.gateway import wire
from services.gateway.admit import Place
from services.gateway.http import Request, convert, decode
from services.gateway.state import TRACE_BEGUN, TRACE_ID, Gateway
from twin.errors import AnswerError, QuestionError, TwinError
from twin.records import Question

CREATED = 1_700_000_000  # OpenAI's clients want a time; a model of ours has none
READY_SECONDS = 2.0  # for the model server's word; who probes does not wait as long as an asker
EMBEDDED = 16  # texts at once: a question waits for no more than these, however many were sent
UP_DOWN = {"up": 1.0, "down": -1.0}


class Retrieve(Struct):
    """POST /v1/retrieve."""

    query: Annotated[str, Meta(min_length=1)]
    k: Annotated[int, Meta(ge=1, le=100)] | None = None
    filter: wire.TwinFilter | None = None


class Embed(Struct):
    """POST /v1/embeddings."""

    input: str | Annotated[list[str], Meta(min_length=1, max_length=512)]
    model: str = ""
    encoding_format: Literal["float", "base64"] = "float"


class Feedback(Struct):
    """POST /v1/feedback."""

    trace: str
    score: Annotated[float, Meta(ge=-1, le=1)] | Literal["up", "down"]
    comment: Annotated[str, Meta(max_length=10_000)] = ""


async def retrieve(state: Gateway, request: Request) -> None:
    """Passages without an answer."""
    asked = convert(decode(await request.body()), Retrieve)
    question = Question(asked.query, filter=wire.filter_of(asked.filter, "filter"), k=asked.k or state.passages)
    async with Place(state, request):
        index, found = await state.answerer.retrieve(question)
        await request.json(200, {"index": index, "release": state.release, "data": [wire.passage(one) for one in found]})


async def embeddings(state: Gateway, request: Request) -> None:
    """Vectors of the index's embedder."""
    asked = convert(decode(await request.body()), Embed)
    if asked.model not in {"", wire.MODEL, state.embedder_name}:
        raise wire.no_model(asked.model)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    async with Place(state, request):
        vectors: list[Any] = []
        for at in range(0, len(texts), EMBEDDED):
            vectors += await state.embedder.embed(texts[at : at + EMBEDDED])
        shown = [_packed(one) if asked.encoding_format == "base64" else list(one) for one in vectors]
        data = [{"object": "embedding", "index": i, "embedding": one} for i, one in enumerate(shown)]
        tokens = sum(len(text) for text in texts) // 4
        used = {"prompt_tokens": tokens, "total_tokens": tokens}
        await request.json(200, {"object": "list", "model": state.embedder_name, "data": data, "usage": used})


def _packed(vector: Any) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


async def models(state: Gateway, request: Request) -> None:
    """A list of the one model."""
    await request.json(200, {"object": "list", "data": [await _model(state, request)]})


async def model(state: Gateway, request: Request) -> None:
    """The one model by its name."""
    wanted = request.scope["path"].rpartition("/v1/models/")[2]
    if wanted != wire.MODEL:
        raise wire.no_model(wanted)
    await request.json(200, await _model(state, request))


async def _model(state: Gateway, request: Request) -> dict[str, Any]:
    """The model, with what stands behind it and what this key may do."""
    about: dict[str, Any] = {
        "release": state.release,
        "index": await state.searcher.live(),
        "mode": state.answerer.mode,
        "model": state.answerer.model,
        "scopes": request.key.scopes if request.key else (),
    }
    if canary := state.answerer.canary:
        about["canary"] = {"model": canary.generator.model, "share": canary.share, "ready": canary.ready()}
    return {"id": wire.MODEL, "object": "model", "created": CREATED, "owned_by": "llm-twin", "twin": about}


async def feedback(state: Gateway, request: Request) -> None:
    """Keep a score for a trace, instead of an earlier one."""
    given = convert(decode(await request.body()), Feedback)
    if not TRACE_ID.fullmatch(given.trace):
        raise QuestionError("trace: is no whole trace id; it stands in the answer's twin.trace", param="trace")
    if await state.traces.get(given.trace) is None:
        raise _no_trace()
    value = UP_DOWN[given.score] if isinstance(given.score, str) else given.score
    await state.traces.score(given.trace, "feedback", value, given.comment)
    if state.on_feedback:
        state.on_feedback(given.trace, "feedback", value, given.comment)
    await request.json(200, {"trace": given.trace, "score": value})


async def trace(state: Gateway, request: Request) -> None:
    """One trace, with the step at fault where a rule can tell."""
    wanted = request.scope["path"].rpartition("/")[2]
    found = await state.traces.get(wanted) if TRACE_BEGUN.fullmatch(wanted) else None
    if found is None:
        raise _no_trace()
    fault = await state.find_fault(found) if state.find_fault else None
    await request.json(200, wire.trace(found, [fault] if fault else []))


def _no_trace() -> AnswerError:
    return AnswerError("there is no such trace; only the newest are kept", status=404, code="trace_not_found")


async def healthz(_state: Gateway, request: Request) -> None:
    """The process is alive."""
    await request.json(200, {"status": "ok"})


async def readyz(state: Gateway, request: Request) -> None:
    """Whether questions can be answered; if not, what is missing."""
    lacking = await missing(state)
    await request.json(503 if lacking else 200, {"ready": not lacking, "missing": lacking, "release": state.release})


async def missing(state: Gateway) -> list[str]:
    """What keeps this gateway from answering, in words."""
    found = ["the gateway is stopping"] if state.draining else []
    found += state.standing.differences if state.standing else ()
    try:
        if not await state.searcher.live():
            found.append("no index is live: run `twin documents sync`, then `twin index build --switch`")
        if state.upstream:
            async with asyncio.timeout(READY_SECONDS):
                await state.upstream.models()
    except TimeoutError:
        found.append(f"the model server did not say within {READY_SECONDS:g} s that it is there")
    except TwinError as exc:
        found.append(str(exc))
    return list(dict.fromkeys(found))  # a model server that is away is a difference from the release, too


async def metrics(state: Gateway, request: Request) -> None:
    """Prometheus' text."""
    m = state.metrics
    m.active.set(state.admission.active)
    m.waiting.set(state.admission.waiting)
    m.dropped.set(getattr(state.sink, "dropped", 0))
    m.release.clear()
    try:
        index = await state.searcher.live()
    except TwinError:  # who watches must see that, and all the rest
        index = ""
    m.release.labels(state.release, index, state.answerer.model, state.answerer.prompt.digest).set(1)
    m.differences.set(len(state.standing.differences) if state.standing else 0)
    await request.reply(200, m.text(), ((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))
