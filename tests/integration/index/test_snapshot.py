"""An index kept as a folder and made again from it: the same answers, nothing half made, nothing replaced unasked."""

import asyncio
from random import Random

import pytest

from tests.integration.index.samples import DIMENSION, fill, passage, process, recipe, vector
from twin.drivers.artifacts import Artifacts
from twin.drivers.qdrant import snapshot as snapshots
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.errors import IndexStoreError, RefusedError
from twin.records import Filter

WORDS = ("harbour", "violin", "glacier", "bakery", "telescope", "saddle", "lantern", "queue")


@pytest.fixture
async def opened():
    made = []

    async def open(folder):
        made.append(EdgeIndexes(folder))
        await made[-1].open()
        return made[-1]

    yield open
    for one in made:
        await one.close()


async def filled(store):
    index = (await store.create(recipe())).name
    chunks = [passage(f"{WORDS[n % 8]} {n} " + "near " * n, document=f"d{n % 20}", position=n) for n in range(60)]
    random = Random(5)  # no two alike, so that no two score the same
    await store.write(index, chunks, [[random.gauss(0, 1) for _ in range(DIMENSION)] for _ in chunks])
    await store.mark(index, revisions={"blog": 7}, recall=0.98)
    return index, chunks


async def answers(store, index):
    """By meaning, by words and by both; of both without their order, as fused ranks are often equal."""
    asked = [(word, Filter()) for word in WORDS] + [("harbour", Filter(author="ada")), ("queue", Filter(source="nowhere"))]
    found = []
    for text, only in asked:
        for near, words in ((vector(text), ""), (None, text), (vector(text), text)):
            passages = await store.search(index, vector=near, text=words, filter=only, limit=60)
            scored = [(one.chunk.id, one.chunk, round(one.score, 6)) for one in passages]
            found.append(sorted(scored, key=lambda each: each[0]) if near and words else scored)
    return found


@pytest.mark.parametrize("optimized", [False, True])
async def test_a_restored_index_answers_as_the_one_that_was_kept(opened, tmp_path, optimized):
    store = await opened(tmp_path / "one")
    index, chunks = await filled(store)
    if optimized:
        await store.optimize(index)
    info, documents = await store.snapshot(index, tmp_path / "saved")
    assert (info.chunks, documents) == (60, snapshots.documents_digest(chunks))
    artifacts = Artifacts(str(tmp_path / "kept"))
    saved = await artifacts.get(await artifacts.put(tmp_path / "saved"), tmp_path / "fetched")
    other = await opened(tmp_path / "two")
    restored = await other.restore(saved)
    assert (restored.name, restored.chunks, restored.live, restored.revisions, restored.recall) == (index, 60, False, {}, None)
    assert await answers(other, index) == await answers(store, index)


async def test_a_restored_index_takes_every_further_change(opened, tmp_path):
    store = await opened(tmp_path / "one")
    index, chunks = await filled(store)
    await store.snapshot(index, tmp_path / "saved")
    other = await opened(tmp_path / "two")
    await other.restore(tmp_path / "saved")
    renamed = [passage(one.text, document=one.document, author="Ben Author") for one in chunks]
    await other.update(index, renamed)  # each of them: an engine that begins its log anew would skip the first
    await other.remove(index, [chunks[0].id])
    found = [one async for one in other.scan(index)]
    assert len(found) == 59
    assert {one.author.name for one in found} == {"Ben Author"}
    await other.close()
    again = await opened(tmp_path / "two")
    assert len([one async for one in again.scan(index)]) == 59


async def test_a_snapshot_is_of_one_moment_and_writers_go_on_after_it(opened, tmp_path):
    store = await opened(tmp_path / "one")
    index, _ = await filled(store)
    more = [passage(f"later {n}", document=f"later{n}") for n in range(50)]
    (info, documents), *_ = await asyncio.gather(
        store.snapshot(index, tmp_path / "saved"), *(fill(store, index, [one]) for one in more)
    )
    other = await opened(tmp_path / "two")
    restored = await other.restore(tmp_path / "saved")
    assert restored.chunks == info.chunks
    assert snapshots.documents_digest([one async for one in other.scan(index)]) == documents
    assert (await store.list())[0].chunks == 110


async def test_the_live_index_is_kept_when_none_is_named(opened, tmp_path):
    store = await opened(tmp_path / "one")
    with pytest.raises(IndexStoreError, match="no index is live yet"):
        await store.snapshot("", tmp_path / "saved")
    index, _ = await filled(store)
    await store.switch(index)
    info, _ = await store.snapshot("", tmp_path / "saved")
    assert info.name == index


async def test_another_process_keeps_and_restores_through_the_owner(opened, tmp_path):
    async with process(tmp_path / "one") as (_, part):
        assert part == "owner"
        client = await opened(tmp_path / "one")
        index, _ = await filled(client)
        before = await answers(client, index)
        await client.snapshot(index, tmp_path / "saved")
        await client.restore(tmp_path / "saved", replace=True)
        assert not client.owner
        assert await answers(client, index) == before


async def test_an_index_that_is_there_is_replaced_only_when_told_and_stays_live(opened, tmp_path):
    store = await opened(tmp_path / "one")
    index, chunks = await filled(store)
    await store.switch(index)
    await store.snapshot(index, tmp_path / "saved")
    await store.remove(index, [one.id for one in chunks[:30]])
    with pytest.raises(RefusedError, match=r"is there already: give --replace"):
        await store.restore(tmp_path / "saved")
    assert (await store.list())[0].chunks == 30
    restored = await store.restore(tmp_path / "saved", replace=True)
    assert (restored.chunks, restored.live) == (60, True)


@pytest.mark.parametrize("harm", ["cut", "other", "no recipe", "no shard", "outside"])
async def test_what_is_no_snapshot_is_refused_and_leaves_what_is_there(opened, tmp_path, harm):
    store = await opened(tmp_path / "one")
    index, _ = await filled(store)
    await store.snapshot(index, tmp_path / "saved")
    shard, told = tmp_path / "saved" / "shard.tar.gz", tmp_path / "saved" / "index.json"
    if harm == "cut":
        shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    elif harm == "other":
        shard.write_bytes(b"nothing of the kind")
    elif harm == "outside":
        told.write_bytes(told.read_bytes().replace(index.encode(), b"../../up"))
    else:
        (told if harm == "no recipe" else shard).unlink()
    before = await answers(store, index)
    with pytest.raises(IndexStoreError):
        await store.restore(tmp_path / "saved", replace=True)
    assert await answers(store, index) == before
    assert sorted(path.name for path in (tmp_path / "one").iterdir() if path.is_dir()) == [index]
