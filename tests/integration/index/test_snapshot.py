"""An index kept as a folder and made again from it: the same answers, nothing half made, nothing replaced unasked."""

import asyncio
import gzip
import math
from contextlib import AsyncExitStack
from random import Random

import msgspec
import pytest

from tests.doubles.qdrant import QdrantDouble
from tests.integration.index.samples import DIMENSION, fill, passage, process, recipe, vector
from twin.digest import bytes_digest
from twin.drivers.artifacts import Artifacts
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.qdrant.server import ServerIndexes
from twin.errors import IndexStoreError, RefusedError
from twin.records import Filter, IndexSpec

WORDS = ("harbour", "violin", "glacier", "bakery", "telescope", "saddle", "lantern", "queue")


@pytest.fixture
async def opened():
    """Opens stores, of the engine in a folder or on a server of their own, and closes them."""
    async with AsyncExitStack() as stack:

        async def open(place):
            if isinstance(place, str):
                made = ServerIndexes((await stack.enter_async_context(QdrantDouble())).url)
            else:
                made = EdgeIndexes(place)
            await made.open()
            stack.push_async_callback(made.close)
            return made

        yield open


async def filled(store, order=1):
    index = (await store.create(recipe())).name
    chunks = [passage(f"{WORDS[n % 8]} {n} " + "near " * n, document=f"d{n % 20}", position=n) for n in range(60)]
    random = Random(5)  # no two alike, so that no two score the same
    vectors = [normal([random.gauss(0, 1) for _ in range(DIMENSION)]) for _ in chunks]
    await store.write(index, chunks[::order], vectors[::order])
    await store.mark(index, revisions={"blog": 7}, recall=0.98, store="of one machine")
    return index, chunks


def normal(vector):
    return [number / math.hypot(*vector) for number in vector]


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


@pytest.mark.parametrize("two", ["engine", "server"])
@pytest.mark.parametrize("one", ["engine", "optimized engine", "server"])
async def test_a_restored_index_answers_as_the_one_that_was_kept_also_in_the_other_kind_of_store(opened, tmp_path, one, two):
    store = await opened(one if one == "server" else tmp_path / "one")
    index, chunks = await filled(store)
    if one == "optimized engine":
        await store.optimize(index)
    info, documents = await store.snapshot(index, tmp_path / "saved")
    assert (info.chunks, documents) == (60, documents_of(chunks))
    artifacts = Artifacts(str(tmp_path / "kept"))
    saved = await artifacts.get(await artifacts.put(tmp_path / "saved"), tmp_path / "fetched")
    other = await opened(two if two == "server" else tmp_path / "two")
    restored = await other.restore(saved)
    assert (restored.name, restored.chunks, restored.live, restored.recall) == (index, 60, False, None)
    assert (restored.revisions, restored.store) == ({}, "")
    assert await answers(other, index) == await answers(store, index)


async def test_equal_indexes_make_equal_artifacts_wherever_and_in_whatever_order_they_were_written(opened, tmp_path):
    artifacts, kept = Artifacts(str(tmp_path / "kept")), set()
    for at, (place, order) in enumerate(((tmp_path / "one", 1), (tmp_path / "two", -1), ("server", 1))):
        store = await opened(place)
        index, _ = await filled(store, order)
        await store.snapshot(index, tmp_path / f"saved{at}")
        kept.add((await artifacts.put(tmp_path / f"saved{at}")).digest)
    assert len(kept) == 1


def documents_of(chunks):
    lines = "".join(sorted({f"{one.uri} {one.content_hash}\n" for one in chunks}))
    return bytes_digest(lines.encode())


async def test_a_restored_index_takes_every_further_change(opened, tmp_path):
    store = await opened(tmp_path / "one")
    index, chunks = await filled(store)
    await store.snapshot(index, tmp_path / "saved")
    other = await opened(tmp_path / "two")
    await other.restore(tmp_path / "saved")
    renamed = [passage(one.text, document=one.document, author="Ben Author") for one in chunks]
    await other.update(index, renamed)
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
    assert documents_of([one async for one in other.scan(index)]) == documents
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


@pytest.mark.parametrize("place", ["engine", "server"])
async def test_an_index_that_is_there_is_replaced_only_when_told_and_answers_meanwhile(opened, tmp_path, place):
    store = await opened(place if place == "server" else tmp_path / "one")
    index, chunks = await filled(store)
    await store.switch(index)
    await store.snapshot(index, tmp_path / "saved")
    before = await answers(store, index)
    await store.remove(index, [one.id for one in chunks[:30]])
    await fill(store, index, [passage("another text", document="another")])
    with pytest.raises(RefusedError, match=r"is there already: give --replace"):
        await store.restore(tmp_path / "saved")
    assert (await store.list())[0].chunks == 31
    restored = await store.restore(tmp_path / "saved", replace=True)
    assert (restored.chunks, restored.live, restored.revisions, restored.store) == (60, True, {"blog": 0}, "")
    assert await answers(store, index) == before


async def test_a_restore_that_was_interrupted_is_completed(opened, tmp_path, monkeypatch):
    store = await opened(tmp_path / "one")
    index, _ = await filled(store)
    await store.snapshot(index, tmp_path / "saved")
    monkeypatch.setattr("twin.drivers.qdrant.points.BATCH", 20)
    other = await opened(tmp_path / "two")
    write, written = other.write, []

    async def fails_at_the_second(*call):
        if written:
            raise IndexStoreError("no space left")
        written.append(call)
        await write(*call)

    monkeypatch.setattr(other, "write", fails_at_the_second)
    with pytest.raises(IndexStoreError, match="no space left"):
        await other.restore(tmp_path / "saved")
    monkeypatch.undo()
    assert (await other.list())[0].chunks == 20
    assert (await other.restore(tmp_path / "saved", replace=True)).chunks == 60
    assert await answers(other, index) == await answers(store, index)


@pytest.mark.parametrize("harm", ["cut", "other", "spoilt", "no recipe", "no points", "outside", "other dimension", "nothing"])
async def test_what_is_no_snapshot_is_refused_before_anything_is_written(opened, tmp_path, harm):
    store = await opened(tmp_path / "one")
    index, _ = await filled(store)
    saved = tmp_path / "saved"
    await store.snapshot(index, saved)
    points, told = saved / "points.bin", saved / "index.json"
    if harm == "cut":
        points.write_bytes(points.read_bytes()[: points.stat().st_size // 2])
    elif harm == "other":
        points.write_bytes(b"nothing of the kind")
    elif harm == "spoilt":
        points.write_bytes(gzip.compress(gzip.decompress(points.read_bytes())[:-7]))
    elif harm == "outside":
        told.write_bytes(told.read_bytes().replace(index.encode(), b"../../up"))
    elif harm == "other dimension":
        other = recipe()
        wrong = IndexSpec(other.embedder, DIMENSION + 1, other.digest, other.chunker, other.cleaning)
        told.write_bytes(msgspec.json.encode({"name": wrong.name, "spec": wrong}))
    elif harm == "nothing":
        saved = tmp_path / "nowhere"
    else:
        (told if harm == "no recipe" else points).unlink()
    before = await answers(store, index)
    with pytest.raises(IndexStoreError):
        await store.restore(saved, replace=True)
    assert await answers(store, index) == before
    assert [one.name for one in await store.list()] == [index]


async def test_an_index_that_is_not_there_is_named(opened, tmp_path):
    for place in (tmp_path / "one", "server"):
        with pytest.raises(IndexStoreError, match="nowhere"):
            await (await opened(place)).snapshot("nowhere", tmp_path / "saved")
