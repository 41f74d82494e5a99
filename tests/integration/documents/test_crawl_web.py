"""A web source over a real server: which pages become documents, and when the listing counts as complete."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from aiohttp import web

from tests.integration.documents.site import Remembered, Time, body, page, replying, serving, web_source
from tests.unit.documents.test_pdf import made
from twin.documents.ports import Failed, Found, Listed, Same, Skipped
from twin.documents.web import WebFetcher
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


async def crawl(pages, source, memory=None):
    return [item async for item in WebFetcher(pages).fetch(source, memory or Remembered())]


def paths(items, kind=Found):
    if kind is Found:
        return sorted("/" + item.document.uri.split("/", 3)[3] for item in items if isinstance(item, Found))
    return sorted("/" + item.uri.split("/", 3)[3] for item in items if isinstance(item, kind))


def versions(items):
    return {item.document.uri: item.version for item in items if isinstance(item, Found)}


async def test_a_page_becomes_a_document_of_the_sources_author(site, pages):
    site.pages["/notes/one"] = page("One", text="Snow falls. " * 60)
    items = await crawl(pages, web_source(site.url("/notes/one?utm_source=x#top")))
    assert isinstance(items[-1], Listed)
    document = items[0].document
    assert document.uri == site.url("/notes/one")
    assert document.title == "One"
    assert "Snow falls." in document.text
    assert document.author.id == "ada"
    assert document.language == "en"


async def test_links_are_followed_below_the_folder_and_no_deeper_than_said(site, pages):
    site.pages |= {
        "/notes/": page("Start", "a", "/elsewhere", "b#part", "photo.jpg", "https://example.org/x", "a?fbclid=1"),
        "/notes/a": page("A", "c"),
        "/notes/b": page("B", "/notes/"),
        "/notes/c": page("C", "d"),
        "/notes/d": page("D"),
        "/elsewhere": page("Elsewhere"),
    }
    assert paths(await crawl(pages, web_source(site.url("/notes/"), depth=1))) == ["/notes/", "/notes/a", "/notes/b"]
    assert paths(await crawl(pages, web_source(site.url("/notes/"), depth=2))) == [
        "/notes/",
        "/notes/a",
        "/notes/b",
        "/notes/c",
    ]
    assert site.count("/elsewhere") == 0


async def test_a_second_run_asks_conditionally_and_finds_all_the_same(site, pages):
    site.pages |= {"/": page("Start", "a"), "/a": page("A", "b"), "/b": page("B")}
    source = web_source(site.url("/"), depth=2)
    first = await crawl(pages, source)
    second = await crawl(pages, source, Remembered(versions(first)))
    assert paths(second, Same) == ["/", "/a", "/b"]
    assert isinstance(second[-1], Listed)
    assert len(second) == 4


async def test_another_author_in_the_declaration_makes_pages_be_read_again(site, pages):
    site.pages["/"] = page("Start")
    first = await crawl(pages, web_source(site.url("/")))
    second = await crawl(pages, web_source(site.url("/"), language="de"), Remembered(versions(first)))
    assert second[0].document.language == "de"


async def test_a_missing_page_is_skipped_and_a_broken_one_is_kept(site, pages):
    site.pages |= {"/": page("Start", "gone", "forbidden", "broken", "busy"), "/gone": replying(410)}
    site.pages |= {"/forbidden": replying(403), "/broken": replying(500), "/busy": replying(429, Retry_After="7200")}
    items = await crawl(pages, web_source(site.url("/"), depth=1))
    assert paths(items, Skipped) == ["/gone"]
    assert paths(items, Failed) == ["/broken", "/busy", "/forbidden"]
    assert isinstance(items[-1], Listed)
    assert site.count("/broken") == 3
    assert site.count("/busy") == 1
    assert "410 Gone" in next(item.reason for item in items if isinstance(item, Skipped))


async def test_what_lies_behind_a_page_that_failed_is_not_buried(site, pages):
    site.pages |= {"/": page("Start", "hub"), "/hub": replying(500), "/leaf": page("Leaf")}
    items = await crawl(pages, web_source(site.url("/"), depth=2))
    assert not any(isinstance(item, Listed) for item in items)


async def test_a_stored_page_that_fails_is_crawled_on_from_the_links_it_had(site, pages):
    site.pages |= {"/": page("Start", "hub"), "/hub": page("Hub", "leaf"), "/leaf": page("Leaf")}
    source = web_source(site.url("/"), depth=2)
    memory = Remembered(versions(await crawl(pages, source)))
    site.pages["/hub"] = replying(500)
    items = await crawl(pages, source, memory)
    assert paths(items, Same) == ["/", "/leaf"]
    assert paths(items, Failed) == ["/hub"]
    assert isinstance(items[-1], Listed)


async def test_a_first_page_that_cannot_be_had_fails_the_source(site, pages):
    site.pages |= {"/forbidden": replying(403), "/robots.txt": body(b"User-agent: *\nDisallow: /private", "text/plain")}
    for path, reason in (("/nothing", "404"), ("/forbidden", "403"), ("/private", "robots.txt")):
        with pytest.raises(SourceError, match=reason):
            await crawl(pages, web_source(site.url(path)))


async def test_max_pages_bounds_a_crawl_that_then_removes_nothing(site, pages):
    site.pages["/"] = page("Start", *[f"p{number}" for number in range(20)])
    site.pages |= {f"/p{number}": page(f"P{number}") for number in range(20)}
    items = await crawl(pages, web_source(site.url("/"), depth=1, max_pages=5))
    assert len(paths(items)) == 5
    assert not any(isinstance(item, Listed) for item in items)
    assert "max_pages" in items[-1].reason
    assert "16 more pages" in items[-1].reason


async def test_a_page_that_names_another_address_its_own_is_that_one_document(site, pages):
    head = '<link rel="canonical" href="/post">'
    site.pages |= {"/": page("Start", "/post?page=1", "/post?view=amp"), "/post": page("Post", head=head)}
    source = web_source(site.url("/"), depth=1)
    first = await crawl(pages, source)
    assert paths(first) == ["/", "/post"]
    second = await crawl(pages, source, Remembered(versions(first)))
    assert paths(second, Same) == ["/", "/post"]


async def test_a_canonical_link_to_another_host_or_to_nothing_is_not_believed(site, pages):
    site.pages |= {
        "/": page("Start", "a", "b", "c", head='<link rel="canonical" href="/">'),
        "/a": page("A", head='<link rel="canonical" href="https://evil.example/a">'),
        "/b": page("B", head='<link rel="canonical" href="/nothing">'),
        "/c": page("C", head='<link rel="canonical" href="/">'),
    }
    assert paths(await crawl(pages, web_source(site.url("/"), depth=1))) == ["/", "/a", "/b", "/c"]


@pytest.mark.parametrize("name", ["robots", "ROBOTS", "llm-twin"])
@pytest.mark.parametrize("words", ["noindex", "noarchive, NoIndex", "none"])
async def test_a_page_that_asks_not_to_be_kept_is_skipped_with_the_reason(site, pages, name, words):
    head = f'<meta name="{name}" content="{words}">'
    site.pages |= {"/": page("Start", "a"), "/a": page("A", head=head)}
    items = await crawl(pages, web_source(site.url("/"), depth=1))
    assert paths(items) == ["/"]
    assert paths(items, Skipped) == ["/a"]
    assert "noindex" in next(item.reason for item in items if isinstance(item, Skipped))
    assert isinstance(items[-1], Listed)


async def test_what_a_page_says_to_another_crawler_does_not_concern_us(site, pages):
    head = '<meta name="otherbot" content="noindex, nofollow"><meta name="description" content="noindex and none">'
    site.pages |= {"/": page("Start", "a", head=head), "/a": headed("otherbot: noindex, nofollow")}
    assert paths(await crawl(pages, web_source(site.url("/"), depth=1))) == ["/", "/a"]


async def test_a_copy_of_a_page_that_asks_not_to_be_kept_is_not_kept_for_it(site, pages):
    head = '<link rel="canonical" href="/post"><meta name="robots" content="noindex">'
    copy = page("Copy", head='<link rel="canonical" href="/post">')
    site.pages |= {"/": page("Start", "/post?view=amp"), "/post?view=amp": copy, "/post": page("Post", head=head)}
    assert paths(await crawl(pages, web_source(site.url("/"), depth=1))) == ["/"]


async def test_links_of_a_page_are_followed_unless_it_says_nofollow(site, pages):
    hidden, closed = ('<meta name="robots" content="noindex">', '<meta name="robots" content="nofollow">')
    site.pages |= {"/": page("Start", "hub", "end"), "/hub": page("Hub", "leaf", head=hidden), "/leaf": page("Leaf")}
    site.pages |= {"/end": page("End", "far", head=closed), "/far": page("Far")}
    source = web_source(site.url("/"), depth=2)
    first = await crawl(pages, source)
    assert paths(first) == ["/", "/end", "/leaf"]
    second = await crawl(pages, source, Remembered(versions(first)))
    assert paths(second, Same) == ["/", "/end", "/leaf"]
    assert site.count("/far") == 0
    assert isinstance(second[-1], Listed)


@pytest.mark.parametrize("tag", ["noindex", "llm-twin: noindex", "otherbot: nofollow, llm-twin: none"])
async def test_a_header_forbids_what_a_meta_tag_does(site, pages, tag):
    site.pages |= {"/": page("Start", "a", "b"), "/a": headed(tag), "/b": headed(tag, "text/plain")}
    items = await crawl(pages, web_source(site.url("/"), depth=1))
    assert paths(items) == ["/"]
    assert paths(items, Skipped) == ["/a", "/b"]


async def test_a_header_that_begins_to_forbid_takes_out_an_unchanged_page(site, pages):
    site.pages |= {"/": page("Start", "a"), "/a": page("A")}
    source = web_source(site.url("/"), depth=1)
    memory = Remembered(versions(await crawl(pages, source)))

    async def unchanged(_request):
        return web.Response(status=304, headers={"X-Robots-Tag": "noindex"})

    site.pages["/a"] = unchanged
    assert paths(await crawl(pages, source, memory), Skipped) == ["/a"]


def headed(tag, content_type="text/html"):
    return body(page("Headed").encode(), content_type, X_Robots_Tag=tag)


async def test_a_redirect_names_the_document_and_out_of_the_folder_it_is_skipped(site, pages):
    site.pages |= {
        "/notes/": page("Start", "old", "away"),
        "/notes/old": replying(301, Location="/notes/new"),
        "/notes/new": page("New"),
        "/notes/away": replying(302, Location="/login"),
        "/login": page("Login"),
    }
    source = web_source(site.url("/notes/"), depth=1)
    first = await crawl(pages, source)
    assert paths(first) == ["/notes/", "/notes/new"]
    assert paths(first, Skipped) == ["/notes/away"]
    assert paths(await crawl(pages, source, Remembered(versions(first))), Same) == ["/notes/", "/notes/new"]


async def test_what_is_no_page_is_skipped_with_its_reason(site, pages):
    site.pages |= {"/": page("Start", "data", "empty", "raw"), "/data": body(b"1,2", "application/octet-stream")}
    site.pages |= {"/empty": body(b""), "/raw": body(b"\x00\x01\x02", "")}
    items = await crawl(pages, web_source(site.url("/"), depth=1))
    reasons = {item.uri.rpartition("/")[2]: item.reason for item in items if isinstance(item, Skipped)}
    assert "application/octet-stream" in reasons["data"]
    assert "empty" in reasons["empty"]
    assert len(reasons) == 3


async def test_plain_text_and_markdown_are_documents_as_they_are(site, pages):
    site.pages["/note.md"] = body(b"# A note\n\n```py\nx = 1\n```\n", "text/markdown")
    items = await crawl(pages, web_source(site.url("/note.md")))
    assert items[0].document.title == "A note"
    assert "```py\nx = 1\n```" in items[0].document.text


async def test_a_pdf_is_a_document_and_asked_for_conditionally(site, pages):
    paper = made("Words of the paper.", Title="A paper", CreationDate="D:20240305100000Z")
    site.pages |= {"/": page("Start", "a.pdf", "b%20c.pdf"), "/a.pdf": tagged(paper)}
    site.pages["/b c.pdf"] = body(made("Untitled words."), "application/pdf")
    source = web_source(site.url("/"), depth=2)
    items = await crawl(pages, source)
    found = {item.document.title: item.document for item in items if isinstance(item, Found)}
    assert sorted(found) == ["A paper", "Start", "b c"]
    assert found["A paper"].text == "Words of the paper."
    assert found["A paper"].published.startswith("2024-03-05")
    again = await crawl(pages, source, Remembered(versions(items)))
    assert paths(again, Same) == ["/", "/a.pdf"]


async def test_a_pdf_that_is_broken_or_scanned_or_too_large_is_named_with_its_reason(site):
    site.pages |= {"/": page("Start", "broken", "scanned", "hidden", "large"), "/broken": body(b"%PDF-1.7", "application/pdf")}
    site.pages |= {"/scanned": body(made(""), "application/pdf"), "/large": body(b"%PDF" * 30_000, "application/pdf")}
    site.pages["/hidden"] = body(made("Hidden."), "application/pdf", X_Robots_Tag="noindex")
    async with HttpPages("llm-twin/0.1", delay=0, max_bytes=100_000) as bounded:
        items = await crawl(bounded, web_source(site.url("/"), depth=1))
    reasons = {item.uri.rpartition("/")[2]: item.reason for item in items if isinstance(item, Skipped | Failed)}
    assert paths(items, Failed) == ["/broken", "/large"]
    assert "broken PDF" in reasons["broken"]
    assert "larger than 100,000 bytes" in reasons["large"]
    assert "scanned pages?" in reasons["scanned"]
    assert "noindex" in reasons["hidden"]


def tagged(data):
    async def handle(request):
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=data, content_type="application/pdf", headers={"ETag": '"1"'})

    return handle


async def test_a_crawl_left_in_the_middle_stops_asking(site, pages):
    started, released = asyncio.Event(), asyncio.Event()

    async def hang(_request):
        started.set()
        await released.wait()
        return web.Response()

    site.pages |= {"/": page("Start", "a", "b"), "/a": page("A"), "/b": hang}
    source = web_source(site.url("/"), depth=1)
    async with aclosing(WebFetcher(pages).fetch(source, Remembered())) as items:
        await anext(items)
        await anext(items)
        await started.wait()
    asked = len(site.asked)
    released.set()
    assert not [task for task in asyncio.all_tasks() if "PageReader" in repr(task.get_coro())]
    assert len(site.asked) == asked


async def test_a_cancelled_crawl_leaves_no_task_behind(site, pages):
    started = asyncio.Event()

    async def hang(_request):
        started.set()
        await asyncio.Event().wait()

    site.pages |= {"/": page("Start", "b"), "/b": hang}
    task = asyncio.create_task(crawl(pages, web_source(site.url("/"), depth=1)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [other for other in asyncio.all_tasks() if "as_done" in repr(other) or "_one" in repr(other.get_coro())]
