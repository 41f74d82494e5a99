"""A feed source over a real server: RSS, Atom and sitemaps, their pages, and what becomes of entries that left the window."""

from __future__ import annotations

import gzip

import pytest

from tests.integration.documents.site import Remembered, Time, body, feed_source, page, replying, serving
from tests.unit.documents.test_pdf import made
from twin.documents.feed import LOOKED_AGAIN, FeedFetcher
from twin.documents.feed_cursor import parse_cursor
from twin.documents.ports import Failed, Found, Listed, Same, Skipped
from twin.drivers.http import HttpPages
from twin.errors import SourceError


@pytest.fixture
async def site():
    async with serving() as running:
        yield running


@pytest.fixture
async def pages():
    time = Time()
    async with HttpPages("llm-twin/0.1", delay=0, sleep=time.sleep, clock=time.clock, timeout=5) as running:
        yield running


def rss(*entries: str) -> str:
    items = "".join(f"<item>{entry}</item>" for entry in entries)
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Blog</title>{items}</channel></rss>'
    )


def entry(link: str, more: str = "", title: str = "An entry") -> str:
    return f"<title>{title}</title><link>{link}</link>{more}"


def full(text: str) -> str:
    return f"<content:encoded><![CDATA[<p>{text}</p>]]></content:encoded>"


async def read(pages, source, memory=None):
    return [item async for item in FeedFetcher(pages).fetch(source, memory or Remembered())]


def found(items):
    return {"/" + i.document.uri.split("/", 3)[3]: i.document for i in items if isinstance(i, Found)}


def paths(items, kind):
    return sorted("/" + item.uri.split("/", 3)[3] for item in items if isinstance(item, kind))


def versions(items):
    return {item.document.uri: item.version for item in items if isinstance(item, Found)}


async def test_the_pages_that_a_feed_names_become_documents(site, pages):
    site.pages |= {
        "/feed.xml": rss(entry("/one?utm_medium=rss"), entry("/two", "<pubDate>Mon, 06 Jan 2025 10:00:00 GMT</pubDate>")),
        "/one": page("One"),
        "/two": page("Two"),
    }
    items = await read(pages, feed_source(site.url("/feed.xml")))
    assert sorted(found(items)) == ["/one", "/two"]
    assert found(items)["/two"].published == "2025-01-06T10:00:00Z"
    assert isinstance(items[-1], Listed)
    again = await read(pages, feed_source(site.url("/feed.xml")), Remembered(versions(items)))
    assert paths(again, Same) == ["/one", "/two"]
    assert not found(again)


async def test_a_refused_page_falls_back_to_the_entrys_own_text_and_says_so(site, pages):
    site.pages |= {"/feed": rss(entry("/one", full("Own words of the entry."))), "/one": replying(403)}
    items = await read(pages, feed_source(site.url("/feed")))
    document = found(items)["/one"]
    assert document.text == "Own words of the entry."
    assert document.metadata["read_from"] == "the feed's content: its page answers 403"
    again = await read(pages, feed_source(site.url("/feed")), Remembered(versions(items)))
    assert paths(again, Same) == ["/one"]


async def test_robots_refusing_a_page_leaves_the_entrys_own_text(site, pages):
    site.pages |= {
        "/robots.txt": body(b"User-agent: llm-twin\nDisallow: /posts/", "text/plain"),
        "/feed": rss(entry("/posts/one", "<description>A summary of it.</description>"), entry("/posts/two")),
    }
    items = await read(pages, feed_source(site.url("/feed")))
    assert found(items)["/posts/one"].metadata["read_from"].startswith("the feed's summary: robots.txt")
    assert paths(items, Skipped) == ["/posts/two"]
    assert site.count("/posts/one") == 0


