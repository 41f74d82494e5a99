import asyncio
from datetime import timedelta

import pytest

from tests.unit.documents.stores import Saying, StoreInMemory, document, source
from twin.documents.ports import Failed, Found, Listed
from twin.documents.sync import SourceProgress, exit_status, sync
from twin.errors import SourceError, StoreError
from twin.records import Note, SourceReport


def found(*names, source="notes"):
    return [Found(document(name, source=source)) for name in names]


class BySource:
    """One fetcher for several sources."""

    def __init__(self, **fetchers):
        self.fetchers = fetchers

    def fetch(self, source, memory):
        return self.fetchers[source.name].fetch(source, memory)


async def test_sync_reports_in_the_order_of_the_sources():
    store = StoreInMemory()
    fetchers = {"files": BySource(b=Saying(*found("1", source="b"), Listed()), a=Saying(Listed()))}
    reports = await sync([source("b"), source("a")], fetchers, store)
    assert [(report.source, report.kind, report.new) for report in reports] == [("b", "files", 1), ("a", "files", 0)]
    assert exit_status(reports) == 0


async def test_a_failing_source_fails_no_other_and_is_reported():
    store = StoreInMemory()
    fetchers = {"files": BySource(a=Saying(SourceError("a: host away")), b=Saying(*found("1", source="b"), Listed()))}
    reports = await sync([source("a"), source("b")], fetchers, store)
    assert [(report.error, report.new) for report in reports] == [("a: host away", 0), ("", 1)]
    assert exit_status(reports) == 1


async def test_sync_keeps_documents_of_a_source_that_failed():
    store = StoreInMemory()
    await sync([source()], {"files": Saying(*found("a", "b"), Listed())}, store)
    (report,) = await sync([source()], {"files": Saying(*found("a"), SourceError("reset"))}, store)
    assert (set(store.texts()), report.unchanged, report.gone) == ({"a", "b"}, 0, 0)


async def test_a_defect_of_a_fetcher_is_named_logged_and_fails_no_other(caplog):
    store = StoreInMemory()
    fetchers = {"files": BySource(a=Saying(KeyError("secret text")), b=Saying(*found("1", source="b"), Listed()))}
    first, second = await sync([source("a"), source("b")], fetchers, store)
    assert "KeyError" in first.error
    assert "secret" not in first.error
    assert "Traceback" in caplog.text
    assert second.new == 1


async def test_errors_in_a_group_are_told_as_themselves_and_a_defect_goes_first():
    async def error_of(*errors):
        group = ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", errors)])
        (report,) = await sync([source()], {"files": Saying(group)}, StoreInMemory())
        return report.error

    assert await error_of(SourceError("host away"), SourceError("later")) == "host away"
    assert "KeyError" in await error_of(SourceError("host away"), KeyError())


def renamed(*names):
    """What a source called `new` lists of what one called `old` has stored."""
    return BySource(
        old=Saying(*found(*names, source="old"), Listed("1")), new=Saying(*found(*names, source="new"), Listed("1"))
    )


async def test_a_renamed_source_takes_over_its_documents_and_says_from_whom():
    store, fetchers = StoreInMemory(), {"files": renamed("a", "b")}
    await sync([source("old")], fetchers, store, declared=["old"])
    (report,) = await sync([source("new")], fetchers, store, declared=["new"])
    assert (report.new, report.failed, report.taken_from) == (2, (), ("old",))
    assert [held[0] for held in store.live.values()] == ["new", "new"]
    (report,) = await sync([source("new")], fetchers, store, declared=["new"])
    assert (report.unchanged, report.taken_from) == (2, ())
    assert store.cursors["old"] == ""


async def test_a_source_that_is_declared_and_not_synced_keeps_its_documents():
    store, fetchers = StoreInMemory(), {"files": renamed("a")}
    await sync([source("old")], fetchers, store)
    for declared in (["old", "new"], None):
        (report,) = await sync([source("new")], fetchers, store, declared=declared)
        assert "source old holds" in report.failed[0].reason
    assert store.live["a"][0] == "old"


async def test_a_handover_that_broke_off_is_completed_by_the_next_run():
    store, fetchers = StoreInMemory(), {"files": renamed("a", "b")}
    await sync([source("old")], fetchers, store)

    def gone():
        if "a" not in store.live:
            raise StoreError("disk I/O error")

    store.before_write = gone
    (report,) = await sync([source("new")], fetchers, store, declared=["new"])
    assert (report.error, store.live) == ("disk I/O error", {})
    store.before_write = lambda: None
    (report,) = await sync([source("new")], fetchers, store, declared=["new"])
    assert (report.new, report.failed) == (2, ())


