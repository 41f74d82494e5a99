"""What every document store promises, over SQLite and over MongoDB's wire protocol."""

import asyncio
import shutil

import pytest

from tests.unit.documents.stores import document, source
from twin.drivers.sqlite import SqliteDocuments
from twin.errors import LeaseError, StoreError
from twin.records import Author, Kind, Known


def pairs(*uris, text="text", version="", source="notes", **fields):
    return [(document(uri, text, source, **fields), version) for uri in uris]


async def changes(store, after=0, source="notes"):
    return [change async for change in store.changes(source, after)]


async def live(store, **filters):
    return [found.uri async for found in store.documents(**filters)]


async def test_a_document_comes_back_as_it_was_put(store):
    whole = document(
        "https://example.org/ä?a=1#b",
        "line\r\n\ttab  \x00 nul \U0001f600\nno end",
        title='"quoted" \u2028',
        kind=Kind.POST,
        author=Author("ada", "Ada Ünï"),
        link="https://example.org/",
        language="de",
        published="2026-01-02T03:04:05Z",
        metadata={"commit": "abc", "a.b": "$dotted", "$key": ""},
    )
    await store.put("notes", [(whole, "v1")])
    found = await store.get(whole.id)
    assert found == whole
    assert found.content_hash == whole.content_hash
    assert await store.get("0" * 32) is None


async def test_known_tells_hash_and_version_of_the_live_ones_of_the_source(store):
    (one, _), *_ = put = pairs("a", "b", version="v")
    await store.put("notes", put)
    await store.put("blog", pairs("c", source="blog"))
    await store.bury("notes", ["b"])
    assert await store.known("notes", ["a", "b", "c", "d"]) == {"a": Known("a", one.content_hash, "v")}
    assert await store.known("notes", []) == {}


async def test_many_uris_are_asked_for_at_once(store):
    uris = [f"u{i:05}" for i in range(1300)]
    await store.put("notes", pairs(*uris))
    assert len(await store.known("notes", uris)) == 1300
    assert [uri async for uri in store.uris("notes")] == uris
    assert await store.count("notes") == 1300
    assert len(await changes(store)) == 1300


async def test_each_document_gets_the_next_revision_and_changes_come_in_order(store):
    await store.put("notes", pairs("b", "a"))
    first = await changes(store)
    assert [change.uri for change in first] == ["b", "a"]
    await store.put("notes", pairs("b", text="new"))
    after = await changes(store, first[-1].revision)
    assert [(change.uri, change.document.text) for change in after] == [("b", "new")]
    assert [change.uri for change in await changes(store)] == ["a", "b"]
    assert (await store.revisions())["notes"] == after[-1].revision
    assert await changes(store, after[-1].revision) == []


async def test_revisions_are_plain_numbers(store):
    await store.put("notes", pairs("a"))
    found = [*(await store.revisions()).values(), *[change.revision for change in await changes(store)]]
    assert {type(revision) for revision in found} == {int}  # a driver's own kind of number is none for an index's note


async def test_a_buried_document_is_a_tombstone_without_its_text(store):
    await store.put("notes", pairs("a", "b"))
    before = (await store.revisions())["notes"]
    await store.bury("notes", ["a", "never stored"])
    (tombstone,) = await changes(store, before)
    assert (tombstone.uri, tombstone.document) == ("a", None)
    assert (await live(store), await store.count("notes")) == (["b"], 1)
    assert await store.get(tombstone.id) is None
    await store.bury("notes", ["a"])
    assert (await store.revisions())["notes"] == tombstone.revision


async def test_a_tombstone_ends_when_the_document_comes_back(store):
    await store.put("notes", pairs("a"))
    await store.bury("notes", ["a"])
    await store.put("notes", pairs("a", text="back"))
    assert [change.document.text for change in await changes(store)] == ["back"]


async def test_a_live_uri_stays_with_the_source_that_has_it(store):
    assert await store.put("blog", pairs("a", source="blog")) == {}
    refused = await store.put("notes", pairs("a", "b", text="mine"))
    assert refused == {"a": "blog"}
    assert await store.sources_of(["a", "b", "c"]) == {"a": "blog", "b": "notes"}
    assert [change.uri for change in await changes(store)] == ["b"]
    await store.bury("notes", ["a"])
    assert await live(store) == ["a", "b"]


async def test_a_buried_uri_may_be_taken_by_another_source(store):
    await store.put("blog", pairs("a", source="blog"))
    await store.bury("blog", ["a"])
    assert await store.put("notes", pairs("a")) == {}
    assert await store.sources_of(["a"]) == {"a": "notes"}


async def test_new_versions_make_no_revision(store):
    await store.put("notes", pairs("a", version="1"))
    before = await store.revisions()
    await store.set_versions("notes", {"a": "2", "absent": "3"})
    assert (await store.known("notes", ["a"]))["a"].version == "2"
    assert await store.revisions() == before


async def test_cursors_are_by_source(store):
    assert await store.cursor("notes") == ""
    await store.set_cursor("notes", "commit ä")
    assert (await store.cursor("notes"), await store.cursor("blog")) == ("commit ä", "")


