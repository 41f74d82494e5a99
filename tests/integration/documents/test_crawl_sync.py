"""A crawl of a real server into a real SQLite store: what a whole sync does, twice, and when the site changes."""

from __future__ import annotations

import pytest

from tests.integration.documents.site import Time, feed_source, page, replying, serving, web_source
from twin.documents.feed import FeedFetcher
from twin.documents.sync import exit_status, sync
from twin.documents.web import WebFetcher
from twin.drivers.http import HttpPages
from twin.drivers.sqlite import SqliteDocuments


@pytest.fixture
async def site():
    async with serving() as running:
        running.pages = {
            "/notes/": page("Notes", "a", "b", "c"),
            "/notes/a": page("A", "deep", text="Alpha. " * 60),
            "/notes/b": page("B", text="Beta. " * 60),
            "/notes/c": page("C", text="Gamma. " * 60),
            "/notes/deep": page("Deep", text="Delta. " * 60),
        }
        yield running


@pytest.fixture
async def store(tmp_path):
    opened = SqliteDocuments(tmp_path / "documents.db")
    await opened.open()
    yield opened
    await opened.close()


async def synced(store, *sources, **options):
    time = Time()
    async with HttpPages("llm-twin/0.1", delay=0, sleep=time.sleep, clock=time.clock, timeout=5) as pages:
        return await sync(sources, {"web": WebFetcher(pages), "feed": FeedFetcher(pages)}, store, **options)


async def test_a_second_sync_of_an_unchanged_site_writes_nothing(site, store):
    source = web_source(site.url("/notes/"), depth=2)
    (first,) = await synced(store, source)
    assert (first.new, first.error, first.failed) == (5, "", ())
    revisions = await store.revisions()
    site.headers.clear()
    (second,) = await synced(store, source)
    assert (second.new, second.changed, second.unchanged, second.gone) == (0, 0, 5, 0)
    assert await store.revisions() == revisions
    assert sum("If-None-Match" in headers for headers in site.headers) == 5


async def test_a_changed_a_missing_and_an_unlinked_page_are_each_what_they_are(site, store):
    source = web_source(site.url("/notes/"), depth=2)
    await synced(store, source)
    site.pages["/notes/a"] = page("A", text="Alpha is another now. " * 20)  # no longer links to deep
    del site.pages["/notes/b"]
    (report,) = await synced(store, source)
    assert (report.new, report.changed, report.unchanged, report.gone) == (0, 1, 2, 2)
    assert [note.uri for note in report.skipped] == [site.url("/notes/b")]
    assert [uri async for uri in store.uris("site")] == [site.url(path) for path in ("/notes/", "/notes/a", "/notes/c")]


async def test_a_site_that_is_down_keeps_its_documents_and_fails_only_its_source(site, store):
    good, down = web_source(site.url("/notes/"), name="good"), web_source("http://127.0.0.1:9/", name="down")
    reports = await synced(store, good, down)
    assert reports[0].new == 1
    assert "cannot be reached" in reports[1].error
    assert exit_status(reports) == 1
    site.pages["/notes/"] = replying(503)
    (report,) = await synced(store, good)
    assert "503" in report.error
    assert await store.count("good") == 1


async def test_a_site_that_lost_most_of_its_pages_is_refused(site, store):
    site.pages["/"] = page("Start", *[f"/p{number}" for number in range(20)])
    site.pages |= {f"/p{number}": page(f"P{number}") for number in range(20)}
    source = web_source(site.url("/"), depth=1)
    await synced(store, source)
    site.pages["/"] = page("We are closed for maintenance")
    (report,) = await synced(store, source)
    assert report.refused
    assert await store.count("site") == 21


async def test_a_feed_follows_its_window_and_loses_only_what_is_deleted(site, store):
    def feed(*links: str) -> str:
        return f"<rss version='2.0'><channel>{''.join(f'<item><link>{link}</link></item>' for link in links)}</channel></rss>"

    source = feed_source(site.url("/feed"))
    site.pages["/feed"] = feed("/notes/a", "/notes/b")
    (first,) = await synced(store, source)
    assert first.new == 2
    site.pages["/feed"] = feed("/notes/c", "/notes/deep")
    (second,) = await synced(store, source)
    assert (second.new, second.unchanged, second.gone) == (2, 2, 0)
    del site.pages["/notes/a"], site.pages["/notes/c"]
    (third,) = await synced(store, source)
    assert (third.new, third.unchanged, third.gone) == (0, 2, 2)
    (fourth,) = await synced(store, source)
    assert (fourth.unchanged, fourth.gone, fourth.failed) == (2, 0, ())
