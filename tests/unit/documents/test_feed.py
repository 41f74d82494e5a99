"""Feeds as they come: broken, hostile, of every kind; and no parser that loads or unfolds what they name."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.documents.feed_parse import FeedFormatError, parse_feed

URL = "https://example.org/feed.xml"
SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def rss(items: str, before: str = "") -> bytes:
    return f'<?xml version="1.0"?>{before}<rss version="2.0"><channel><title>B</title>{items}</channel></rss>'.encode()


def test_each_address_is_named_once_and_entries_without_one_are_counted():
    feed = parse_feed(rss("<item><link>/a</link></item><item><link>/a#x</link></item><item><title>no link</title></item>"), URL)
    assert [entry.url for entry in feed.entries] == ["https://example.org/a"]
    assert feed.nameless == 1
    assert not feed.complete


def test_a_guid_that_is_an_address_stands_for_a_missing_link():
    feed = parse_feed(rss('<item><guid isPermaLink="false">https://example.org/g</guid></item>'), URL)
    assert feed.entries[0].url == "https://example.org/g"


def test_plain_text_content_keeps_its_paragraphs_and_its_angle_brackets():
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="/a"/>'
        '<content type="text">one &lt; two\n\nthree</content></entry></feed>'
    )
    assert parse_feed(body.encode(), URL).entries[0].html == "<p>one &lt; two</p><p>three</p>"


def test_entities_of_a_feed_are_neither_loaded_nor_unfolded(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("TOPSECRET")
    bomb = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(9))
    doctype = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}">{bomb}]>'
    item = "<item><link>/a</link><title>T &x;</title><description>&l8;</description></item>"
    feed = parse_feed(rss(item, doctype), URL)
    assert "TOPSECRET" not in repr(feed)
    assert len(repr(feed)) < 2000


def test_entities_of_a_sitemap_are_neither_loaded_nor_unfolded(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("https://example.org/TOPSECRET")
    bomb = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(9))
    body = (
        f'<!DOCTYPE urlset [<!ENTITY x SYSTEM "file://{secret}">{bomb}]><urlset {SITEMAP}><url><loc>&x;</loc></url>'
        "<url><loc>https://example.org/&l8;</loc></url><url><loc>https://example.org/a</loc></url></urlset>"
    )
    try:
        feed = parse_feed(body.encode(), URL)
    except FeedFormatError:
        return
    assert "TOPSECRET" not in repr(feed)
    assert len(repr(feed)) < 2000


def test_an_images_address_in_a_sitemap_is_no_page():
    body = (
        f'<urlset {SITEMAP} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url>'
        "<image:image><image:loc>https://example.org/a.png</image:loc></image:image>"
        "<loc> https://example.org/a </loc></url></urlset>"
    )
    assert [entry.url for entry in parse_feed(body.encode(), URL).entries] == ["https://example.org/a"]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_sitemap_that_breaks_off_is_refused_because_it_does_not_name_everything(cut):
    body = f"<urlset {SITEMAP}><url><loc>https://example.org/a</loc></url></urlset>".encode()
    with pytest.raises(FeedFormatError, match="broken sitemap"):
        parse_feed(body[:-cut], URL)


def test_a_gzip_bomb_in_place_of_a_sitemap_is_refused():
    with pytest.raises(FeedFormatError, match="unfolds to more than"):
        parse_feed(gzip.compress(bytes(60 << 20)), URL)


def test_a_gzipped_sitemap_that_breaks_off_is_refused():
    whole = gzip.compress(f"<urlset {SITEMAP}><url><loc>https://example.org/a</loc></url></urlset>".encode())
    with pytest.raises(FeedFormatError, match="ends early"):
        parse_feed(whole[:-9], URL)


def test_a_sitemap_of_more_than_its_protocol_allows_is_refused(monkeypatch):
    monkeypatch.setattr("twin.documents.feed_parse.MOST_ENTRIES", 50)
    body = f"<urlset {SITEMAP}>" + "".join(f"<url><loc>https://e.org/{n}</loc></url>" for n in range(52)) + "</urlset>"
    with pytest.raises(FeedFormatError, match="more than 50 addresses"):
        parse_feed(body.encode(), URL)


def test_a_bare_name_is_read_and_an_account_or_address_is_no_name():
    def author(text: str) -> str:
        return parse_feed(rss(f"<item><link>/a</link><author>{text}</author></item>"), URL).entries[0].author

    assert author("ada@example.org (Ada Author)") == "Ada Author"
    assert author("ada@example.org") == ""
    assert author("admin") == ""


PIECES = st.sampled_from(
    ["<rss>", "<channel>", "<item>", "</item>", "<link>", "/a", "</link>", "<title>", "&amp;", "&nbsp;", "<![CDATA[", "]]>", "<!--",
     "<feed xmlns='http://www.w3.org/2005/Atom'>", "<entry>", "<content type='xhtml'>", "<div>", "<updated>", "2025-13-45", "<pubDate>",
     "Mon, 99 Foo", "<urlset>", "<url>", "<loc>", "</loc>", "</url>", "</urlset>", "http://[", "\x00", "é", "<a href='http://[x'>", "<guid>",
     "<?xml version='1.0' encoding='utf-16'?>", "<?xml encoding='bogus'?>", "<!DOCTYPE x [", "<!ENTITY a 'b'>", "]>", "<author>", "<name>"]
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=25), st.sampled_from(["", "text/xml", "text/html; charset=bogus"])
)
def test_whatever_a_feed_holds_it_is_parsed_or_refused(parts, content_type):
    body = "".join(parts).encode("utf-8", "surrogatepass")
    for data in (body, b"<rss version='2.0'><channel><item><link>/a</link>" + body):
        try:
            feed = parse_feed(data, URL, content_type)
        except FeedFormatError:
            continue
        assert all(entry.url.startswith("http") for entry in feed.entries)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data):
    for body in (data, b"\x1f\x8b\x08" + data, b"<rss>" + data):
        try:
            parse_feed(body, URL)
        except FeedFormatError:
            continue
