"""Chunks <-> what Qdrant stores of them, the same for the engine in the process and for a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from twin.records import Author, Chunk, Filter, IndexInfo, IndexSpec, Kind

DENSE, SPARSE = "dense", "bm25"
KEYWORDS = ("document", "source", "kind", "authors")  # what filters and lookups compare
PREFETCH = 50  # candidates of each kind that are fused
RRF_K = 2  # of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009); 60 ranks worse: tests/bench/quality


def payload(chunk: Chunk) -> dict[str, Any]:
    """What is stored beside the vectors. `authors` holds id and name folded, for filters."""
    return {
        "document": chunk.document,
        "content_hash": chunk.content_hash,
        "uri": chunk.uri,
        "source": chunk.source,
        "kind": chunk.kind.value,
        "title": chunk.title,
        "author": {"id": chunk.author.id, "name": chunk.author.name},
        "authors": sorted({chunk.author.id.casefold(), chunk.author.name.casefold()}),
        "heading": list(chunk.heading),
        "span": list(chunk.span),
        "text": chunk.text,
        "position": chunk.position,
        "link": chunk.link,
        "language": chunk.language,
        "published": chunk.published,
    }


def chunk_of(point_id: Any, stored: Mapping[str, Any]) -> Chunk:
    """The chunk that `payload` made."""
    author, span = stored["author"], stored["span"]
    return Chunk(
        id=str(point_id),
        document=stored["document"],
        content_hash=stored["content_hash"],
        uri=stored["uri"],
        source=stored["source"],
        kind=Kind(stored["kind"]),
        title=stored["title"],
        author=Author(author["id"], author["name"]),
        heading=tuple(stored["heading"]),
        span=(span[0], span[1]),
        text=stored["text"],
        position=stored["position"],
        link=stored["link"],
        language=stored["language"],
        published=stored["published"],
    )


def conditions(filter: Filter) -> dict[str, str]:
    """Field -> value that must match."""
    wanted = {"authors": filter.author.casefold(), "kind": filter.kind, "source": filter.source}
    return {field: value for field, value in wanted.items() if value}


def searched(chunk: Chunk) -> str:
    """What BM25 sees: title and headings count as words of the passage."""
    return "\n".join((chunk.title, *chunk.heading, chunk.text))


def size(chunk: Chunk) -> int:
    """About how many characters a chunk is when it is sent."""
    return len(chunk.text) + len(chunk.title) + sum(map(len, chunk.heading)) + len(chunk.uri) + len(chunk.link)


def plain(text: str) -> str:
    """`text` without lone surrogates, which JSON may carry and no wire format takes."""
    return text.encode("utf-8", "replace").decode()


class Meta(msgspec.Struct, frozen=True):
    """What is kept of an index beside its points."""

    name: str
    spec: IndexSpec
    created: str
    recall: float | None = None
    revisions: dict[str, int] = {}
    store: str = ""

    def marked(self, revisions: Mapping[str, int] | None, recall: float | None, store: str | None) -> Meta:
        """The same, with what `IndexStore.mark` says."""
        return msgspec.structs.replace(
            self,
            revisions={**self.revisions, **(revisions or {})},
            recall=self.recall if recall is None else recall,
            store=self.store if store is None else store,
        )

    def info(self, *, chunks: int, live: bool, layout: Mapping[str, str | int]) -> IndexInfo:
        """As `twin index list` shows it."""
        return IndexInfo(
            name=self.name,
            spec=self.spec,
            chunks=chunks,
            live=live,
            created=self.created,
            recall=self.recall,
            revisions=self.revisions,
            store=self.store,
            layout=layout,
        )
