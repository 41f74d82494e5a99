"""Documents <-> what MongoDB keeps of them. Knows no connection."""

from __future__ import annotations

from typing import Any

from twin.records import Author, Change, Document, Kind

Row = dict[str, Any]
BURIED: Row = {"live": False, "hash": "", "version": "", "title": "", "text": "", "metadata": []}


def row(document: Document, source: str, revision: int, version: str) -> Row:
    """A live document. Metadata are pairs, as keys with dots or dollars are not for every server; `authors` is to filter."""
    return {
        "_id": document.id,
        "uri": document.uri,
        "source": source,
        "revision": revision,
        "live": True,
        "hash": document.content_hash,
        "version": version,
        "kind": str(document.kind),
        "author": {"id": document.author.id, "name": document.author.name},
        "authors": sorted({document.author.id.casefold(), document.author.name.casefold()}),
        "title": document.title,
        "text": document.text,
        "link": document.link,
        "language": document.language,
        "published": document.published,
        "metadata": [{"key": key, "value": value} for key, value in document.metadata.items()],
    }


def document(row: Row) -> Document:
    """The document of a live row."""
    return Document(
        uri=row["uri"],
        source=row["source"],
        content_hash=row["hash"],
        kind=Kind(row["kind"]),
        author=Author(**row["author"]),
        title=row["title"],
        text=row["text"],
        link=row["link"],
        language=row["language"],
        published=row["published"],
        metadata={pair["key"]: pair["value"] for pair in row["metadata"]},
    )


def change(row: Row) -> Change:
    """The change of a row, a tombstone included."""
    made = document(row) if row["live"] else None
    return Change(id=row["_id"], uri=row["uri"], source=row["source"], revision=int(row["revision"]), document=made)