async def test_a_source_that_another_process_still_syncs_keeps_its_documents():
    store, fetchers = StoreInMemory(), {"files": renamed("a")}
    await sync([source("old")], fetchers, store)
    async with store.lease("old", "ada's laptop"):
        (report,) = await sync([source("new")], fetchers, store, declared=["new"])
    assert "ada's laptop" in report.error
    assert store.live["a"][0] == "old"


async def test_a_dry_run_counts_what_would_be_taken_over_and_takes_nothing():
    store, fetchers = StoreInMemory(), {"files": renamed("a")}
    await sync([source("old")], fetchers, store)
    (report,) = await sync([source("new")], fetchers, store, declared=["new"], dry_run=True)
    assert (report.new, report.taken_from) == (1, ("old",))
    assert store.live["a"][0] == "old"


async def test_a_kind_that_nothing_reads_is_an_error_of_that_source():
    (report,) = await sync([source()], {}, StoreInMemory())
    assert "'files'" in report.error


async def test_the_database_gone_in_mid_run_is_reported_and_the_next_run_completes():
    store, names = StoreInMemory(), [f"{i:04}" for i in range(500)]
    fetcher = Saying(*found(*names), Listed("1"))

    def gone():
        if store.writes == 1:
            raise StoreError("documents.db: disk I/O error")

    store.before_write = gone
    (report,) = await sync([source()], {"files": fetcher}, store)
    assert (report.error, report.new) == ("documents.db: disk I/O error", 200)
    store.before_write = lambda: None
    (report,) = await sync([source()], {"files": fetcher}, store)
    assert (report.error, report.new, report.unchanged) == ("", 300, 200)
    assert (len(store.live), store.cursors) == (500, {"notes": "1"})


async def test_a_source_in_use_by_another_process_is_an_error_that_names_it():
    store = StoreInMemory()
    async with store.lease("notes", "ada's laptop"):
        (report,) = await sync([source()], {"files": Saying(Listed())}, store)
    assert "ada's laptop" in report.error


async def test_a_refused_source_says_so_and_wins_over_a_failed_one():
    store = StoreInMemory()
    names = "abcdefghij"
    await sync([source()], {"files": Saying(*found(*names), Listed())}, store)
    (report,) = await sync([source()], {"files": Saying(Listed())}, store)
    assert (report.refused, report.gone, len(store.live)) == (True, 0, 10)
    assert "--allow-mass-delete" in report.error
    assert exit_status([report]) == 3
    assert exit_status([SourceReport(source="x", kind="web", error="away"), report]) == 3


def test_one_failed_document_is_exit_status_1_and_a_skipped_one_is_not():
    noted = (Note("a", "binary"),)
    assert exit_status([SourceReport(source="x", kind="files", failed=noted)]) == 1
    assert exit_status([SourceReport(source="x", kind="files", skipped=noted)]) == 0


async def test_a_dry_run_takes_no_lease_and_writes_nothing():
    store = StoreInMemory()
    async with store.lease("notes", "somebody"):
        (report,) = await sync([source()], {"files": Saying(*found("a"), Listed())}, store, dry_run=True)
    assert (report.new, report.error, store.writes) == (1, "", 0)


async def test_the_fetcher_is_given_the_cursor_and_what_is_known():
    store, seen = StoreInMemory(), []

    async def looking(memory):
        seen.append((memory.cursor, sorted(await memory.known(["a", "b"]))))
        return
        yield

    fetcher = Saying(*found("a"), Listed("commit-1"), then=looking)
    for _ in range(2):
        await sync([source()], {"files": fetcher}, store)
    assert seen == [("", []), ("commit-1", ["a"])]


async def test_no_more_sources_are_read_at_once_than_allowed():
    running, most = 0, 0

    async def counting(_):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return
        yield

    sources = [source(str(i)) for i in range(9)]
    await sync(sources, {"files": Saying(Listed(), then=counting)}, StoreInMemory(), concurrency=3)
    assert most == 3


async def test_cancelling_ends_the_leases_and_keeps_what_was_written():
    store, reached = StoreInMemory(), asyncio.Event()

    async def hanging(_):
        for item in found(*(f"{i:04}" for i in range(200))):
            yield item
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(sync([source()], {"files": Saying(then=hanging)}, store))
    async with asyncio.timeout(timedelta(seconds=30).total_seconds()):
        await reached.wait()
    assert store.leases
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (store.leases, len(store.live)) == ({}, 200)


async def test_progress_says_how_far_each_source_is():
    store, seen = StoreInMemory(), []
    await sync([source()], {"files": Saying(*found("a", "b"), Listed())}, store)
    fetcher = Saying(*found("a"), Failed("b", "HTTP 500"), Listed())
    await sync([source()], {"files": fetcher}, store, on_progress=lambda *told: seen.append(told))
    assert seen[-1] == ("notes", SourceProgress(stored=2, unchanged=1, failed=1))
    assert seen[-1][1].done == 2