async def test_documents_are_filtered_and_in_order_of_uri(store):
    await store.put("notes", pairs("c", "a"))
    await store.put("blog", pairs("b", source="blog", kind=Kind.POST, author=Author("bob", "Bob Ünlü")))
    assert await live(store) == ["a", "b", "c"]
    assert await live(store, source="notes") == ["a", "c"]
    assert await live(store, author="BOB") == await live(store, author="bob ÜNLÜ") == ["b"]
    assert await live(store, kind="post") == ["b"]
    assert await live(store, source="notes", author="bob") == []
    assert await live(store, limit=2) == ["a", "b"]


async def test_large_documents_are_streamed_in_small_pages(store):
    for i in range(5):
        await store.put("notes", pairs(f"u{i}", text=str(i) * 3_000_000))
    assert [change.document.text[0] for change in await changes(store)] == list("01234")
    assert await live(store) == [f"u{i}" for i in range(5)]


async def test_writes_while_changes_are_read_are_neither_lost_nor_endless(store, second):
    await store.put("notes", pairs(*(f"u{i:04}" for i in range(700))))
    seen, last = set(), 0
    async for change in second.changes("notes", 0):
        if len(seen) % 100 == 0:
            await store.put("notes", pairs("u0000", "u0699", text=f"at {len(seen)}"))
        seen.add(change.uri)
        last = change.revision
    async for change in second.changes("notes", last):
        seen.add(change.uri)
    assert len(seen) == 700


async def test_a_source_has_one_writer_and_the_other_is_told_who(store, second):
    async with store.lease("notes", "ada's sync"), second.lease("blog", "bob's sync"):
        with pytest.raises(LeaseError, match=r"source notes is in use by ada's sync \(process \d+.* for \d+ s"):
            async with second.lease("notes", "bob's sync"):
                pass
    async with second.lease("notes", "bob's sync"):
        pass


async def test_a_lease_is_free_after_an_error_and_after_a_cancellation(store, second):
    with pytest.raises(KeyError):
        async with store.lease("notes", "ada"):
            raise KeyError

    held = asyncio.Event()

    async def hanging():
        async with store.lease("notes", "ada"):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hanging())
    await held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with second.lease("notes", "bob"):
        pass


async def test_two_processes_put_into_different_sources_at_once(store, second):
    names = [f"u{i:03}" for i in range(100)]

    async def put(where, name):
        refused = {}
        for i in range(0, 100, 10):
            refused |= await where.put(name, pairs(*names[i : i + 10], source=name))
        return refused

    first, other = await asyncio.gather(put(store, "notes"), put(second, "blog"))
    assert await store.count("notes") + await store.count("blog") == 100
    assert len(first) + len(other) == 100
    assert set(first.values()) <= {"blog"}
    assert set(other.values()) <= {"notes"}


async def test_a_store_made_anew_gives_revisions_that_an_old_index_has_not_seen(store, second):
    await store.put("notes", pairs("a"))
    old = (await store.revisions())["notes"]
    await store.put("blog", pairs("b", source="blog"))
    assert (await second.revisions())["blog"] > old > 1_000_000


async def test_a_store_has_one_identity_and_one_made_anew_another(store, second, make_store):
    names = {await one.identity() for one in (store, second)}
    assert len(names) == 1
    await erase(store)
    async with asyncio.TaskGroup() as group:  # several processes are the first at once
        opened = [make_store() for _ in range(4)]
        for one in opened:
            group.create_task(one.open())
    anew = {await one.identity() for one in opened}
    assert len(anew) == 1
    assert "" not in names | anew
    assert names.isdisjoint(anew)
    for one in opened:
        await one.close()


async def erase(store):
    """All that there is, as a person or a full disk would."""
    if isinstance(store, SqliteDocuments):
        await store.close()
        for file in store.database.path.parent.glob("documents.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    else:
        await store._documents.database.client.drop_database(store._documents.database.name)


async def test_changes_are_counted_as_they_would_be_read(store):
    await store.put("notes", pairs("a", "b", "c"))
    await store.put("blog", pairs("d", source="blog"))
    since = (await store.revisions())["notes"]
    assert (await store.count_changes("notes", 0), await store.count_changes("notes", since)) == ((3, 0), (0, 0))
    await store.bury("notes", ["a", "b"])
    await store.put("notes", pairs("e"))
    assert (await store.count_changes("notes", 0), await store.count_changes("notes", since)) == ((2, 2), (1, 2))
    assert await store.count_changes("nowhere", 0) == (0, 0)


async def test_text_that_is_no_unicode_is_an_error_of_the_store(store):
    with pytest.raises(StoreError):
        await store.put("notes", pairs("a", text="\udcff"))
    assert await store.count("notes") == 0


async def test_opening_and_closing_twice_is_once(make_store):
    made = make_store()
    await made.open()
    await made.open()
    assert await made.count("notes") == 0
    await made.close()
    await made.close()
    with pytest.raises(StoreError, match="not open"):
        await made.count("notes")


async def test_source_names_may_hold_anything(store):
    name = "../ä b/$c.d"
    async with store.lease(name, "ada"):
        await store.put(name, pairs("a", source=name))
        await store.set_cursor(name, "x")
    assert await store.count(name) == 1
    assert source(name).name in await store.revisions()
