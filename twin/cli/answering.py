"""Settings -> an Answerer and what it needs: shared by `twin ask` and `twin serve`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twin.cli.output import say
from twin.cli.place import Place
from twin.cli.wiring import embedder, indexes, release
from twin.errors import SettingsError, SourcesError

if TYPE_CHECKING:
    from twin.answer.answerer import Answerer
    from twin.answer.guard_in import Guards
    from twin.answer.ports import Reranker, TextEmbedder
    from twin.answer.prompt import Prompt
    from twin.drivers.openai.generator import OpenAIGenerator
    from twin.drivers.opik.sender import OpikSender
    from twin.drivers.sqlite.traces import TraceStore
    from twin.index.ports import Embedder, IndexStore
    from twin.records import Trace
    from twin.release.release import Release


@dataclass(frozen=True)
class Sinks:
    """Every trace goes to the local store, and to Opik where that is set."""

    local: TraceStore
    opik: OpikSender | None

    @property
    def dropped(self) -> int:
        """Traces that found no room, here or there."""
        return self.local.dropped + (self.opik.dropped if self.opik else 0)

    def put(self, trace: Trace) -> None:
        self.local.put(trace)
        if self.opik:
            self.opik.put(trace)


@dataclass(frozen=True)
class Answering:
    """An answerer with its parts, open."""

    answerer: Answerer
    index: IndexStore
    embedder: Embedder
    sinks: Sinks
    generator: OpenAIGenerator | None
    release: Release | None = None


@asynccontextmanager
async def answering(here: Place) -> AsyncIterator[Answering]:
    """Everything that answers, as settings say; closed in reverse order. Raises SettingsError."""
    from twin.answer.answerer import Answerer

    s = here.settings
    async with AsyncExitStack() as stack:
        index = await stack.enter_async_context(indexes(here))
        model = await stack.enter_async_context(embedder(here))
        guards = _guards(here)
        sinks = await _sinks(here, stack, guards)
        pinned = release(here)
        model_server = await generator(here, stack, pinned)
        answerer = Answerer(
            embedder=model,
            searcher=index,
            sink=sinks,
            generator=model_server,
            completer=model_server,
            reranker=await reranker(here, stack, model),
            understanding=s.understand and model_server is not None,
            expansions=s.expand if model_server else 0,
            prompt=_prompt(here),
            guards=guards,
            release=pinned.id if pinned else "local",
        )
        yield Answering(answerer, index, model, sinks, model_server, pinned)


def _prompt(here: Place) -> Prompt:
    """The prompt, in the name of the sources' author. Who serves an index alone may have no sources, and still answers."""
    from twin.answer.prompt import Prompt
    from twin.documents.declare import read_author

    asked = Prompt(tokens=here.settings.prompt_tokens)
    try:
        author = read_author(here.sources)
    except SourcesError as exc:
        say(f"the answers name {asked.author!r} instead of a person, as sources.yaml tells none: {exc}")
        return asked
    return replace(asked, author=author.name) if author else asked


def _guards(here: Place) -> Guards:
    """The guards, with the addresses that answers may show. Raises SettingsError for what is none."""
    from twin.answer.guard_in import Guards

    allowed = [one.strip().casefold() for one in here.settings.allowed_emails.split(",") if one.strip()]
    for one in allowed:
        name, at, domain = one.rpartition("@")
        if not at or "." not in domain or "@" in name or " " in one:
            raise SettingsError(f"allowed_emails: {one!r} is neither an address nor a domain written @example.org")
    return Guards(emails=frozenset(allowed))


async def _sinks(here: Place, stack: AsyncExitStack, guards: Guards) -> Sinks:
    from functools import partial

    from twin.answer.redact import redact_trace
    from twin.drivers.sqlite.traces import TraceStore

    s = here.settings
    redact = partial(redact_trace, emails=guards.emails)
    local = TraceStore(here.made() / "traces.db", kept=s.traces_kept, redact=redact)
    await local.open()
    stack.push_async_callback(local.close)
    if not s.opik_url:
        return Sinks(local, None)
    from twin.drivers.opik.sender import OpikSender

    opik = OpikSender(s.opik_url, key=s.opik_key, workspace=s.opik_workspace, project=s.opik_project, redact=redact)
    stack.callback(opik.close)
    return Sinks(local, opik)


async def generator(here: Place, stack: AsyncExitStack, pinned: Release | None = None) -> OpenAIGenerator | None:
    """The model server's driver, closed with `stack`; None when none is set. Raises SettingsError."""
    s = here.settings
    if not s.model_url:
        return None
    name = s.model_name or _served(pinned)
    if not name:
        raise SettingsError(
            "model_url is set but model_name is not, and there is no release.yaml with a model: give the name by which the"
            " server calls its model"
        )
    from twin.drivers.openai.generator import OpenAIGenerator
    from twin.drivers.openai.http import Server, Timeouts

    timeouts = Timeouts(s.connect_timeout, s.first_token_timeout, s.idle_timeout, s.total_timeout)
    made = OpenAIGenerator(Server(s.model_url, key=s.model_key, timeouts=timeouts), name)
    stack.push_async_callback(made.close)
    return made


def _served(pinned: Release | None) -> str:
    """By which name the model server serves the release's adapter."""
    from twin.drivers.vllm.adapters import served_name
    from twin.records import Artifact

    return served_name(Artifact.parse(pinned.model.adapter).digest) if pinned and pinned.model else ""


async def reranker(here: Place, stack: AsyncExitStack, embedder: TextEmbedder) -> Reranker | None:
    """The reranker that `rerank` names, closed with `stack`; None when none is set. Raises SettingsError."""
    s = here.settings
    kind, _, name = s.rerank.partition(":")
    if not s.rerank:
        return None
    if s.rerank == "sentences":
        from twin.answer.rerank import SentenceReranker

        return SentenceReranker(embedder)
    if kind == "fastembed" and name:
        from twin.drivers.rerank import FastembedReranker

        return FastembedReranker(name, threads=s.embed_threads)
    if kind == "openai" and name and s.rerank_url:
        from twin.drivers.openai.http import Server
        from twin.drivers.rerank import ServerReranker

        remote = ServerReranker(Server(s.rerank_url, key=s.rerank_key), name)
        stack.push_async_callback(remote.close)
        return remote
    raise SettingsError(
        f"rerank {s.rerank!r} is none of sentences, fastembed:MODEL, openai:MODEL (which also needs rerank_url)"
    )
