"""Settings -> drivers, opened and closed: the one place that knows which driver serves which Protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.cli.place import Place
from twin.errors import ReleaseError, SettingsError
from twin.records import Artifact

if TYPE_CHECKING:
    from twin.documents.ports import DocumentStore, Fetcher
    from twin.drivers.artifacts import Artifacts
    from twin.drivers.keys import Keys
    from twin.drivers.vllm.models import Models
    from twin.index.chunk import Limits
    from twin.index.ports import Embedder, IndexStore
    from twin.release.release import Release


@asynccontextmanager
async def documents(here: Place) -> AsyncIterator[DocumentStore]:
    """The document store: MongoDB when `documents_url` is set, else SQLite in the twin's home."""
    store: DocumentStore
    if here.settings.documents_url:
        from twin.drivers.mongo import MongoDocuments

        store = MongoDocuments(here.settings.documents_url)
    else:
        from twin.drivers.sqlite import SqliteDocuments

        store = SqliteDocuments(here.made() / "documents.db")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def fetchers(here: Place) -> AsyncIterator[Mapping[str, Fetcher]]:
    """A fetcher for each kind of source; those that crawl share one pace."""
    from twin.documents.export import ExportFetcher
    from twin.documents.feed import FeedFetcher
    from twin.documents.files import FilesFetcher
    from twin.documents.web import WebFetcher
    from twin.drivers.git import GitFetcher
    from twin.drivers.http import HttpPages

    s = here.settings
    pages = HttpPages(
        s.crawl_user_agent,
        concurrency=s.crawl_concurrency,
        per_host=s.crawl_per_host,
        delay=s.crawl_delay,
        timeout=s.crawl_timeout,
        max_bytes=s.crawl_max_bytes,
    )
    async with pages:
        yield {
            "git": GitFetcher(here.made() / "git"),
            "web": WebFetcher(pages),
            "feed": FeedFetcher(pages),
            "files": FilesFetcher(),
            "export": ExportFetcher(),
        }


@asynccontextmanager
async def indexes(here: Place) -> AsyncIterator[IndexStore]:
    """The indexes: a Qdrant server when `qdrant_url` is set, else the engine in the process, in the twin's home."""
    s = here.settings
    store: IndexStore
    if s.qdrant_url:
        from twin.drivers.qdrant.server import ServerIndexes

        store = ServerIndexes(
            s.qdrant_url,
            s.qdrant_api_key,
            alias=s.qdrant_alias,
            quantization=s.quantization,
            shards=s.shards,
            replicas=s.replicas,
        )
    else:
        from twin.drivers.qdrant.edge import EdgeIndexes

        store = EdgeIndexes(here.made() / "index", s.quantization)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def embedder(here: Place) -> AsyncIterator[Embedder]:
    """The embedder that `embedder` names. Raises SettingsError."""
    s = here.settings
    kind, _, model = s.embedder.partition(":")
    if s.embedder == "minilm":
        from twin.drivers.minilm import MiniLM

        made = MiniLM(here.made() / "cache", s.embed_threads)
        try:
            yield made
        finally:
            made.close()
    elif kind == "fastembed" and model:
        from twin.drivers.embedding import FastEmbed

        yield FastEmbed(model, s.embed_threads)
    elif kind == "openai" and model:
        from twin.drivers.embedding import OpenAIEmbedder

        if not s.embedder_url:
            raise SettingsError(
                f"embedder is {s.embedder}, but embedder_url is not set: give the server's address, ending in /v1"
            )
        async with OpenAIEmbedder(s.embedder_url, s.embedder_key, model) as remote:
            yield remote
    else:
        raise SettingsError(f"embedder {s.embedder!r} is none of minilm, fastembed:MODEL, openai:MODEL")


def limits(here: Place) -> Limits:
    """How large chunks may be."""
    from twin.index.chunk import Limits

    s = here.settings
    return Limits(s.chunk_article, s.chunk_post, s.chunk_repository)


def artifacts(here: Place, *, dry_run: bool = False) -> Artifacts:
    """Where artifacts are kept: `artifacts_url`, else the twin's home, which a `dry_run` does not make."""
    from twin.drivers.artifacts import Artifacts

    s = here.settings
    kept = s.artifacts_url or str((here.home if dry_run else here.made()) / "artifacts")
    return Artifacts(kept if "://" in kept else str(here.folder / kept), s.s3_endpoint, dry_run=dry_run)


def adapters_folder(here: Place) -> Path:
    """Where adapters lie, each in a folder named after its digest: those trained here, and those fetched for a server."""
    return here.folder / here.settings.adapters_folder if here.settings.adapters_folder else here.home / "adapters"


@asynccontextmanager
async def models(here: Place, url: str = "") -> AsyncIterator[Models]:
    """The models of the vLLM at `url`, or at `model_url`. Raises SettingsError where neither is known."""
    from twin.drivers.openai.http import Server
    from twin.drivers.vllm.models import Models

    address = url or here.settings.model_url
    if not address:
        raise SettingsError("no model server is known: set model_url (TWIN_MODEL_URL), ending in /v1")
    server = Server(address, key=here.settings.model_key)
    made = Models(server)
    try:
        yield made
    finally:
        await made.close()
        await server.close()


def candidate(here: Place) -> Artifact | None:
    """The adapter that a share of conversations is answered by, where `canary` gives it one. Raises SettingsError."""
    s = here.settings
    if not s.canary:
        return None
    try:
        return Artifact.parse(s.canary_adapter)
    except ValueError as exc:
        raise SettingsError(f"canary is {s.canary}, which needs canary_adapter, a pin: {exc}") from exc


def release(here: Place) -> Release | None:
    """What release.yaml pins; None where there is none yet. Raises ReleaseError naming every mistake in it."""
    file = here.folder / here.settings.release_file
    if not file.exists():
        return None
    from twin.release.reading import read

    try:
        return read(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as exc:
        raise ReleaseError(f"{file}: cannot be read ({getattr(exc, 'strerror', None) or 'it is not UTF-8'})") from exc


@asynccontextmanager
async def opened(*managers: Any) -> AsyncIterator[tuple[Any, ...]]:
    """Several of these at once, closed in reverse order."""
    async with AsyncExitStack() as stack:
        yield tuple([await stack.enter_async_context(manager) for manager in managers])


def keys(here: Place) -> Keys:
    """The gateway's keys."""
    from twin.drivers.keys import Keys

    s = here.settings
    return Keys(here.folder / s.keys_file if s.keys_file else here.home / "keys.json")
