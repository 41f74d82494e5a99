import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.documents.stores import Saying, StoreInMemory, document, source
from twin.documents.ports import Failed, Found, Listed, Nothing, Same, Skipped
from twin.documents.reconcile import BATCH, reconcile
from twin.documents.tally import NOTES, Tally
from twin.errors import MassDeletionError, SourceError
from twin.records import Note


async def run(store, *items, where=None, **options):
    where = where or source()
    return await reconcile(where, Saying(*items).fetch(where, None or _Memory()), store, **options)


class _Memory:
    cursor = ""


def found(*names, text="text", version="", **fields):
    return [Found(document(name, text, **fields), version) for name in names]


async def test_a_first_listing_stores_everything_and_its_cursor():
    store = StoreInMemory()
    report = await run(store, *found("a", "b"), Listed("commit-1"))
    assert (report.new, report.changed, report.unchanged, report.gone) == (2, 0, 0, 0)
    assert store.texts() == {"a": "text", "b": "text"}
    assert store.cursors == {"notes": "commit-1"}


async def test_new_changed_unchanged_and_gone_are_told_apart():
    store = StoreInMemory()
    await run(store, *found("a", "b", "c"), Listed())
    report = await run(store, *found("a"), *found("b", text="other"), *found("d"), Listed())
    assert (report.new, report.changed, report.unchanged, report.gone) == (1, 1, 1, 1)
    assert store.texts() == {"a": "text", "b": "other", "d": "text"}


async def test_a_run_without_changes_writes_nothing():
    store = StoreInMemory()
    await run(store, *found("a", "b", version="1"), Listed("x"))
    store.writes = 0
    report = await run(store, *found("a", version="1"), Same("b"), Listed("x"))
    assert (report.unchanged, store.writes) == (2, 0)


async def test_a_new_version_of_the_same_content_is_remembered_without_a_revision():
    store = StoreInMemory()
    await run(store, *found("a", version="1"), Listed())
    report = await run(store, *found("a", version="2"), Listed())
    assert (report.unchanged, store.live["a"][2], len(store.log)) == (1, "2", 1)


async def test_a_new_version_of_what_was_not_read_is_remembered_without_a_revision():
    store = StoreInMemory()
    await run(store, *found("a", "b", version="1"), Listed())
    report = await run(store, Same("a", "2"), Same("b"), Listed(), dry_run=True)
    assert store.live["a"][2] == "1"
    report = await run(store, Same("a", "2"), Same("b"), Listed())
    assert (report.unchanged, [store.live[uri][2] for uri in "ab"], len(store.log)) == (2, ["2", "1"], 2)
    store.writes = 0
    await run(store, Same("a", "2"), Same("b", "1"), Listed())
    assert store.writes == 0


async def test_a_listing_that_ends_early_buries_nothing_and_keeps_the_cursor():
    store = StoreInMemory()
    await run(store, *found("a", "b"), Listed("old"))
    report = await run(store, *found("c"))
    assert (report.new, report.gone, report.error) == (1, 0, "")
    assert set(store.texts()) == {"a", "b", "c"}
    assert store.cursors == {"notes": "old"}


async def test_what_was_written_before_the_source_failed_stays_and_is_counted():
    store = StoreInMemory()
    tally = Tally(source())
    names = [f"{i:04}" for i in range(BATCH)]
    with pytest.raises(SourceError):
        await run(store, *found(*names), SourceError("host away"), tally=tally)
    assert (tally.new, len(store.live)) == (BATCH, BATCH)


async def test_a_document_that_failed_is_kept_and_the_cursor_is_not_set():
    store = StoreInMemory()
    await run(store, *found("a", "b"), Listed("1"))
    report = await run(store, *found("a"), Failed("b", "HTTP 500"), Listed("2"))
    assert (report.gone, report.failed) == (0, (Note("b", "HTTP 500"),))
    assert set(store.texts()) == {"a", "b"}
    assert store.cursors == {"notes": "1"}


async def test_a_stored_document_that_is_skipped_now_goes():
    store = StoreInMemory()
    await run(store, *found("a", "b"), Listed())
    report = await run(store, *found("a"), Skipped("b", "binary"), Listed())
    assert (report.gone, report.skipped) == (1, (Note("b", "binary"),))
    assert set(store.texts()) == {"a"}


async def test_nothing_new_means_all_that_is_stored_is_unchanged():
    store = StoreInMemory()
    await run(store, *found("a", "b"), Listed("1"))
    store.writes = 0
    report = await run(store, Nothing())
    assert (report.unchanged, report.gone, store.writes) == (2, 0, 0)


