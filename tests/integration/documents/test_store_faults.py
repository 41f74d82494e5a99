"""Stores that are damaged, full, locked or away: what is said, and that nothing is lost."""

import asyncio
import sqlite3

import pytest

from tests.servers import FerretDB, free_port
from tests.unit.documents.stores import Saying, document, source
from twin.documents.ports import Found, Listed
from twin.documents.sync import exit_status, sync
from twin.drivers.mongo import MongoDocuments
from twin.drivers.mongo.connection import mapping, masked
from twin.drivers.sqlite import SqliteDocuments
from twin.errors import LeaseError, StoreError


def pairs(*uris, text="text"):
    return [(document(uri, text), "") for uri in uris]


@pytest.fixture
async def sqlite(tmp_path):
    made = SqliteDocuments(tmp_path / "documents.db")
    await made.open()
    yield made
    await made.close()


async def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path):
    file = tmp_path / "documents.db"
    file.write_text("notes to myself " * 500)
    with pytest.raises(StoreError, match=r"documents\.db: .*move it away"):
        await SqliteDocuments(file).open()
    assert file.read_text().startswith("notes to myself")


async def test_a_damaged_file_is_named_with_what_to_do(tmp_path):
    file = tmp_path / "documents.db"
    store = SqliteDocuments(file)
    await store.open()
    await store.put("notes", pairs(*(f"u{i}" for i in range(200)), text="x" * 3000))
    await store.close()
    size = file.stat().st_size
    with file.open("r+b") as damaged:
        damaged.seek(8192)
        damaged.write(b"\xff" * (size - 8192))
    await store.open()
    with pytest.raises(StoreError, match="damaged; move it away"):
        [found async for found in store.documents()]
    await store.close()


async def test_a_file_of_a_newer_version_is_left_alone(sqlite):
    await sqlite.close()
    connection = sqlite3.connect(sqlite.database.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="another version of twin"):
        await sqlite.open()


async def test_a_file_from_before_stores_had_an_identity_gets_one_and_keeps_its_documents(sqlite):
    await sqlite.put("notes", [(document("a"), "")])
    await sqlite.database.write(lambda connection: connection.execute("DROP TABLE store"))
    await sqlite.close()
    again = SqliteDocuments(sqlite.database.path)
    for _ in range(2):
        await again.open()
        name = await again.identity()
        assert len(name) == 32
        assert await again.count("notes") == 1
        await again.close()


async def test_a_folder_that_cannot_be_made_is_an_error_of_the_store(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="check the folder"):
        await SqliteDocuments(tmp_path / "file" / "documents.db").open()


async def test_a_full_disk_loses_only_what_did_not_fit(sqlite):
    await sqlite.put("notes", pairs("a"))
    pages = await sqlite.database.read(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await sqlite.database.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}"))
    names = [f"u{i:03}" for i in range(300)]
    items = [Found(document(name, "x" * 1000)) for name in names]
    (report,) = await sync([source()], {"files": Saying(Found(document("a")), *items, Listed())}, sqlite)
    assert "no space left" in report.error
    assert exit_status([report]) == 1
    assert [uri async for uri in sqlite.uris("notes")] == ["a"]
    await sqlite.database.read(lambda c: c.execute("PRAGMA max_page_count = 100000"))
    (report,) = await sync([source()], {"files": Saying(Found(document("a")), *items, Listed())}, sqlite)
    assert (report.error, report.new, report.unchanged) == ("", 300, 1)


