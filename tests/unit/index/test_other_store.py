"""A build beside another document store than the index was written from: nothing stays that the store does not know."""

import pytest

from tests.unit.index.fakes import CountingEmbedder, Killed, MemoryDocuments, MemoryIndexes, document
from twin.errors import MassDeletionError
from twin.index.build import build, planned
from twin.index.chunk import Limits

LIMITS = Limits(article=120)
HOW = {"limits": LIMITS, "cleaning": "k1"}


def text(n, source="blog"):
    return document(f"https://example.org/{source}/{n}", f"# Text {n}\n\n" + f"It says {n} and {n}. " * 12, source=source)


def filled(name, numbers, source="blog"):
    made = MemoryDocuments(name)
    for n in numbers:
        made.put(text(n, source))
    return made


async def run(documents, store, embedder=None, **options):
    return await build(documents, store, embedder or CountingEmbedder(), clean=lambda one: one, **HOW, **options)


def held(store):
    return {one.uri for points in store.points.values() for one, _ in points.values()}


def uris(*numbers, source="blog"):
    return {text(n, source).uri for n in numbers}


async def built(numbers=range(10), name="one"):
    store = MemoryIndexes()
    await run(filled(name, numbers), store)
    store.calls.clear()
    return store


async def test_what_vanished_with_the_store_leaves_the_index_and_nothing_is_embedded_again():
    store, embedder = await built(), CountingEmbedder()
    report = await run(filled("two", range(1, 10)), store, embedder)
    assert held(store) == uris(*range(1, 10))
    assert (report.documents, report.gone, report.written, embedder.texts) == (9, 1, 0, [])
    assert report.removed > 1
    store.calls.clear()
    assert (await run(filled("two", range(1, 10)), store)).documents == 0
    assert store.writes == []


async def test_changes_of_the_new_store_are_written_however_low_its_revisions_are():
    store = MemoryIndexes()
    old = filled("one", range(10))
    for _ in range(30):
        old.put(text(3))
    await run(old, store)
    new = filled("two", range(10))
    new.put(document(text(4).uri, "# Text 4\n\nIt says something else."))
    await run(new, store)
    assert any("something else" in one.text for points in store.points.values() for one, _ in points.values())
    new.remove(text(5))
    assert (await run(new, store)).gone == 1
    assert held(store) == uris(*range(5), *range(6, 10))


async def test_a_source_that_the_new_store_does_not_have_leaves_the_index():
    old = filled("one", range(6))
    old.put(text(0, "notes"))
    store = MemoryIndexes()
    await run(old, store)
    report = await run(filled("two", range(6)), store)
    assert (report.gone, held(store)) == (1, uris(*range(6)))
    (info,) = await store.list()
    assert (info.store, dict(info.revisions)) == ("two", {"blog": 6, "notes": 0})


async def test_an_index_that_does_not_know_its_store_is_compared_once_and_keeps_its_vectors():
    store, embedder = await built(), CountingEmbedder()
    (info,) = await store.list()
    await store.mark(info.name, store="")
    store.calls.clear()
    report = await run(filled("one", range(10)), store, embedder)
    assert (report.documents, report.gone, embedder.texts) == (10, 0, [])
    store.calls.clear()
    await run(filled("one", range(10)), store)
    assert store.writes == []


async def test_a_store_from_a_backup_takes_the_index_back_with_it():
    documents, store = filled("one", range(6)), MemoryIndexes()
    rows, last = dict(documents.rows), dict(documents.last)
    documents.put(text(6))
    await run(documents, store)
    documents.rows, documents.last = rows, last
    assert (await run(documents, store)).gone == 1
    assert held(store) == uris(*range(6))
    store.calls.clear()
    await run(documents, store)
    assert store.writes == []


async def test_back_beside_its_former_store_the_index_is_whole_again():
    one, two, store = filled("one", range(6)), filled("two", range(1, 7)), MemoryIndexes()
    for documents, numbers in ((one, range(6)), (two, range(1, 7)), (one, range(6))):
        await run(documents, store)
        assert held(store) == uris(*numbers)


@pytest.mark.parametrize("numbers", [range(1), range(3), range(20)], ids=["one", "a handful", "many"])
async def test_an_empty_store_does_not_empty_the_index_unless_it_is_allowed_to(numbers):
    store = await built(numbers)
    before = (dict(store.points), dict(store.indexes))
    with pytest.raises(MassDeletionError, match=r"`twin documents sync`.*--allow-mass-delete") as refused:
        await run(MemoryDocuments("two"), store)
    assert refused.value.exit_status == 3
    assert (store.points, store.indexes, store.writes) == (*before, [])
    report = await run(MemoryDocuments("two"), store, allow_mass_delete=True)
    assert (report.gone, held(store)) == (len(numbers), set())


@pytest.mark.parametrize(("left", "refused"), [(10, False), (9, True)])
async def test_most_of_an_index_leaves_it_only_when_that_is_allowed(left, refused):
    store = await built(range(20))
    new = filled("two", range(left))
    if refused:
        for _ in range(2):  # the same again, for nothing was written
            with pytest.raises(MassDeletionError):
                await run(new, store)
        assert held(store) == uris(*range(20))
    await run(new, store, allow_mass_delete=refused)
    assert held(store) == uris(*range(left))


async def test_a_handful_may_always_go_as_long_as_there_is_something():
    store = await built(range(4))
    await run(filled("two", [9]), store)
    assert held(store) == uris(9)


@pytest.mark.parametrize("late", [False, True], ids=["before its effect", "after it"])
async def test_killed_at_any_call_it_ends_in_the_same_state_beside_either_store(late, monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 2)
    monkeypatch.setattr("twin.index.sweep.BATCH", 4)
    one, two = filled("one", range(6)), filled("two", range(2, 7))
    whole = await built(range(6))
    await run(two, whole)
    assert {"remove", "mark", "write"} <= set(whole.calls)
    for n in range(1, len(whole.calls) + 1):
        for after, numbers in ((two, range(2, 7)), (one, range(6))):
            store = await built(range(6))
            store.kill_at, store.late = n, late
            with pytest.raises(Killed):
                await run(two, store)
            store.kill_at = 0
            await run(after, store)
            assert held(store) == uris(*numbers), f"killed at call {n}, then beside {after.name}"


async def test_a_plan_says_what_a_build_would_do_and_writes_nothing():
    store, embedder = MemoryIndexes(), CountingEmbedder()
    documents = filled("one", range(6))
    first = await planned(documents, store, embedder, **HOW)
    assert (first.new, first.documents, first.gone, first.lost) == (True, 6, 0, 0)
    assert (store.calls, store.indexes) == ([], {})
    await run(documents, store)
    documents.remove(text(0))
    documents.put(text(7))
    store.calls.clear()
    second = await planned(documents, store, embedder, **HOW)
    assert (second.new, second.documents, second.gone, second.lost) == (False, 1, 1, 0)
    other = await planned(filled("two", range(1, 6)), store, embedder, **HOW)
    assert (other.documents, other.lost) == (5, sum(one.uri == text(0).uri for one, _ in store.points[other.index].values()))
    assert other.lost > 1
    with pytest.raises(MassDeletionError):
        await planned(MemoryDocuments("two"), store, embedder, **HOW)
    assert store.writes == []


async def test_progress_knows_at_its_start_how_much_there_is_to_do(monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 4)
    store, seen = await built(), []
    documents = filled("two", range(1, 10))
    await run(documents, store, on_progress=lambda report, total: seen.append((report.documents + report.gone, total)))
    assert seen == [(0, 9), (5, 10), (9, 10), (10, 10)]
