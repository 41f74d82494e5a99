from contextlib import aclosing
from dataclasses import replace

import pytest

from tests.integration.index.samples import fill, passage, recipe, vector
from twin.errors import IndexStoreError, RefusedError
from twin.records import Filter, Kind

ANY = Filter()
TOMB = passage("A tombstone marks a document that is gone.", position=0, heading=("Deleting", "Tombstones"))
LEASE = passage("A lease keeps two syncs of one source apart.", position=1)
POST = passage("Short thoughts about leases.", document="d2", author="Émile Post", kind=Kind.POST, source="feed")


async def found(store, index, text="", near=None, filter=ANY, limit=10):
    passages = await store.search(index, vector=near, text=text, filter=filter, limit=limit)
    return [one.chunk for one in passages]


async def test_what_is_written_comes_back_whole(store, index):
    await fill(store, index, [TOMB, LEASE, POST])
    assert await store.stored(index, ["d1", "d3"]) == {"d1": {TOMB.id: TOMB, LEASE.id: LEASE}}
    assert await store.stored(index, []) == {}


async def test_writing_again_duplicates_nothing(store, index):
    for _ in range(2):
        await fill(store, index, [TOMB, LEASE])
    (info,) = [one for one in await store.list() if one.name == index]
    assert (info.chunks, info.live, info.recall) == (2, False, None)


async def test_creating_again_gives_what_is_there(store, index):
    (before,) = [one for one in await store.list() if one.name == index]
    await fill(store, index, [TOMB])
    again = await store.create(before.spec)
    assert (again.name, again.spec, again.created, again.chunks) == (index, before.spec, before.created, 1)


async def test_update_moves_a_passage_and_keeps_its_vectors(store, index):
    await fill(store, index, [TOMB, LEASE])
    moved = replace(TOMB, position=7, span=(70, 112))
    await store.update(index, [moved])
    assert (await store.stored(index, ["d1"]))["d1"][TOMB.id] == moved
    assert (await found(store, index, near=vector(TOMB.text), limit=1)) == [moved]
    assert (await found(store, index, text="tombstone", limit=1)) == [moved]


async def test_removed_passages_are_found_no_more(store, index):
    await fill(store, index, [TOMB, LEASE])
    await store.remove(index, [TOMB.id])
    await store.remove(index, [TOMB.id])
    assert await found(store, index, text="tombstone lease", near=vector(TOMB.text)) == [LEASE]


async def test_marks_of_several_sources_and_the_gate_add_up(store, index):
    await store.mark(index, revisions={"blog": 3, "a.b:c": 1})
    await store.mark(index, recall=0.97)
    await store.mark(index, revisions={"blog": 5}, store="here")
    await store.mark(index, revisions={"blog": 6})
    (info,) = [one for one in await store.list() if one.name == index]
    assert (dict(info.revisions), info.recall, info.store) == ({"blog": 6, "a.b:c": 1}, 0.97, "here")
    await store.mark(index, store="")
    assert {one.store for one in await store.list() if one.name == index} == {""}


async def test_words_and_vectors_are_searched_alone_and_together(store, index):
    await fill(store, index, [TOMB, LEASE, POST])
    assert (await found(store, index, text="tombstone"))[0] == TOMB
    assert (await found(store, index, near=vector(LEASE.text)))[0] == LEASE
    both = await store.search(index, vector=vector(TOMB.text), text="tombstone", filter=ANY, limit=2)
    assert (both[0].rank, both[0].chunk) == (1, TOMB)
    assert both[0].score == pytest.approx(2 / 2)  # first in both; the engine counts ranks from 0, and k = 2
    assert await found(store, index) == []


async def test_headings_count_as_words_of_the_passage(store, index):
    await fill(store, index, [TOMB, LEASE])
    assert (await found(store, index, text="deleting")) == [TOMB]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (Filter(author="émile POST"), {POST.id}),
        (Filter(author="ada"), {TOMB.id, LEASE.id}),
        (Filter(kind="post"), {POST.id}),
        (Filter(source="blog"), {TOMB.id, LEASE.id}),
        (Filter(source="blog", kind="post"), set()),
    ],
)
async def test_filters_bound_both_kinds_of_search(store, index, filter, expected):
    await fill(store, index, [TOMB, LEASE, POST])
    hits = await found(store, index, text="leases tombstone lease", near=vector(POST.text), filter=filter)
    assert {one.id for one in hits} == expected


async def test_scan_gives_every_passage_once_in_order_of_id(store, index):
    chunks = [passage(f"passage number {n}", document=f"d{n % 7}", position=n) for n in range(600)]
    await fill(store, index, chunks)
    async with aclosing(store.scan(index)) as stream:
        assert [one.id async for one in stream] == sorted(one.id for one in chunks)
    async with aclosing(store.scan(index, limit=300)) as stream:
        assert len([one async for one in stream]) == 300


async def test_a_document_of_many_passages_is_read_to_its_end(store, index):
    chunks = [passage(f"passage number {n}", position=n) for n in range(700)]
    await fill(store, index, chunks)
    assert set((await store.stored(index, ["d1"]))["d1"]) == {one.id for one in chunks}


async def test_readers_of_the_alias_see_what_it_was_switched_to(store, index):
    other = await store.create(replace(recipe(), embedder=f"other-{index[6:14]}"))
    await fill(store, index, [TOMB])
    await fill(store, other.name, [LEASE])
    assert await store.live() == ""
    assert await found(store, "", text="tombstone lease") == []
    await store.switch(index)
    assert await found(store, "", text="tombstone lease") == [TOMB]
    await store.switch(other.name)
    assert await found(store, "", text="tombstone lease") == [LEASE]
    assert await store.live() == other.name
    assert [one.name for one in await store.list() if one.live] == [other.name]
    async with aclosing(store.scan("")) as stream:
        assert [one async for one in stream] == [LEASE]


async def test_the_live_index_cannot_be_dropped(store, index):
    await fill(store, index, [TOMB])
    await store.switch(index)
    with pytest.raises(RefusedError, match="live"):
        await store.drop(index)
    assert await found(store, "", text="tombstone") == [TOMB]


async def test_dropping_twice_is_dropping_once(store):
    name = (await store.create(recipe("dropped"))).name
    await store.drop(name)
    await store.drop(name)
    assert name not in [one.name for one in await store.list()]


async def test_an_index_that_is_not_there_is_named(store):
    with pytest.raises(IndexStoreError, match="nosuch"):
        await store.search("nosuch", vector=None, text="a word", filter=ANY, limit=3)
    with pytest.raises(IndexStoreError, match="nosuch"):
        await store.switch("nosuch")
    assert await store.live() != "nosuch"


@pytest.mark.parametrize("text", ["\ud800 tombstone", "\x00", "𝔘𝔫𝔦code ☃", "'; DROP TABLE", "a" * 100_000])
async def test_any_question_is_searched(store, index, text):
    await fill(store, index, [TOMB])
    assert len(await found(store, index, text=text, near=vector("tombstone"))) == 1


async def test_wrong_sizes_of_vectors_are_an_error_and_write_nothing(store, index):
    with pytest.raises(IndexStoreError):
        await store.write(index, [TOMB], [[1.0, 2.0]])
    assert await store.stored(index, ["d1"]) == {}