async def test_a_page_that_asks_not_to_be_kept_is_not_taken_out_of_the_feed_either(site, pages):
    hidden = page("One", head='<meta name="robots" content="noindex">')
    site.pages |= {"/feed": rss(entry("/one", full("Own words of the entry."))), "/one": hidden, "/old": hidden}
    items = await read(pages, feed_source(site.url("/feed")), Remembered({site.url("/old"): ""}))
    assert not found(items)
    assert paths(items, Skipped) == ["/old", "/one"]


async def test_a_pdf_that_a_feed_names_is_read(site, pages):
    site.pages |= {"/feed": rss(entry("/paper.pdf", title="Its title")), "/paper.pdf": body(made("Words."), "application/pdf")}
    assert found(await read(pages, feed_source(site.url("/feed"))))["/paper.pdf"].text == "Words."


async def test_a_feed_that_is_not_to_be_indexed_is_still_read(site, pages):
    site.pages |= {
        "/feed": body(rss(entry("/one")).encode(), "application/rss+xml", X_Robots_Tag="noindex"),
        "/one": page("One"),
    }
    assert sorted(found(await read(pages, feed_source(site.url("/feed"))))) == ["/one"]


async def test_a_broken_page_keeps_what_is_stored_even_if_the_entry_has_text(site, pages):
    site.pages |= {"/feed": rss(entry("/one", full("Own words."))), "/one": replying(500)}
    items = await read(pages, feed_source(site.url("/feed")))
    assert paths(items, Failed) == ["/one"]


async def test_entries_of_other_authors_stay_theirs(site, pages):
    site.pages |= {
        "/feed": rss(
            entry("/one", "<dc:creator>Ada Author</dc:creator>"),
            entry("/two", "<dc:creator>Zoé Kraus</dc:creator>"),
            entry("/three", "<dc:creator>admin</dc:creator>"),
        ),
        "/one": page("One"),
        "/two": page("Two"),
        "/three": page("Three"),
    }
    documents = found(await read(pages, feed_source(site.url("/feed"))))
    assert {path: document.author.id for path, document in documents.items()} == {
        "/one": "ada",
        "/two": "zoé-kraus",
        "/three": "ada",
    }


async def test_an_entry_that_left_the_window_is_not_gone_unless_its_page_is(site, pages):
    site.pages |= {"/feed": rss(entry("/new")), "/new": page("New"), "/old": page("Old")}
    memory = Remembered({site.url("/old"): "", site.url("/deleted"): ""})
    items = await read(pages, feed_source(site.url("/feed")), memory)
    assert sorted(found(items)) == ["/new", "/old"]
    assert paths(items, Skipped) == ["/deleted"]
    assert parse_cursor(items[-1].cursor, feed_source(site.url("/feed"))).again == site.url("/old")


async def test_a_stored_page_outside_the_window_that_only_fails_is_the_same(site, pages):
    site.pages |= {"/feed": rss(entry("/new")), "/new": page("New"), "/old": replying(500), "/locked": replying(403)}
    memory = Remembered({site.url("/old"): "", site.url("/locked"): ""})
    items = await read(pages, feed_source(site.url("/feed")), memory)
    assert paths(items, Same) == ["/locked", "/old"]


async def test_pages_outside_the_window_are_looked_at_again_in_turn(site, pages):
    site.pages |= {"/feed": rss(entry("/new")), "/new": page("New")}
    old = {f"/p{number:02}": page(f"P{number}") for number in range(LOOKED_AGAIN + 5)}
    site.pages |= old
    memory = Remembered({site.url(path): "" for path in old})
    first = await read(pages, feed_source(site.url("/feed")), memory)
    assert len(found(first)) == LOOKED_AGAIN + 1
    assert len(paths(first, Same)) == 5
    site.asked.clear()
    memory.cursor = first[-1].cursor
    await read(pages, feed_source(site.url("/feed")), memory)
    assert {f"/p{number}" for number in range(LOOKED_AGAIN, LOOKED_AGAIN + 5)} <= set(site.asked)


