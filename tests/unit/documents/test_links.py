"""One page, one URL: spellings, tracking, folders, and what a page's HTML points to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.documents.links import canonical, folder_of, is_page, links_of, normal, same_host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a#b", "https://example.org/a"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("https://example.org/a/./b/../c", "https://example.org/a/c"),
        ("https://example.org/../../x", "https://example.org/x"),
        ("https://example.org/a/..", "https://example.org/"),
        ("https://example.org/a//b", "https://example.org/a//b"),
        ("https://example.org/%7euser/%e4%bd%a0?q=%3d", "https://example.org/~user/%E4%BD%A0?q=%3D"),
        ("https://example.org/a b?q=c d", "https://example.org/a%20b?q=c%20d"),
        ("https://example.org/100%", "https://example.org/100%25"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://user:secret@example.org/", "https://example.org/"),
        ("https://example.org./", "https://example.org/"),
        ("http://[::1]:80/", "http://[::1]/"),
        (" https://example.org/a\n/b ", "https://example.org/a/b"),
        ("https://example.org/?", "https://example.org/"),
    ],
)
def test_a_url_has_one_spelling(url, expected):
    assert normal(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "x", "/a", "ftp://example.org/", "mailto:a@example.org", "javascript:alert(1)", "data:text/html,x", "http://", "http:///x",
     "http://[::1", "http://example.org:99999/", "http://exa mple.org/", "http://a\x00b/", "https://" + "a" * 3000, "http://ex%61mple/"],
)  # fmt: skip
def test_what_is_no_web_address_is_empty(url):
    assert normal(url) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://e.org/?utm_source=a&id=7&fbclid=x", "https://e.org/?id=7"),
        ("https://medium.com/p/1?source=rss-abc------2", "https://medium.com/p/1"),
        ("https://e.org/?source=book&b=2&a=1", "https://e.org/?source=book&b=2&a=1"),
        ("https://e.org/?UTM_Campaign=z", "https://e.org/"),
        ("https://e.org/?page=2#comments", "https://e.org/?page=2"),
    ],
)
def test_what_only_tracks_readers_is_dropped_and_the_rest_keeps_its_order(url, expected):
    assert canonical(url) == expected


@given(st.text(max_size=200))
def test_any_text_is_a_url_or_none_and_twice_is_once(text):
    for url in (text, f"http://{text}", f"https://example.org/{text}", f"https://example.org/?{text}"):
        made = canonical(url)
        assert made == "" or made.startswith(("http://", "https://"))
        assert canonical(made) == made
        assert made.isascii()
        assert made.isprintable()


@given(st.text(max_size=80), st.text(max_size=80))
def test_resolving_never_raises(base, link):
    assert isinstance(normal(link, f"https://example.org/{base}"), str)


def test_the_folder_of_a_page_is_what_a_crawl_stays_below():
    assert folder_of("https://e.org/notes/") == "https://e.org/notes/"
    assert folder_of("https://e.org/notes/a.html?x=/y/") == "https://e.org/notes/"
    assert folder_of("https://e.org/") == "https://e.org/"


def test_images_and_archives_are_no_pages():
    assert not is_page("https://e.org/a.PNG?x=1")
    assert is_page("https://e.org/a.html")
    assert is_page("https://e.org/v1.2")


def test_www_is_no_other_host():
    assert same_host("https://www.e.org/a", "http://e.org/b")
    assert not same_host("https://e.org/", "https://e.org.evil.example/")


def test_links_are_resolved_against_the_base_and_named_once():
    html = '<base href="/docs/"><a href="a">1</a><a href="a#x">2</a><a href="/b">3</a><a rel="nofollow" href="c">4</a><a>5</a>'
    assert links_of(html, "https://e.org/x").pages == ("https://e.org/docs/a", "https://e.org/b")


def test_feeds_and_the_canonical_address_are_found():
    html = (
        '<link rel="alternate" type="application/atom+xml" href="/atom.xml"><link rel="canonical" href="https://e.org/post">'
        '<link rel="stylesheet" href="/x.css">'
    )
    found = links_of(html, "https://e.org/post?x=1")
    assert found.feeds == ("https://e.org/atom.xml",)
    assert found.canonical == "https://e.org/post"


@pytest.mark.parametrize("own", ["https://evil.example/a", "https://e.org/", "javascript:x", "", "https://e.org/a"])
def test_a_canonical_address_that_would_take_the_page_away_is_not_believed(own):
    assert links_of(f'<link rel="canonical" href="{own}"><p>x', "https://e.org/a").canonical == ""


@given(st.text(max_size=300))
def test_any_html_has_links_or_none(text):
    for html in (text, f"<a href='{text}'>", f"<base href='{text}'><a href=x>", f"<link rel=canonical href='{text}'>"):
        links_of(html, "https://example.org/")


def test_deeply_nested_html_is_survived():
    links_of("<div>" * 100_000 + "<a href=x>", "https://example.org/")
