"""An index store and documents in memory, and embedders that count: the ports of the index stage."""

import hashlib
from dataclasses import replace

from twin.errors import EmbeddingError, IndexStoreError, RefusedError
from twin.index.chunk import Limits
from twin.records import Author, Change, Document, IndexInfo, Kind, Passage

ADA = Author("ada", "Ada Author")
LIMITS = Limits()


def document(uri, text, *, source="blog", kind=Kind.ARTICLE, title="A title"):
    return Document(uri=uri, source=source, kind=kind, title=title, text=text, author=ADA)


class Killed(BaseException):
    """As kill -9 leaves it: nothing catches this."""


class MemoryDocuments:
    """The documents' side: what is stored, with a revision for each change. Another `name` is another store."""

    def __init__(self, name="one"):
        self.rows, self.name, self.last = {}, name, {}

    def put(self, one):
        self._set(one.source, Change(one.id, one.uri, one.source, 0, one))

    def remove(self, one):
        self._set(one.source, Change(one.id, one.uri, one.source, 0, None))

    def _set(self, source, change):
        self.last[source] = self.last.get(source, 0) + 1
        self.rows[change.id] = replace(change, revision=self.last[source])

    async def identity(self):
        return self.name

    async def revisions(self):
        return dict(self.last)

    async def count_changes(self, source, after):
        found = [row async for row in MemoryDocuments.changes(self, source, after)]
        live = sum(row.document is not None for row in found)
        return live, len(found) - live

    async def sources_of(self, uris):
        return {row.uri: row.source for row in self.rows.values() if row.document and row.uri in uris}

    async def changes(self, source, after):
        for row in sorted(self.rows.values(), key=lambda row: row.revision):
            if row.source == source and row.revision > after:
                yield row


class MemoryIndexes:
    """The store's side. Call number `kill_at` (counted from 1) is killed: before its effect, or after it when `late`."""

    def __init__(self, kill_at=0, *, late=False):
        self.indexes, self.points, self.alias = {}, {}, ""
        self.calls, self.kill_at, self.late = [], kill_at, late

    def _call(self, name, effect):
        self.calls.append(name)
        if len(self.calls) == self.kill_at and not self.late:
            raise Killed
        result = effect()
        if len(self.calls) == self.kill_at:
            raise Killed
        return result

    @property
    def writes(self):
        return [name for name in self.calls if name in {"write", "update", "remove", "mark", "optimize"}]

    async def live(self):
        return self.alias

    async def list(self):
        return [replace(info, live=name == self.alias, chunks=len(self.points[name])) for name, info in self.indexes.items()]

    async def create(self, spec):
        def effect():
            if spec.name not in self.indexes:
                created = f"2026-01-{len(self.indexes) + 1:02}"
                self.indexes[spec.name] = IndexInfo(name=spec.name, spec=spec, chunks=0, live=False, created=created)
                self.points[spec.name] = {}
            return replace(self.indexes[spec.name], chunks=len(self.points[spec.name]))

        return self._call("create", effect)

    async def write(self, index, chunks, vectors):
        pairs = {one.id: (one, tuple(vector)) for one, vector in zip(chunks, vectors, strict=True)}
        self._call("write", lambda: self.points[index].update(pairs))

    async def update(self, index, chunks):
        made = {one.id: (one, self.points[index][one.id][1]) for one in chunks}
        self._call("update", lambda: self.points[index].update(made))

    async def stored(self, index, documents):
        found = {}
        for one, _ in self.points[index].values():
            if one.document in documents:
                found.setdefault(one.document, {})[one.id] = one
        return self._call("stored", lambda: found)

    async def remove(self, index, chunk_ids):
        self._call("remove", lambda: [self.points[index].pop(key, None) for key in chunk_ids])

    async def mark(self, index, *, revisions=None, recall=None, store=None):
        info = self.indexes[index]
        known = {**info.revisions, **(revisions or {})}
        marked = replace(
            info,
            revisions=known,
            recall=info.recall if recall is None else recall,
            store=info.store if store is None else store,
        )
        self._call("mark", lambda: self.indexes.update({index: marked}))

    async def optimize(self, index):
        self._call("optimize", lambda: None)

    async def switch(self, index):
        self.alias = index

    async def drop(self, index):
        if index == self.alias:
            raise RefusedError("live")
        del self.indexes[index], self.points[index]

    async def search(self, index, *, vector, text, filter, limit):
        if index not in self.points:
            raise IndexStoreError(index)
        words = set(text.lower().split())

        def score(pair):
            one, at = pair
            near = sum(a * b for a, b in zip(at, vector, strict=True)) if vector else 0.0
            return near + len(words & set(one.text.lower().split()))

        ranked = sorted(self.points[index].values(), key=score, reverse=True)[:limit]
        return [Passage(rank, score(pair), pair[0]) for rank, pair in enumerate(ranked, 1)]

    async def scan(self, index, limit=0):
        ordered = sorted(self.points[index].items())
        for _, (one, _) in ordered[:limit] if limit else ordered:
            yield one


class CountingEmbedder:
    """Unit vectors from a text's hash, and every text that was asked for. `fails` raises instead."""

    dimension = 8

    def __init__(self, name="counting", digest="d" * 64):
        self.name, self.digest, self.texts, self.fails = name, digest, [], False

    async def embed(self, texts):
        if self.fails:
            raise EmbeddingError("out of order")
        self.texts += texts
        return [self._vector(text) for text in texts]

    async def embed_query(self, text):
        return self._vector(text)

    def _vector(self, text):
        made = [byte - 128 for byte in hashlib.sha256(text.encode()).digest()[: self.dimension]]
        norm = sum(x * x for x in made) ** 0.5 or 1.0
        return [x / norm for x in made]
