import random

from tests.unit.index.fakes import LIMITS, CountingEmbedder, Killed, MemoryDocuments, MemoryIndexes, document
from twin.index.build import build
from twin.index.part import WHOLE, Part, seen


def article(n, text="one passage"):
    return document(f"https://example.org/{n}", f"# Article {n}\n\n{text} about subject{n}.")


def stored(many=40):
    made = MemoryDocuments()
    for n in range(many):
        made.put(article(n))
    return made


async def run(documents, store, embedder=None, part=WHOLE):
    return await build(
        documents, store, embedder or CountingEmbedder(), clean=lambda one: one, limits=LIMITS, cleaning="k1", part=part
    )


def points(store):
    return {name: {key: one.text for key, (one, _) in points.items()} for name, points in store.points.items()}


async def test_parts_in_any_order_and_the_whole_after_them_make_the_index_that_a_whole_build_makes():
    documents, alone, parted = stored(), MemoryIndexes(), MemoryIndexes()
    await run(documents, alone)
    parts = [Part(n, 4) for n in range(1, 5)]
    random.Random(1).shuffle(parts)
    reports = [await run(documents, parted, part=part) for part in parts]
    assert all(0 < report.documents < 40 for report in reports)
    assert sum(report.documents for report in reports) == 40
    embedder = CountingEmbedder()
    whole = await run(documents, parted, embedder)
    assert (whole.documents, embedder.texts) == (0, [])
    assert points(parted) == points(alone)


async def test_a_whole_build_does_what_a_missing_part_left():
    documents, store = stored(), MemoryIndexes()
    for n in (1, 2, 4):
        await run(documents, store, part=Part(n, 4))
    embedder = CountingEmbedder()
    report = await run(documents, store, embedder)
    left = sum(Part(3, 4).takes(article(n).id) for n in range(40))
    assert report.documents == 40
    assert len(embedder.texts) == left > 0


async def test_a_part_that_was_killed_goes_on_where_it_was():
    documents, store = stored(400), MemoryIndexes()
    part = Part(1, 2)
    store.kill_at = 3
    try:
        await run(documents, store, part=part)
    except Killed:
        store.kill_at = 0
    again = await run(documents, store, part=part)
    assert again.documents > 0
    await run(documents, store, part=Part(2, 2))
    assert (await run(documents, store)).documents == 0


async def test_what_is_gone_leaves_with_its_part():
    documents, store = stored(), MemoryIndexes()
    await run(documents, store)
    documents.remove(article(7))
    parts = [await run(documents, store, part=Part(n, 3)) for n in (1, 2, 3)]
    assert sum(report.gone for report in parts) == 1
    assert article(7).id not in {one.document for found in store.points.values() for one, _ in found.values()}
    assert (await run(documents, store)).gone == 0


def test_every_document_is_of_one_part_of_any_division():
    for of in (1, 2, 3, 7, 64):
        for n in range(50):
            assert sum(Part(number, of).takes(article(n).id) for number in range(1, of + 1)) == 1


def test_a_division_counts_once_all_its_parts_have_come_so_far():
    part = Part(1, 2)
    assert seen({part.key("s"): 9}) == {"s": 0}
    assert seen({part.key("s"): 9}, part) == {"s": 9}
    assert seen({part.key("s"): 9, Part(2, 2).key("s"): 5}) == {"s": 5}
    assert seen({"s": 7, part.key("s"): 9, Part(2, 2).key("s"): 5}) == {"s": 7}
    assert seen({part.key("s"): 9}, Part(1, 3)) == {"s": 0}