async def test_the_breaker_removes_nothing_but_keeps_what_is_new():
    store = StoreInMemory()
    await run(store, *found(*"abcdefghij"), Listed("1"))
    tally = Tally(source())
    with pytest.raises(MassDeletionError, match=r"6 of 10 stored documents .* --source notes --allow-mass-delete"):
        await run(store, *found(*"abcd", "new"), Listed("2"), tally=tally)
    assert set(store.texts()) == {*"abcdefghij", "new"}
    assert (store.cursors, tally.gone, tally.new) == ({"notes": "1"}, 0, 1)


async def test_the_breaker_opens_only_above_its_share():
    store = StoreInMemory()
    await run(store, *found(*"abcdefghij"), Listed())
    assert (await run(store, *found(*"abcde"), Listed())).gone == 5


async def test_mass_deletion_can_be_allowed():
    store = StoreInMemory()
    await run(store, *found(*"abcdefghij"), Listed())
    report = await run(store, Listed(), allow_mass_delete=True)
    assert (report.gone, store.texts()) == (10, {})


async def test_fewer_than_five_may_always_go():
    store = StoreInMemory()
    await run(store, *found(*"abcd"), Listed())
    assert (await run(store, Listed())).gone == 4


async def test_a_source_with_max_gone_0_loses_nothing_unasked():
    store, strict = StoreInMemory(), source(max_gone=0)
    await run(store, *found(*"abcd"), Listed(), where=strict)
    with pytest.raises(MassDeletionError):
        await run(store, *found(*"abc"), Listed(), where=strict)


async def test_a_source_full_of_refusals_by_robots_trips_the_breaker():
    store = StoreInMemory()
    await run(store, *found(*"abcdefghij"), Listed())
    with pytest.raises(MassDeletionError):
        await run(store, *(Skipped(name, "robots.txt") for name in "abcdefghij"), Listed())


async def test_more_gone_documents_than_a_batch_are_all_buried():
    store = StoreInMemory()
    names = [f"{i:05}" for i in range(3 * BATCH + 7)]
    await run(store, *found(*names), Listed())
    report = await run(store, *found(names[0]), Listed(), allow_mass_delete=True)
    assert (report.gone, set(store.texts())) == (len(names) - 1, {names[0]})


async def test_a_uri_named_twice_is_taken_once_and_reported_in_every_run():
    store = StoreInMemory()
    for expected in ((1, 0), (0, 1)):
        report = await run(store, *found("a"), *found("a", text="second"), Listed("1"))
        assert (report.new, report.unchanged) == expected
        assert [note.uri for note in report.failed] == ["a"]
        assert "duplicate" in report.failed[0].reason
    assert store.texts() == {"a": "text"}
    assert store.cursors == {}


async def test_a_uri_of_another_source_stays_with_it_and_is_reported():
    store = StoreInMemory()
    await run(store, *found("a", source="blog"), Listed(), where=source("blog"))
    report = await run(store, *found("a", text="mine"), *found("b"), Listed())
    assert (report.new, store.texts()) == (1, {"a": "text", "b": "text"})
    assert report.failed[0].uri == "a"
    assert "source blog" in report.failed[0].reason


async def test_a_uri_that_another_source_takes_in_the_same_moment_is_reported_too():
    store = StoreInMemory()

    async def none(uris):
        return {}

    await run(store, *found("a", source="blog"), Listed(), where=source("blog"))
    store.sources_of = none  # asked before the other one wrote
    report = await run(store, *found("a"), Listed())
    assert (report.new, [note.uri for note in report.failed]) == (0, ["a"])


async def test_a_document_too_large_for_the_store_fails_alone():
    store = StoreInMemory(max_bytes=100)
    report = await run(store, *found("a", text="ä" * 60), *found("b"), Listed())
    assert (report.new, [note.uri for note in report.failed]) == (1, ["a"])
    assert "too large" in report.failed[0].reason


async def test_a_stored_document_that_grew_too_large_is_kept_as_it_was():
    store = StoreInMemory(max_bytes=100)
    await run(store, *found("a"), Listed())
    report = await run(store, *found("a", text="x" * 200), Listed())
    assert (report.gone, store.texts()) == (0, {"a": "text"})


async def test_text_that_is_no_unicode_fails_alone():
    report = await run(StoreInMemory(), *found("a", text="broken \udcff"), *found("b"), Listed())
    assert (report.new, [note.uri for note in report.failed]) == (1, ["a"])


async def test_same_for_something_that_is_not_stored_fails_and_clears_the_cursor():
    store = StoreInMemory()
    await run(store, *found("a"), Listed("1"))
    store.live.clear()
    report = await run(store, Same("a"), Listed("1"))
    assert (report.unchanged, [note.uri for note in report.failed]) == (0, ["a"])
    assert store.cursors == {"notes": ""}


