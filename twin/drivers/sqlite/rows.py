"""Documents <-> rows of SQLite, and the tables they stand in. Knows no connection."""

from __future__ import annotations

import json
from typing import Any

from twin.records import Author, Change, Document, Kind

VERSION = 1
# `text` stands last: what comes before it is read without its overflow pages. The second index answers `known`, `uris`
# and `count` alone, so that a run without changes never touches a row.
SCHEMA = """
CREATE TABLE source (
    name TEXT PRIMARY KEY, revision INTEGER NOT NULL, cursor TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE document (
    id TEXT NOT NULL UNIQUE, uri TEXT NOT NULL, source TEXT NOT NULL, revision INTEGER NOT NULL, live INTEGER NOT NULL,
    content_hash TEXT NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL, author_id TEXT NOT NULL, author_name TEXT NOT NULL,
    link TEXT NOT NULL, language TEXT NOT NULL, published TEXT NOT NULL, metadata TEXT NOT NULL, title TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE UNIQUE INDEX document_revision ON document (source, revision);
CREATE INDEX document_known ON document (source, live, uri, content_hash, version);
CREATE INDEX document_uri ON document (uri) WHERE live
"""
# Not in SCHEMA, so that files that were made without it get it when they are opened.
IDENTITY = "CREATE TABLE IF NOT EXISTS store (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL)"
SELECT = (
    "SELECT id, uri, source, revision, live, content_hash, version, kind, author_id, author_name, link, language, published, "
    "metadata, title, text FROM document WHERE "
)
PUT = (  # first come, first served: a live document of another source is left alone
    "INSERT INTO document (id, uri, source, revision, live, content_hash, version, kind, author_id, author_name, link, "
    "language, published, metadata, title, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET source = excluded.source, revision = excluded.revision, live = 1, "
    "content_hash = excluded.content_hash, version = excluded.version, kind = excluded.kind, "
    "author_id = excluded.author_id, author_name = excluded.author_name, link = excluded.link, "
    "language = excluded.language, published = excluded.published, metadata = excluded.metadata, "
    "title = excluded.title, text = excluded.text WHERE document.source = excluded.source OR NOT document.live"
)
BURY = (
    "UPDATE document SET live = 0, revision = ?, content_hash = '', version = '', metadata = '', title = '', text = '' "
    "WHERE id = ?"
)
Row = tuple[Any, ...]


def row(document: Document, source: str, revision: int, version: str) -> Row:
    """The values of PUT for a live document."""
    return (
        document.id,
        document.uri,
        source,
        revision,
        1,
        document.content_hash,
        version,
        str(document.kind),
        document.author.id,
        document.author.name,
        document.link,
        document.language,
        document.published,
        json.dumps(dict(document.metadata), ensure_ascii=False, separators=(",", ":")) if document.metadata else "",
        document.title,
        document.text,
    )


def document(row: Row) -> Document:
    """The document of a row of SELECT."""
    return Document(
        uri=row[1],
        source=row[2],
        content_hash=row[5],
        kind=Kind(row[7]),
        author=Author(id=row[8], name=row[9]),
        link=row[10],
        language=row[11],
        published=row[12],
        metadata=json.loads(row[13]) if row[13] else {},
        title=row[14],
        text=row[15],
    )


def change(row: Row) -> Change:
    """The change of a row of SELECT, a tombstone included."""
    return Change(id=row[0], uri=row[1], source=row[2], revision=row[3], document=document(row) if row[4] else None)
