"""A sync that is killed with SIGKILL at a write and run again ends where an undisturbed one ends."""

import asyncio
import itertools
import signal
import sys
import uuid
from pathlib import Path

import pytest

from tests.integration.documents.syncing import FIRST, SECOND, listing, opened
from tests.unit.documents.stores import source
from twin.documents.sync import exit_status, sync
from twin.drivers.mongo import MongoDocuments

ROOT = Path(__file__).parents[3]
WRITES = 8  # of the second listing in batches of 20: two of changed, three of new, two burials, one cursor
WHEN = ("before", "inside", "after")


class Replica:
    """What an index does: takes what changed since the last revision that it took."""

    def __init__(self):
        self.texts, self.last = {}, 0

    async def follow(self, store):
        async for change in store.changes("notes", self.last):
            assert change.revision > self.last
            self.last = change.revision
            if change.document is None:
                self.texts.pop(change.uri, None)
            else:
                self.texts[change.uri] = change.document.text


async def killed_sync(where, when, fatal):
    command = (sys.executable, "-m", "tests.integration.documents.syncing", where, when, str(fatal))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def check_kill(where, when, fatal):
    store, replica = opened(where), Replica()
    await store.open()
    try:
        await sync([source()], {"files": listing(FIRST, "first")}, store)
        await replica.follow(store)
        status, said = await killed_sync(where, when, fatal)
        assert status == -signal.SIGKILL, said
        await replica.follow(store)
        if isinstance(store, MongoDocuments):  # SQLite's lease has ended with its holder
            reports = await sync([source()], {"files": listing(SECOND, "second")}, store)
            assert "in use by twin documents sync" in reports[0].error
            await store.ledger.rows.update_one({"_id": "notes"}, {"$set": {"expires": 0.0}})  # as 30 s would
        reports = await sync([source()], {"files": listing(SECOND, "second")}, store)
        assert exit_status(reports) == 0, reports
        await replica.follow(store)
        assert {one.uri: one.text async for one in store.documents()} == SECOND
        assert replica.texts == SECOND
        assert await store.cursor("notes") == "second"
        revisions = await store.revisions()
        reports = await sync([source()], {"files": listing(SECOND, "second")}, store)
        assert (reports[0].unchanged, await store.revisions()) == (len(SECOND), revisions)
    finally:
        await store.close()


@pytest.mark.parametrize(("when", "fatal"), list(itertools.product(WHEN, range(WRITES))))
async def test_a_killed_sync_into_sqlite_is_completed_by_the_next(tmp_path, when, fatal):
    await check_kill(str(tmp_path / "documents.db"), when, fatal)


@pytest.mark.parametrize(("when", "fatal"), [*itertools.product(WHEN, (0, 3, 6)), ("before", 7), ("after", 7)])
async def test_a_killed_sync_into_mongodb_is_completed_by_the_next(ferretdb, when, fatal):
    await check_kill(ferretdb.url(f"k{uuid.uuid4().hex[:12]}"), when, fatal)


async def test_a_run_of_its_own_process_that_is_not_killed_succeeds(tmp_path):
    status, said = await killed_sync(str(tmp_path / "documents.db"), "before", -2)
    assert status == 0, said