async def test_a_file_locked_for_too_long_says_who_to_wait_for(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.drivers.sqlite.connection.BUSY_SECONDS", 0.05)
    store = SqliteDocuments(tmp_path / "documents.db")
    await store.open()
    other = sqlite3.connect(tmp_path / "documents.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process has been writing"):
        await store.put("notes", pairs("a"))
    assert await store.count("notes") == 0
    other.execute("ROLLBACK")
    other.close()
    await store.put("notes", pairs("a"))
    await store.close()


async def test_several_processes_may_make_the_file_at_once(tmp_path):
    stores = [SqliteDocuments(tmp_path / "new" / "documents.db") for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(*(store.put(f"s{i}", [(document(f"u{i}", source=f"s{i}"), "")]) for i, store in enumerate(stores)))
    assert len(await stores[0].revisions()) == 8
    for store in stores:
        await store.close()


async def test_a_cancelled_write_is_whole_or_absent_and_the_store_goes_on(sqlite):
    task = asyncio.create_task(sqlite.put("notes", pairs(*(f"u{i}" for i in range(2000)))))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await sqlite.count("notes") in {0, 2000}
    await sqlite.put("notes", pairs("a"))


async def test_an_unreachable_server_is_named_without_its_password():
    url = f"mongodb://ada:s3cret@127.0.0.1:{free_port()}/twin?serverSelectionTimeoutMS=200"
    with pytest.raises(
        StoreError, match=r"127\.0\.0\.1:\d+/twin: the server cannot be reached .* check that it runs"
    ) as caught:
        await MongoDocuments(url).open()
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "url",
    ["mongodb://ada:s3/cret@host/", "mongodb://ada:s3:cret@host/", "mongodb://ada:x@host:s3cret/db", "mongodb://", "s3cret"],
)
async def test_a_malformed_url_is_refused_without_its_password(url):
    with pytest.raises(StoreError) as caught:
        await MongoDocuments(url).open()
    assert "cret" not in str(caught.value)
    assert "ada" not in str(caught.value)


def test_a_url_is_shown_without_credentials_and_options():
    assert masked("mongodb+srv://ada:p@ss@host.example/db?authSource=x") == "mongodb+srv://host.example/db"


def test_a_wrong_password_and_a_missing_right_are_told_apart():
    from pymongo.errors import OperationFailure

    for code, expected in ((18, "password is wrong"), (13, "readWrite")):
        with pytest.raises(StoreError, match=expected), mapping("mongodb://host"):
            raise OperationFailure("Authentication failed.", code)


def test_what_a_server_quotes_of_a_document_is_not_told():
    from pymongo.errors import OperationFailure

    with pytest.raises(StoreError, match="bad value") as caught, mapping("mongodb://host"):
        raise OperationFailure('bad value: { "text": "a private letter" }', 2)
    assert "private" not in str(caught.value)


async def test_a_document_larger_than_16_mb_is_an_error_that_says_so(ferretdb):
    store = MongoDocuments(ferretdb.url("large"))
    await store.open()
    with pytest.raises(StoreError, match="16 MB"):
        await store.put("notes", pairs("a", text="x" * 17_000_000))
    (report,) = await sync(
        [source()], {"files": Saying(Found(document("a", "x" * 17_000_000)), Found(document("b")), Listed())}, store
    )
    assert (report.new, [note.uri for note in report.failed], report.error) == (1, ["a"], "")
    await store.close()


async def test_a_lease_taken_over_stops_its_former_holder(ferretdb):
    first, other = (MongoDocuments(ferretdb.url("lost"), lease_seconds=3.0) for _ in range(2))
    await first.open()
    await other.open()
    stopped = []

    async def working():
        async with first.lease("notes", "ada"):
            await other.ledger.rows.update_one({"_id": "notes"}, {"$set": {"expires": 0.0}})  # as after a long pause
            async with other.lease("notes", "bob"):
                with pytest.raises(LeaseError):
                    await first.put("notes", pairs("a"))
                await other.put("notes", pairs("b"))
                try:
                    await asyncio.Event().wait()
                finally:
                    stopped.append(True)

    with pytest.raises(LeaseError, match="its lease ended; run again"):
        await working()
    assert stopped
    assert [uri async for uri in other.uris("notes")] == ["b"]
    async with first.lease("notes", "ada"):
        pass
    await first.close()
    await other.close()


async def test_a_held_lease_is_renewed_for_as_long_as_the_work_takes(ferretdb):
    first, other = (MongoDocuments(ferretdb.url("renewed"), lease_seconds=3.0) for _ in range(2))
    await first.open()
    await other.open()
    async with first.lease("notes", "ada"):
        before = (await first.ledger.rows.find_one({"_id": "notes"}))["expires"]
        while (await first.ledger.rows.find_one({"_id": "notes"}))["expires"] < before + 3.0:
            await asyncio.sleep(0.05)
        with pytest.raises(LeaseError, match="ada"):
            async with other.lease("notes", "bob"):
                pass
    await first.close()
    await other.close()


async def test_what_a_writer_wrote_and_did_not_show_is_shown_by_the_next(ferretdb):
    store = MongoDocuments(ferretdb.url("unshown"))
    await store.open()
    await store.put("notes", pairs("a"))
    seen = (await store.revisions())["notes"]
    show = store.ledger.show

    async def dying(*_):
        raise KeyboardInterrupt

    store.ledger.show = dying
    with pytest.raises(KeyboardInterrupt):
        await store.put("notes", pairs("b", "c"))
    store.ledger.show = show
    assert [change.uri async for change in store.changes("notes", seen)] == []
    async with store.lease("notes", "the next run"):
        assert [change.uri async for change in store.changes("notes", seen)] == ["b", "c"]
    await store.close()


async def test_a_server_gone_in_mid_run_is_reported_and_the_next_run_completes(tmp_path):
    server = FerretDB(tmp_path / "ferretdb").start()
    url = server.url("twin") + "?serverSelectionTimeoutMS=2000"
    names = [f"u{i:03}" for i in range(300)]

    async def dying(_):
        for name in names[:250]:
            yield Found(document(name))
        server.stop()

    rest = [Found(document(name)) for name in names]
    store = MongoDocuments(url, lease_seconds=3.0)
    await store.open()
    try:
        (report,) = await sync([source()], {"files": Saying(*rest[250:], Listed("1"), then=dying)}, store)
        assert "cannot be reached" in report.error or "its lease ended" in report.error
        assert (report.new, exit_status([report])) == (200, 1)
        server.start()
        while True:
            (report,) = await sync([source()], {"files": Saying(*rest, Listed("1"))}, store)
            if "is in use by" not in report.error:
                break
            await asyncio.sleep(0.1)  # until the lease that could not be given back ends
        assert (report.error, report.new, report.unchanged) == ("", 100, 200)
        assert len([change async for change in store.changes("notes", 0)]) == 300
    finally:
        await store.close()
        server.stop()
