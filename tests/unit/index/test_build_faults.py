"""Builds on odd documents, and builds whose stores go away in the middle."""

from dataclasses import replace

import pytest

from tests.unit.index.fakes import CountingEmbedder, MemoryDocuments, MemoryIndexes, document
from twin.errors import IndexStoreError, StoreError
from twin.index.build import BATCH_CHUNKS, build
from twin.index.chunk import Limits
from twin.records import Kind

LIMITS = Limits(article=200)


async def run(documents, store, embedder, limits=LIMITS):
    return await build(documents, store, embedder, clean=lambda one: one, limits=limits, cleaning="k1")


def filled(count):
    made = MemoryDocuments()
    for n in range(count):
        made.put(document(f"https://example.org/{n}", f"# Text {n}\n\nIt says {n}, and nothing else at all."))
    return made


class LeavingDocuments(MemoryDocuments):
    """A database that goes away after so many documents."""

    left = 0

    async def changes(self, source, after):
        async for change in super().changes(source, after):
            if not self.left:
                raise StoreError("127.0.0.1/twin: the server cannot be reached; check that it runs")
            self.left -= 1
            yield change


class LeavingIndexes(MemoryIndexes):
    """An index store that goes away at its n-th call of `what`."""

    what, left = "", 0

    def _call(self, name, effect):
        if name == self.what:
            self.left -= 1
            if self.left < 0:
                raise IndexStoreError("http://127.0.0.1:6333: the server cannot be reached; check that it runs")
        return super()._call(name, effect)


async def test_the_database_gone_in_mid_build_keeps_what_was_built_and_the_next_build_completes_it(monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 4)
    documents, store, embedder = LeavingDocuments(), MemoryIndexes(), CountingEmbedder()
    documents.rows, documents.last = filled(20).rows, {"blog": 20}
    documents.left = 10
    with pytest.raises(StoreError, match="cannot be reached"):
        await run(documents, store, embedder)
    assert [info.revisions for info in await store.list()] == [{"blog": 8}]
    documents.left = 100
    report = await run(documents, store, embedder)
    assert (report.documents, len(embedder.texts), len(store.points[report.index])) == (12, 20, 20)


@pytest.mark.parametrize("what", ["create", "stored", "write", "remove", "mark", "optimize"])
async def test_the_index_gone_in_mid_build_is_completed_by_the_next_build_without_a_duplicate(what, monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 4)
    whole, store = MemoryIndexes(), LeavingIndexes()
    documents = filled(12)
    for one in (whole, store):
        await run(documents, one, CountingEmbedder())
    for n in range(12):
        documents.put(document(f"https://example.org/{n}", f"# Text {n}\n\nIt says something new about {n}."))
    await run(documents, whole, CountingEmbedder())
    store.what, store.left = what, 0 if what in {"create", "optimize"} else 1
    with pytest.raises(IndexStoreError, match="cannot be reached"):
        await run(documents, store, CountingEmbedder())
    store.what = ""
    await run(documents, store, CountingEmbedder())
    assert (store.points, store.indexes) == (whole.points, whole.indexes)


@pytest.mark.parametrize("text", ["", "  \n\t\n", "\u00a0"], ids=["empty", "blank", "no-break space"])
async def test_a_document_without_text_has_no_passage_and_is_looked_at_once(text):
    documents, store, embedder = filled(2), MemoryIndexes(), CountingEmbedder()
    documents.put(document("https://example.org/empty", text))
    report = await run(documents, store, embedder)
    assert (report.documents, report.written) == (3, 2)
    assert (await run(documents, store, embedder)).documents == 0


async def test_a_document_that_lost_its_text_loses_its_passages():
    documents, store, embedder = filled(2), MemoryIndexes(), CountingEmbedder()
    await run(documents, store, embedder)
    documents.put(document("https://example.org/1", ""))
    report = await run(documents, store, embedder)
    assert (report.removed, len(store.points[report.index])) == (1, 1)


async def test_a_document_of_one_word_is_a_passage():
    documents, store = MemoryDocuments(), MemoryIndexes()
    documents.put(document("https://example.org/word", "Yes"))
    report = await run(documents, store, CountingEmbedder())
    assert [one.text for one, _ in store.points[report.index].values()] == ["Yes"]


async def test_a_line_of_five_megabytes_is_embedded_and_written_in_bounded_parts():
    sizes = []

    class Measured(CountingEmbedder):
        async def embed(self, texts):
            sizes.append((len(texts), max(map(len, texts))))
            return await super().embed(texts)

    documents, store = MemoryDocuments(), MemoryIndexes()
    documents.put(document("https://example.org/line", "word " * 1_000_000))
    report = await run(documents, store, Measured(), Limits())
    assert report.written == len(store.points[report.index]) > 3_000
    assert max(count for count, _ in sizes) <= BATCH_CHUNKS
    assert max(length for _, length in sizes) <= Limits().article + 300


async def test_a_uri_that_another_source_took_over_is_that_sources_and_embedded_once():
    documents, store, embedder = MemoryDocuments(), MemoryIndexes(), CountingEmbedder()
    one, other = (document("https://example.org/1", "It says the same.", source=name) for name in ("blog", "copy"))
    documents.put(one)
    await run(documents, store, embedder)
    documents.put(other)
    report = await run(documents, store, embedder)
    assert [kept.source for kept, _ in store.points[report.index].values()] == ["copy"]
    assert len(embedder.texts) == 1


async def test_a_document_that_becomes_another_kind_is_cut_and_told_anew():
    documents, store, embedder = MemoryDocuments(), MemoryIndexes(), CountingEmbedder()
    made = document("https://example.org/1", "A sentence that is not so short. " * 9)
    documents.put(made)
    await run(documents, store, embedder, Limits(article=1500, post=100))
    documents.put(replace(made, kind=Kind.POST))
    report = await run(documents, store, embedder, Limits(article=1500, post=100))
    kept = [one for one, _ in store.points[report.index].values()]
    assert len(kept) > 1
    assert {one.kind for one in kept} == {Kind.POST}
