"""What a twin keeps -> a line that says what is there. A check raises TwinError with the remedy when it is not well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.errors import IndexStoreError, RefusedError, ReleaseError, SettingsError, StoreError
from twin.settings import mask

if TYPE_CHECKING:
    from twin.cli.place import Place


async def sources(here: Place) -> str:
    """sources.yaml can be read."""
    from twin.cli.place import started
    from twin.documents.declare import read_sources

    found = read_sources(started(here).sources)
    return f"{len(found)} in {here.sources}: {', '.join(one.name for one in found)}"


async def documents(here: Place) -> str:
    """The store answers, and holds documents."""
    from twin.cli.wiring import documents as opened

    async with opened(here) as store:
        count = sum([await store.count(source) for source in await store.revisions()])
    where = mask(here.settings.documents_url) if here.settings.documents_url else str(here.home / "documents.db")
    if not count:
        raise StoreError(f"no document in {where}: `twin documents sync` fetches them")
    return f"{count} in {where}"


async def embedder(here: Place) -> str:
    """The embedder embeds."""
    from twin.cli.wiring import embedder as opened

    async with opened(here) as model:
        vector = await model.embed_query("Is this thing on?")
        return f"{model.name}, dimension {len(vector)}"


async def index(here: Place) -> str:
    """An index is live, of the configured embedder, and not empty; what of it is not as the settings say."""
    from twin.cli.index import laid_out
    from twin.cli.wiring import embedder as embedding
    from twin.cli.wiring import indexes
    from twin.index.build import check_embedder

    async with indexes(here) as store, embedding(here) as model:
        live = next((info for info in await store.list() if info.live), None)
        if live is None:
            raise IndexStoreError("no index is live: run `twin index build --switch`")
        try:
            check_embedder(live.spec, model, live.name)
        except RefusedError as exc:
            raise IndexStoreError(str(exc)) from exc
    if not live.chunks:
        raise IndexStoreError(f"{live.name} is live and empty: run `twin documents sync` and `twin index build`")
    said, note = f"{live.name} is live with {live.chunks} chunks", laid_out(here, live.name, live.layout)
    return f"{said}; {note}" if note else said


async def artifacts(here: Place) -> str:
    """The folder or bucket of artifacts answers."""
    from twin.cli.wiring import artifacts as kept

    return f"kept at {await kept(here).reach()}"


async def release(here: Place) -> str:
    """release.yaml, where there is one, is a release."""
    from twin.cli.wiring import release as pinned

    file, found = here.folder / here.settings.release_file, pinned(here)
    if found is None:
        return f"{file}: not there yet, so this is release `local` (`twin release promote` writes one)"
    return f"{found.id} in {file}"


async def thresholds(here: Place) -> str:
    """thresholds.yaml, where there is one, can be read."""
    from twin.release.thresholds import parse

    file = here.folder / "thresholds.yaml"
    if not file.is_file():
        return f"{file}: not there; `twin release gate` needs one"
    try:
        return f"{len(parse(file.read_bytes(), str(file)).rules)} rules in {file}"
    except OSError as exc:
        raise ReleaseError(f"{file}: cannot be read ({exc.strerror})") from exc


async def keys(here: Place) -> str:
    """The keys can be read, and there is one where others can reach the gateway."""
    from services.gateway.auth import is_loopback
    from twin.cli.wiring import keys as kept

    found, host = kept(here).list(), here.settings.host
    if found:
        return f"{len(found)}"
    if not is_loopback(host):
        raise SettingsError(f"none, and host is {host}, which others can reach: `twin keys create --name NAME` makes one")
    return "none: only loopback is served (`twin keys create` makes one)"
