from dataclasses import replace

import pytest

from tests.unit.index.fakes import LIMITS, CountingEmbedder, Killed, MemoryDocuments, MemoryIndexes, document
from twin.errors import EmbedderMismatchError, EmbeddingError, RecallError
from twin.index.build import build, check_embedder, spec_of
from twin.index.chunk import Limits
from twin.index.recall import prune, switch
from twin.records import Kind

SMALL = Limits(article=250)


def article(n, text=""):
    words = " ".join(f"subject{n}word{k}" for k in range(12))
    return document(
        f"https://example.org/{n}", text or f"# Article {n}\n\n{words}\n\n## More\n\nA second passage, about {words}."
    )


@pytest.fixture
def documents():
    made = MemoryDocuments()
    for n in range(5):
        made.put(article(n))
    made.put(document("repo/a.py", "def f():\n    return 1\n", source="code", kind=Kind.REPOSITORY))
    return made


async def run(documents, store, embedder, limits=LIMITS, clean=lambda one: one):
    return await build(documents, store, embedder, clean=clean, limits=limits, cleaning="k1")


async def test_a_build_holds_a_chunk_for_every_passage(documents):
    store = MemoryIndexes()
    report = await run(documents, store, CountingEmbedder())
    (info,) = await store.list()
    assert info.name == report.index
    assert report.documents == 6
    assert report.written == info.chunks >= 6
    assert dict(info.revisions) == {"blog": 5, "code": 1}


async def test_a_second_build_writes_and_embeds_nothing(documents):
    store, embedder = MemoryIndexes(), CountingEmbedder()
    await run(documents, store, embedder)
    store.calls.clear()
    embedder.texts.clear()
    report = await run(documents, store, embedder)
    assert (store.writes, embedder.texts) == ([], [])
    assert (report.documents, report.written, report.removed) == (0, 0, 0)


async def test_documents_that_are_gone_leave_the_index(documents):
    store = MemoryIndexes()
    await run(documents, store, CountingEmbedder())
    documents.remove(article(2))
    report = await run(documents, store, CountingEmbedder())
    assert report.gone == 1
    assert report.removed > 0
    assert article(2).id not in {one.document for one, _ in store.points[report.index].values()}


async def test_a_changed_document_embeds_only_the_passages_that_changed(documents):
    store, embedder = MemoryIndexes(), CountingEmbedder()
    limits = Limits(article=120)
    parts = [f"## Part {n}\n\nThe part with number {n} says what only it has to say, and says it here." for n in range(6)]
    documents.put(article(1, "\n\n".join(parts)))
    await run(documents, store, embedder, limits)
    embedder.texts.clear()
    parts[2] = "## Part 2\n\nSomething else altogether, which is much shorter."
    documents.put(article(1, "\n\n".join(parts)))
    report = await run(documents, store, embedder, limits)
    assert len(embedder.texts) == report.written == 1
    assert (report.kept, report.removed) == (5, 1)
    spans = {one.text: one.span for one, _ in store.points[report.index].values() if one.document == article(1).id}
    assert all("\n\n".join(parts)[start:end] == text for text, (start, end) in spans.items())


async def test_a_new_title_is_embedded_again_under_the_same_ids(documents):
    store, embedder = MemoryIndexes(), CountingEmbedder()
    await run(documents, store, embedder)
    ids = set(store.points[spec_of(embedder, LIMITS, "k1").name])
    documents.put(replace(article(1), title="Another title", content_hash=""))
    report = await run(documents, store, embedder)
    assert set(store.points[report.index]) == ids
    assert report.written > 0
    titles = {one.title for one, _ in store.points[report.index].values() if one.document == article(1).id}
    assert titles == {"Another title"}


async def test_another_recipe_makes_another_index_beside(documents):
    store = MemoryIndexes()
    first = await run(documents, store, CountingEmbedder())
    second = await run(documents, store, CountingEmbedder(), Limits(article=700))
    assert first.index != second.index
    assert len(await store.list()) == 2


