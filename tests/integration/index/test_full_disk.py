"""The engine on a disk that is full: nothing is half written, what is open is still searched, and the next run goes on."""

import pytest

from tests.integration.index.samples import fill, passage, recipe, vector
from tests.unit.index.fakes import CountingEmbedder, MemoryDocuments, document
from twin.drivers.qdrant import room
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.errors import IndexStoreError
from twin.index.build import build
from twin.index.chunk import Limits
from twin.records import Filter


@pytest.fixture
def disk(monkeypatch):
    """How many bytes are free, to be set."""
    left = {"bytes": 1 << 40}
    monkeypatch.setattr(room, "free", lambda folder: left["bytes"])
    return left


@pytest.fixture
async def store(tmp_path):
    made = EdgeIndexes(tmp_path)
    await made.open()
    yield made
    await made.close()


async def test_an_index_is_not_made_on_a_full_disk_and_leaves_no_trace(store, disk, tmp_path):
    disk["bytes"] = room.RESERVE - 1
    with pytest.raises(IndexStoreError, match=rf"{tmp_path}: no space left: 63 MB are free on its disk, 64 MB are needed"):
        await store.create(recipe())
    assert await store.list() == []
    disk["bytes"] = room.RESERVE
    assert (await store.create(recipe())).chunks == 0


async def test_nothing_is_written_changed_or_removed_on_a_full_disk_and_all_is_still_found(store, disk):
    index = (await store.create(recipe())).name
    first, second = passage("the first text"), passage("the second text")
    await fill(store, index, [first])
    disk["bytes"] = 0
    for call in (fill(store, index, [second]), store.update(index, [first]), store.remove(index, [first.id])):
        with pytest.raises(IndexStoreError, match="no space left"):
            await call
    found = await store.search(index, vector=vector("first"), text="first", filter=Filter(), limit=5)
    assert [one.chunk.text for one in found] == ["the first text"]
    disk["bytes"] = 1 << 40
    await fill(store, index, [second])
    assert (await store.list())[0].chunks == 2


async def test_an_index_is_not_opened_on_a_full_disk_and_is_whole_later(store, disk, tmp_path):
    index = (await store.create(recipe())).name
    await fill(store, index, [passage("a text")])
    await store.close()
    again = EdgeIndexes(tmp_path)
    await again.open()
    disk["bytes"] = 1 << 20
    with pytest.raises(IndexStoreError, match="no space left: 1 MB"):
        await again.search(index, vector=None, text="text", filter=Filter(), limit=5)
    disk["bytes"] = 1 << 40
    assert len(await again.search(index, vector=None, text="text", filter=Filter(), limit=5)) == 1
    await again.close()


async def test_new_segments_need_room_for_a_second_copy(store, disk, tmp_path):
    index = (await store.create(recipe())).name
    await fill(store, index, [passage(f"text {n} " + "word " * 200) for n in range(50)])
    disk["bytes"] = room.RESERVE
    with pytest.raises(IndexStoreError, match="no space left"):
        await store.optimize(index)
    disk["bytes"] = room.RESERVE + room.taken(tmp_path)
    await store.optimize(index)


async def test_a_build_that_filled_the_disk_is_completed_by_the_next(store, disk, monkeypatch):
    monkeypatch.setattr("twin.index.build.BATCH_DOCUMENTS", 2)
    documents = MemoryDocuments()
    for n in range(9):
        documents.put(document(f"https://example.org/{n}", f"# Text {n}\n\nIt says {n}."))

    def run(on_progress=None):
        return build(
            documents, store, CountingEmbedder(), clean=lambda one: one, limits=Limits(), cleaning="k1", on_progress=on_progress
        )

    def fills(report, total):
        disk["bytes"] = 0 if report.documents == 4 else disk["bytes"]

    with pytest.raises(IndexStoreError, match="no space left"):
        await run(fills)
    disk["bytes"] = 1 << 40
    report = await run()
    assert (report.documents, report.written) == (5, 5)
    assert (await store.list())[0].chunks == 9
