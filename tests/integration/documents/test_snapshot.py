"""Documents as a folder and back, over SQLite and over MongoDB's wire protocol: the same documents give the same bytes."""

from __future__ import annotations

import pytest

from tests.unit.documents.stores import document
from twin.documents.snapshot import MANIFEST, SnapshotFetcher, save, sources_of
from twin.documents.sync import exit_status, sync
from twin.drivers.sqlite import SqliteDocuments
from twin.errors import SourceError
from twin.records import Author, Kind, Known


@pytest.fixture
async def elsewhere(tmp_path):
    """Another, empty store."""
    made = SqliteDocuments(tmp_path / "elsewhere.db")
    await made.open()
    yield made
    await made.close()


async def filled(store, notes=3, posts=2):
    whole = document(
        "notes/ä?a=1#b",
        "line\n\ttab  \x00 nul \U0001f600\nno end",
        author=Author("grace", "Grace Ünï"),
        link="https://example.org/",
        language="de",
        published="2026-01-02T03:04:05Z",
        metadata={"b": "2", "a": "1"},
    )
    await store.put("notes", [(whole, "v0"), *((document(f"notes/{n}", f"text {n}"), f"v{n}") for n in range(notes))])
    posts = [(document(f"posts/{n}", f"post {n}", "posts", kind=Kind.POST), "") for n in range(posts)]
    await store.put("posts", posts)
    await store.bury("notes", ["notes/1"])
    await store.set_cursor("notes", "commit 7")
    return whole


async def restored(folder, store, **options):
    kept = sources_of(folder)
    return await sync(kept, {"snapshot": SnapshotFetcher()}, store, declared={one.name for one in kept}, **options)


async def live(store):
    return [one async for one in store.documents()]


async def test_what_is_stored_comes_back_elsewhere_as_it_was(store, elsewhere, tmp_path):
    whole = await filled(store)
    manifest = await save(store, tmp_path / "kept")
    assert [(one.name, one.documents, one.cursor) for one in manifest.sources] == [("notes", 3, "commit 7"), ("posts", 2, "")]
    reports = await restored(tmp_path / "kept", elsewhere)
    assert (exit_status(reports), [one.new for one in reports]) == (0, [3, 2])
    assert await live(elsewhere) == await live(store)
    assert await elsewhere.known("notes", [whole.uri]) == {whole.uri: Known(whole.uri, whole.content_hash, "v0")}
    assert await elsewhere.cursor("notes") == "commit 7"  # so the next sync reads no more than what is new


async def test_the_same_documents_give_the_same_bytes_whichever_store_has_them(store, elsewhere, tmp_path):
    await filled(store)
    await save(store, tmp_path / "kept")
    await restored(tmp_path / "kept", elsewhere)
    await save(elsewhere, tmp_path / "again")
    files = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert files == ["0.jsonl", "1.jsonl", MANIFEST]
    assert [(tmp_path / "again" / name).read_bytes() for name in files] == [
        (tmp_path / "kept" / name).read_bytes() for name in files
    ]


async def test_restoring_twice_is_restoring_once(store, tmp_path):
    await filled(store)
    await save(store, tmp_path / "kept")
    before = await store.revisions()
    reports = await restored(tmp_path / "kept", store)
    assert [(one.new, one.changed, one.unchanged, one.gone) for one in reports] == [(0, 0, 3, 0), (0, 0, 2, 0)]
    assert await store.revisions() == before


async def test_what_came_later_goes_and_what_changed_is_as_it_was(store, tmp_path):
    await filled(store)
    await save(store, tmp_path / "kept")
    kept = await live(store)
    await store.put("notes", [(document("notes/0", "rewritten"), "v9"), (document("notes/new"), "")])
    await store.put("later", [(document("later/1", source="later"), "")])
    reports = await restored(tmp_path / "kept", store)
    assert [(one.source, one.changed, one.gone) for one in reports] == [("notes", 1, 1), ("posts", 0, 0)]
    assert [one for one in await live(store) if one.source != "later"] == kept
    assert await store.count("later") == 1  # a source that the snapshot does not know stays as it is


async def test_a_source_that_would_lose_most_of_its_documents_is_refused(store, tmp_path):
    await filled(store)
    await save(store, tmp_path / "kept")
    await store.put("posts", [(document(f"posts/later-{n}", source="posts"), "") for n in range(20)])
    reports = await restored(tmp_path / "kept", store)
    assert (exit_status(reports), [one.refused for one in reports]) == (3, [False, True])
    assert await store.count("posts") == 22
    await restored(tmp_path / "kept", store, allow_mass_delete=True)
    assert await store.count("posts") == 2


async def test_a_snapshot_that_is_cut_off_removes_nothing(store, tmp_path):
    await filled(store)
    await save(store, tmp_path / "kept")
    await store.put("notes", [(document("notes/new"), "")])
    file = tmp_path / "kept" / "0.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    reports = await restored(tmp_path / "kept", store)
    assert exit_status(reports) == 1
    assert "notes: its file in the snapshot cannot be read" in reports[0].error
    assert (await store.count("notes"), reports[1].error) == (4, "")


async def test_a_document_that_moved_to_another_source_since_comes_back_to_the_one_that_had_it(store, tmp_path):
    await filled(store)
    await save(store, tmp_path / "kept")
    await store.bury("posts", ["posts/0"])
    await store.put("renamed", [(document("posts/0", source="renamed"), "")])
    reports = await restored(tmp_path / "kept", store)
    assert (exit_status(reports), reports[1].taken_from) == (0, ("renamed",))
    assert (await store.sources_of(["posts/0"])) == {"posts/0": "posts"}


def test_a_folder_that_is_no_snapshot_or_one_of_the_future_is_refused(tmp_path):
    with pytest.raises(SourceError, match="is no snapshot of documents"):
        sources_of(tmp_path)
    (tmp_path / MANIFEST).write_text('{"form": 2, "sources": []}')
    with pytest.raises(SourceError, match="form 2, which this version does not read"):
        sources_of(tmp_path)


async def test_many_documents_are_read_in_pages(store, elsewhere, tmp_path):
    await store.put("notes", [(document(f"n{n:04}"), f"v{n}") for n in range(450)])
    await save(store, tmp_path / "kept")
    [report] = await restored(tmp_path / "kept", elsewhere)
    assert report.new == 450
    assert (await elsewhere.known("notes", ["n0449"]))["n0449"].version == "v449"