@pytest.mark.parametrize("late", [False, True], ids=["before its effect", "after it"])
async def test_killed_at_any_call_and_run_again_it_ends_in_the_same_state(documents, late, monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 2)
    monkeypatch.setattr("twin.index.build.BATCH_CHUNKS", 3)

    async def changed(store):
        """A first build that ends, then changes of every sort, left to be built."""
        mine = MemoryDocuments()
        mine.rows, mine.last = dict(documents.rows), dict(documents.last)
        await run(mine, store, CountingEmbedder(), SMALL)
        mine.remove(article(0))
        mine.put(article(1, "# Other\n\nA text of its own."))
        mine.put(article(2, article(2).text + "\n\n## End\n\nA last line that was added."))
        mine.put(article(9))
        store.calls.clear()
        return mine

    whole = MemoryIndexes()
    await run(await changed(whole), whole, CountingEmbedder(), SMALL)
    assert {"write", "update", "remove", "mark"} <= set(whole.calls)
    for n in range(1, len(whole.calls) + 1):
        store = MemoryIndexes()
        left = await changed(store)
        store.kill_at, store.late = n, late
        with pytest.raises(Killed):
            await run(left, store, CountingEmbedder(), SMALL)
        store.kill_at = 0
        await run(left, store, CountingEmbedder(), SMALL)
        assert (store.points, store.indexes) == (whole.points, whole.indexes), f"killed at call {n}"


async def test_a_failing_embedder_leaves_what_was_built_and_the_next_build_goes_on(documents):
    store, embedder = MemoryIndexes(), CountingEmbedder()
    await run(documents, store, embedder)
    documents.put(article(7))
    embedder.fails = True
    with pytest.raises(EmbeddingError):
        await run(documents, store, embedder)
    embedder.fails = False
    report = await run(documents, store, embedder)
    assert report.documents == 1


async def test_an_index_is_not_used_with_another_embedder_and_both_are_named(documents):
    store = MemoryIndexes()
    report = await run(documents, store, CountingEmbedder())
    spec = (await store.list())[0].spec
    with pytest.raises(EmbedderMismatchError, match=r"made with embedder counting .* but other"):
        check_embedder(spec, CountingEmbedder("other"), report.index)
    with pytest.raises(EmbedderMismatchError, match="eeeeeeeeeeee"):
        await switch(store, report.index, CountingEmbedder(digest="e" * 64), 0.5)
    assert store.alias == ""


async def test_an_index_that_finds_its_documents_goes_live_and_remembers_its_recall(documents):
    store, embedder = MemoryIndexes(), CountingEmbedder()
    report = await run(documents, store, embedder)
    assert (await switch(store, report.index, embedder, 0.9)).recall >= 0.9
    assert store.alias == report.index
    assert (await store.list())[0].recall >= 0.9


async def test_the_gate_refuses_an_index_that_lost_passages_and_the_live_one_stays(documents):
    store, embedder = MemoryIndexes(), CountingEmbedder()
    first = await run(documents, store, embedder)
    await switch(store, first.index, embedder, 0.9)
    other = await run(documents, store, embedder, Limits(article=700))

    async def blind(index, *, vector, text, filter, limit):
        return []

    store.search = blind
    with pytest.raises(RecallError, match="live index stays"):
        await switch(store, other.index, embedder, 0.9)
    assert store.alias == first.index


async def test_an_empty_or_unknown_index_does_not_go_live():
    store, embedder = MemoryIndexes(), CountingEmbedder()
    info = await store.create(spec_of(embedder, LIMITS, "k1"))
    with pytest.raises(RecallError, match="empty"):
        await switch(store, info.name, embedder, 0.0)
    with pytest.raises(RecallError, match="no index nosuch"):
        await switch(store, "nosuch", embedder, 0.0)
    assert store.alias == ""


@pytest.mark.parametrize(("keep", "left"), [(0, {2}), (1, {2, 4}), (2, {2, 3, 4}), (9, {0, 1, 2, 3, 4})])
async def test_prune_keeps_the_live_index_and_the_newest_beside_it(keep, left):
    store = MemoryIndexes()
    names = [(await store.create(spec_of(CountingEmbedder(f"e{n}"), LIMITS, "k1"))).name for n in range(5)]
    store.alias = names[2]
    planned = await prune(store, keep, dry_run=True)
    assert len(store.indexes) == 5
    assert await prune(store, keep) == planned
    assert set(store.indexes) == {names[n] for n in left}
