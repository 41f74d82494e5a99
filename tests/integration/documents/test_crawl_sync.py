"""A crawl of a real server into a real SQLite store: what a whole sync does, twice, and when the site changes."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.integration.documents.site import Time, body, feed_source, page, replying, serving, web_source
from twin.documents.feed import LOOKED_AGAIN, FeedFetcher
from twin.documents.sync import exit_status, sync
from twin.documents.web import WebFetcher
from twin.drivers.http import HttpPages
from twin.drivers.sqlite import SqliteDocuments
from twin.records import Kind


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


MANY = LOOKED_AGAIN + 10
NAMES = [f"/p{number:02}" for number in range(MANY)]


def rss(*paths: str) -> str:
    creator = "<dc:creator>Zoe Kraus</dc:creator><pubDate>Mon, 06 Jan 2025 10:00:00 GMT</pubDate>"
    items = "".join(f"<item><title>Post {path}</title><link>{path}</link>{creator}</item>" for path in paths)
    return f"<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/'><channel>{items}</channel></rss>"


def sitemap(site, dates: dict[str, str]) -> str:
    each = "".join(
        f"<url><loc>{site.url(path)}</loc>{f'<lastmod>{date}</lastmod>' if date else ''}</url>" for path, date in dates.items()
    )
    return f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{each}</urlset>"


def counts(report):
    assert (report.error, report.failed) == ("", ())
    return (report.new, report.changed, report.unchanged, report.gone)


def asked(site):
    """What was asked for since the last look, robots.txt apart."""
    seen = [path for path in site.asked if path != "/robots.txt"]
    site.asked.clear()
    return seen


@pytest.fixture
def many(site):
    site.pages = {path: page(f"Page {path}", text=f"Words of {path}. " * 20) for path in NAMES}
    return site


async def test_an_unchanged_feed_is_asked_once_and_some_of_its_pages_in_turn(many, store):
    source = feed_source(many.url("/feed"))
    many.pages["/feed"] = rss(*NAMES)
    assert counts(*await synced(store, source)) == (MANY, 0, 0, 0)
    asked(many)
    seen = []
    for _ in range(2):
        many.headers.clear()
        assert counts(*await synced(store, source)) == (0, 0, MANY, 0)
        run = asked(many)
        assert (run.count("/feed"), len(run)) == (1, LOOKED_AGAIN + 1)
        assert sum("If-None-Match" in headers for headers in many.headers) == LOOKED_AGAIN + 1
        seen += run
    assert set(NAMES) < set(seen)


async def test_pages_that_change_or_go_while_their_feed_does_not_are_found_and_stay_their_authors(many, store):
    source = feed_source(many.url("/feed"))
    many.pages["/feed"] = rss(*NAMES)
    await synced(store, source)
    many.pages["/p03"] = page("", text="Edited later. " * 20)
    del many.pages["/p28"]
    first, second = (await synced(store, source))[0], (await synced(store, source))[0]
    assert (first.changed + second.changed, first.gone + second.gone) == (1, 1)
    (edited,) = [one async for one in store.documents() if "Edited later." in one.text]
    assert (edited.author.name, edited.published[:10]) == ("Zoe Kraus", "2025-01-06")
    many.pages["/p28"] = page("Back again")
    assert counts(*await synced(store, source)) == (1, 0, MANY - 1, 0)


async def test_an_entry_that_was_no_document_is_asked_for_until_it_is_one(many, store):
    source = feed_source(many.url("/feed"))
    many.pages |= {"/feed": rss("/p01", "/soon"), "/soon": body(b"<html></html>")}
    assert counts(*await synced(store, source)) == (1, 0, 0, 0)
    assert counts(*await synced(store, source)) == (0, 0, 1, 0)
    many.pages["/soon"] = page("Here it is")
    assert counts(*await synced(store, source)) == (1, 0, 1, 0)


async def test_another_declaration_reads_an_unchanged_feed_in_full(many, store):
    many.pages["/feed"] = rss(*NAMES)
    await synced(store, feed_source(many.url("/feed")))
    assert counts(*await synced(store, feed_source(many.url("/feed"), documents=Kind.POST))) == (0, MANY, 0, 0)


async def test_a_sitemaps_pages_are_asked_for_when_their_date_is_another(many, store):
    source = feed_source(many.url("/map"))
    dates = dict.fromkeys(NAMES, "2020-01-05")
    many.pages["/map"] = sitemap(many, dates)
    await synced(store, source)
    many.pages["/p29"] = page("Edited", text="Edited later. " * 20)
    many.pages["/map"] = sitemap(many, dates | {"/p29": "2020-02-01"})
    asked(many)
    assert counts(*await synced(store, source)) == (0, 1, MANY - 1, 0)
    run = asked(many)
    assert "/p29" in run
    assert len(run) == LOOKED_AGAIN + 2
    many.pages["/map"] = sitemap(many, dict.fromkeys(NAMES[:25], "2021-01-01"))
    assert counts(*await synced(store, source)) == (0, 0, 25, 5)
    assert len(asked(many)) == 26
    many.pages["/map"] += "<!-- made anew -->"
    assert counts(*await synced(store, source)) == (0, 0, 25, 0)
    assert len(asked(many)) == LOOKED_AGAIN + 1  # the new date of a page that was the same is remembered


async def test_an_unchanged_sitemap_spares_the_pages_that_it_dates_and_no_others(many, store):
    source = feed_source(many.url("/map"))
    many.pages["/map"] = sitemap(many, dict.fromkeys(NAMES, "2020-01-05T10:00:00+00:00") | dict.fromkeys(NAMES[:5], ""))
    await synced(store, source)
    asked(many)
    many.pages["/p04"] = page("Edited", text="Edited later. " * 20)
    del many.pages["/p03"]
    assert counts(*await synced(store, source)) == (0, 1, MANY - 2, 1)
    run = asked(many)
    assert set(NAMES[:5]) < set(run)
    assert len(run) == 1 + 5 + LOOKED_AGAIN


async def test_a_date_that_is_not_over_or_none_spares_nothing(many, store):
    source = feed_source(many.url("/map"))
    for date in (f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", "2999-01-01", "yesterday", "2020"):
        many.pages["/map"] = sitemap(many, dict.fromkeys(NAMES, date))
        await synced(store, source)
        asked(many)
        many.pages["/map"] += "<!-- made anew -->"
        await synced(store, source)
        assert len(asked(many)) == MANY + 1


async def test_a_sitemap_that_goes_back_after_a_run_that_failed_is_read_in_full(many, store):
    source = feed_source(many.url("/map"))
    former = sitemap(many, dict.fromkeys(NAMES, "2020-01-05"))
    many.pages["/map"] = former
    await synced(store, source)
    many.pages |= {"/map": sitemap(many, dict.fromkeys([*NAMES[1:], "/broken", "/p99"], "2020-01-05")), "/p99": page("New")}
    many.pages["/broken"] = replying(500)
    (report,) = await synced(store, source)
    assert (report.new, report.gone, len(report.failed)) == (1, 1, 1)
    many.pages["/map"] = former
    assert counts(*await synced(store, source)) == (1, 0, MANY - 1, 1)


async def test_the_pages_of_an_index_whose_sitemaps_overlap_are_never_lost(many, store):
    source = feed_source(many.url("/index"))
    maps = "".join(f"<sitemap><loc>{many.url(path)}</loc></sitemap>" for path in ("/a", "/b"))
    many.pages["/index"] = f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{maps}</sitemapindex>"
    many.pages |= {"/a": sitemap(many, {"/p01": "2020-01-05"}), "/b": sitemap(many, {"/p01": "2020-01-05", "/p02": ""})}
    assert counts(*await synced(store, source)) == (2, 0, 0, 0)
    many.pages["/a"] = sitemap(many, {"/p03": ""})
    assert counts(*await synced(store, source)) == (1, 0, 2, 0)