async def test_atom_is_read_with_its_content(site, pages):
    site.pages["/atom"] = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>B</title><entry><title>T &amp; U</title><id>urn:1</id>'
        '<link href="/one"/><updated>2025-02-03T04:05:06Z</updated><author><name>Ada Author</name></author>'
        '<content type="html">&lt;p&gt;Hello&lt;/p&gt;&lt;pre&gt;x = 1\ny = 2&lt;/pre&gt;</content></entry></feed>'
    )
    site.pages["/one"] = replying(401)
    document = found(await read(pages, feed_source(site.url("/atom"))))["/one"]
    assert document.title == "T & U"
    assert "x = 1\ny = 2" in document.text


def sitemap(*links: str, kind: str = "urlset", each: str = "url") -> str:
    items = "".join(f"<{each}><loc>{link}</loc></{each}>" for link in links)
    return f'<?xml version="1.0"?><{kind} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{items}</{kind}>'


async def test_a_sitemap_index_with_a_gzipped_sitemap_is_a_complete_listing(site, pages):
    site.pages |= {
        "/index.xml": sitemap(site.url("/a.xml"), site.url("/b.xml.gz"), kind="sitemapindex", each="sitemap"),
        "/a.xml": sitemap(site.url("/one")),
        "/b.xml.gz": body(gzip.compress(sitemap(site.url("/two")).encode()), "application/gzip"),
        "/one": page("One"),
        "/two": page("Two"),
    }
    items = await read(pages, feed_source(site.url("/index.xml")), Remembered({site.url("/old"): ""}))
    assert sorted(found(items)) == ["/one", "/two"]
    assert not paths(items, Same)
    assert items[-1] == Listed()


async def test_a_sitemap_that_is_partly_unreadable_removes_nothing(site, pages):
    site.pages |= {
        "/index.xml": sitemap(site.url("/a.xml"), site.url("/b.xml"), kind="sitemapindex", each="sitemap"),
        "/a.xml": sitemap(site.url("/one")),
        "/b.xml": sitemap(site.url("/two"))[:-20],
        "/one": page("One"),
    }
    items = await read(pages, feed_source(site.url("/index.xml")))
    assert sorted(found(items)) == ["/one"]
    assert paths(items, Failed) == ["/b.xml"]
    assert not any(isinstance(item, Listed) for item in items)


async def test_sitemaps_that_name_each_other_end(site, pages):
    site.pages["/index.xml"] = sitemap(site.url("/index.xml"), site.url("/other.xml"), kind="sitemapindex", each="sitemap")
    site.pages["/other.xml"] = sitemap(site.url("/index.xml"), kind="sitemapindex", each="sitemap")
    assert await read(pages, feed_source(site.url("/index.xml"))) == [Listed()]


async def test_max_pages_bounds_a_sitemap_that_then_removes_nothing(site, pages):
    site.pages["/s.xml"] = sitemap(*[site.url(f"/p{number}") for number in range(9)])
    site.pages |= {f"/p{number}": page(f"P{number}") for number in range(9)}
    items = await read(pages, feed_source(site.url("/s.xml"), max_pages=4))
    assert len(found(items)) == 4
    assert "5 more pages" in items[-1].reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            page("Blog", head='<link rel="alternate" type="application/rss+xml" href="/rss">'),
            "it names http://127.0.0.1:.*/rss",
        ),
        ("", "is empty"),
        ("just words", "neither RSS nor Atom nor a sitemap"),
        ('{"version": "https://jsonfeed.org/version/1"}', "neither RSS nor Atom nor a sitemap"),
    ],
)
async def test_what_is_no_feed_fails_the_source_and_says_what_it_is(site, pages, content, reason):
    site.pages["/feed"] = body(content.encode(), "text/html")
    with pytest.raises(SourceError, match=reason):
        await read(pages, feed_source(site.url("/feed")))


async def test_a_feed_that_cannot_be_had_fails_the_source(site, pages):
    for status in (404, 403, 500):
        site.pages["/feed"] = replying(status)
        with pytest.raises(SourceError, match=str(status)):
            await read(pages, feed_source(site.url("/feed")))