async def test_a_document_that_failed_before_it_was_found_is_kept_once():
    store = StoreInMemory()
    await run(store, *found("a", "b"), Listed())
    report = await run(store, Failed("a", "retrying"), *found("a"), Failed("a", "again"), Listed())
    assert (report.unchanged, report.gone) == (1, 1)
    assert set(store.texts()) == {"a"}


async def test_a_dry_run_counts_the_same_and_writes_nothing():
    items = [*found("a", text="other"), *found("c"), Same("x"), Failed("f", "gone?"), Skipped("s", "binary"), Listed("2")]
    real, dry = StoreInMemory(), StoreInMemory()
    for store in (real, dry):
        await run(store, *found("a", "b"), Listed("1"))
    dry.writes = 0
    assert await run(dry, *items, dry_run=True) == await run(real, *items)
    assert (dry.writes, dry.texts()) == (0, {"a": "text", "b": "text"})


async def test_a_document_of_another_source_is_a_fault_of_the_fetcher():
    with pytest.raises(SourceError, match="blog"):
        await run(StoreInMemory(), *found("a", source="blog"), Listed())


async def test_notes_beyond_a_thousand_are_only_counted():
    report = await run(StoreInMemory(), *(Skipped(str(i), "binary") for i in range(NOTES + 3)), Listed())
    assert (len(report.skipped), report.skipped_more) == (NOTES, 3)


async def test_a_slow_source_is_written_before_its_batch_is_full():
    store, now = StoreInMemory(), iter(range(0, 1000, 3))
    seen = []
    await run(store, *found("a", "b"), clock=lambda: next(now), on_progress=lambda progress: seen.append(progress.done))
    assert seen == [1, 2, 2]


async def test_the_listing_is_closed_when_the_store_fails():
    closed = []

    async def listing():
        try:
            for item in [*found(*map(str, range(BATCH + 1)))]:
                yield item
        finally:
            closed.append(True)

    store = StoreInMemory()
    store.before_write = lambda: (_ for _ in ()).throw(SourceError("disk"))
    with pytest.raises(SourceError):
        await reconcile(source(), listing(), store)
    assert closed == [True]


URIS = st.sampled_from([f"u{i}" for i in range(8)])
TEXTS = st.sampled_from(["one", "two", "three"])
ITEMS = st.lists(
    st.one_of(
        st.builds(lambda uri, text: Found(document(uri, text), text), URIS, TEXTS),
        st.builds(Failed, URIS, st.just("broken")),
        st.builds(Skipped, URIS, st.just("binary")),
    ),
    max_size=12,
)
LISTINGS = st.lists(ITEMS, max_size=4)


class Killed(BaseException):
    """What a test raises where a real process would die."""


@settings(max_examples=150, deadline=None)
@given(history=LISTINGS, last=ITEMS)
def test_what_is_live_is_what_the_last_complete_listing_named_or_could_not_read(history, last):
    async def law():
        store = StoreInMemory()
        for items in history:
            await run(store, *items, Listed(), allow_mass_delete=True)
        before = store.texts()
        await run(store, *last, Listed(), allow_mass_delete=True)
        named = {}
        for item in last:
            if isinstance(item, Found):
                named.setdefault(item.document.uri, item.document.text)
        unread = {item.uri for item in last if isinstance(item, Failed)}
        assert store.texts() == {**{uri: text for uri, text in before.items() if uri in unread}, **named}

    asyncio.run(law())


@settings(max_examples=150, deadline=None)
@given(history=LISTINGS, last=ITEMS)
def test_reconciling_twice_is_reconciling_once(history, last):
    async def law():
        store = StoreInMemory()
        for items in [*history, last]:
            await run(store, *items, Listed("c"), allow_mass_delete=True)
        once, store.writes = store.texts(), 0
        report = await run(store, *last, Listed("c"), allow_mass_delete=True)
        assert (store.texts(), store.writes) == (once, 0)
        assert (report.new, report.changed, report.gone) == (0, 0, 0)

    asyncio.run(law())


@settings(max_examples=150, deadline=None)
@given(history=LISTINGS, last=ITEMS, fatal=st.integers(0, 6), batch=st.integers(1, 4))
def test_killed_at_any_write_and_run_again_ends_in_the_same_state(history, last, fatal, batch):
    async def law():
        whole, killed = StoreInMemory(), StoreInMemory()
        for items in history:
            for store in (whole, killed):
                await run(store, *items, Listed("h"), allow_mass_delete=True)
        left = fatal

        def die():
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        killed.before_write = die
        with contextlib.suppress(Killed):
            await run(killed, *last, Listed("c"), allow_mass_delete=True)
        killed.before_write = lambda: None
        for store in (whole, killed):
            await run(store, *last, Listed("c"), allow_mass_delete=True)
        assert killed.texts() == whole.texts()
        assert killed.cursors == whole.cursors

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twin.documents.reconcile.BATCH", batch)
        asyncio.run(law())
