"""A server that settings name -> a line that says that it answers. A check raises TwinError with the remedy otherwise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from twin.errors import AnswerError, SettingsError, TwinError
from twin.settings import mask

if TYPE_CHECKING:
    from twin.cli.place import Place

PATIENCE = 10.0  # seconds for one answer


async def teacher(here: Place) -> str:
    """The teacher's server serves its model."""
    s = here.settings
    unset = "none is set: examples come from the documents' own structure (TWIN_TEACHER_URL and TWIN_TEACHER_NAME set one)"
    return await _serves("teacher", s.teacher_url, s.teacher_name, s.teacher_key) or unset


async def judge(here: Place) -> str:
    """The judge's server serves its model."""
    s = here.settings
    unset = "none is set: answers are measured without one (TWIN_JUDGE_URL and TWIN_JUDGE_NAME set one)"
    return await _serves("judge", s.judge_url, s.judge_name, s.judge_key) or unset


async def model(here: Place) -> str:
    """The model server serves its model, or answers and is given the release's when the gateway starts."""
    from twin.cli.wiring import release
    from twin.drivers.vllm.adapters import served_name
    from twin.records import Artifact

    s = here.settings
    unset = "none is set: answers are extractive (TWIN_MODEL_URL and TWIN_MODEL_NAME set one)"
    pinned = release(here) if s.model_url and not s.model_name else None
    if pinned and pinned.model:
        name = served_name(Artifact.parse(pinned.model.adapter).digest)
        served = await _served("model", s.model_url, s.model_key)
        return f"{name} at {mask(s.model_url)}" + ("" if name in served else ": not there yet, a gateway loads it")
    return await _serves("model", s.model_url, s.model_name, s.model_key) or unset


async def _serves(role: str, url: str, name: str, key: str) -> str:
    """Where the model called `name` is served; empty when neither it nor its server is set. Raises TwinError."""
    if not url and not name:
        return ""
    if not url or not name:
        given, missing = ("url", "name") if url else ("name", "url")
        raise SettingsError(f"{role}_{given} is set and {role}_{missing} is not: give both, or neither")
    served = await _served(role, url, key)
    if name not in served:
        raise SettingsError(
            f"{role}_name: {mask(url)} does not serve {name!r}, but {', '.join(served) or 'nothing that it lists'}"
        )
    return f"{name} at {mask(url)}"


async def _served(role: str, url: str, key: str) -> list[str]:
    """What the server at `url` serves. Raises SettingsError in the words of `role`."""
    from twin.drivers.openai.generator import OpenAIGenerator
    from twin.drivers.openai.http import Server, Timeouts

    try:
        made = OpenAIGenerator(Server(url, key=key, timeouts=Timeouts(PATIENCE, PATIENCE, PATIENCE, PATIENCE)), "")
        try:
            return await made.models()
        finally:
            await made.close()
    except TwinError as exc:
        raise SettingsError(str(exc).replace("TWIN_MODEL_", f"TWIN_{role.upper()}_")) from exc


async def forge(here: Place) -> str:
    """The forge knows the repository and the token."""
    from twin.drivers.forge import forge_at

    s = here.settings
    if not s.forge:
        return "none is set: releases are pushed (TWIN_FORGE sets one)"
    await forge_at(s.forge, s.forge_token, s.forge_url).reach()
    return f"{s.forge} answers"


async def rerank(here: Place) -> str:
    """The reranker scores."""
    from contextlib import AsyncExitStack

    from twin.cli.answering import reranker
    from twin.cli.wiring import embedder
    from twin.records import Author, Chunk, Kind, Passage

    s = here.settings
    if not s.rerank:
        return "none is set: passages stay in the order in which they were found"
    chunk = Chunk(
        id="",
        document="",
        content_hash="",
        uri="",
        source="",
        kind=Kind.ARTICLE,
        title="",
        author=Author("", ""),
        heading=(),
        span=(0, 2),
        text="Is this thing on?",
        position=0,
    )
    try:
        async with AsyncExitStack() as stack:
            made = await reranker(here, stack, await stack.enter_async_context(embedder(here)))
            if made:
                await made.score("Is this thing on?", [Passage(1, 1.0, chunk)])
    except AnswerError as exc:
        raise SettingsError(str(exc).replace("TWIN_MODEL_", "TWIN_RERANK_")) from exc
    return f"{s.rerank}{f' at {mask(s.rerank_url)}' if s.rerank_url else ''} scores"


async def opik(here: Place) -> str:
    """Opik answers."""
    if not here.settings.opik_url:
        return "not set: traces stay here (`twin traces list`)"
    from urllib.error import URLError
    from urllib.request import urlopen

    url = here.settings.opik_url.rstrip("/") + "/is-alive/ping"
    try:
        with await asyncio.to_thread(urlopen, url, timeout=PATIENCE) as reply:
            return f"{mask(here.settings.opik_url)} answers {reply.status}"
    except (URLError, OSError, ValueError) as exc:
        raise SettingsError(
            f"opik_url: {mask(here.settings.opik_url)} does not answer ({exc}); traces are kept here and dropped there"
        ) from exc
