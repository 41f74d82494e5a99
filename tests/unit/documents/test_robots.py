"""robots.txt as RFC 9309 reads it, and never an error or a slow match, whatever it holds."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.documents.robots import Robots, parse_robots

AGENT = "llm-twin/0.1 (+https://example.org)"


def allows(text: str, path: str) -> bool:
    return parse_robots(text, AGENT).allows(f"https://example.org{path}")


def test_the_group_that_names_us_is_taken_and_not_that_of_everybody():
    text = "User-agent: *\nDisallow: /\n\nUser-agent: LLM-Twin\nDisallow: /private"
    assert allows(text, "/notes")
    assert not allows(text, "/private/x")


def test_groups_that_name_us_twice_are_one():
    text = "User-agent: llm-twin\nDisallow: /a\nUser-agent: other\nDisallow: /\nUser-agent: llm-twin/2.0\nDisallow: /b"
    assert not allows(text, "/a")
    assert not allows(text, "/b")
    assert allows(text, "/c")


def test_agents_in_a_row_share_a_group():
    text = "User-agent: one\nUser-agent: llm-twin\n\n# between\nDisallow: /a\nUser-agent: two\nDisallow: /b"
    assert not allows(text, "/a")
    assert allows(text, "/b")


def test_a_name_that_only_begins_like_ours_is_another():
    assert allows("User-agent: llm\nDisallow: /", "/a")
    assert allows("User-agent: llm-twins\nDisallow: /", "/a")


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("Allow: /a\nDisallow: /a", "/a", True),
        ("Disallow:", "/a", True),
        ("Disallow: /", "/a", False),
        ("Disallow: /*.pdf$", "/x/y.pdf", False),
        ("Disallow: /*.pdf$", "/x/y.pdf?z", True),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /a*b*c", "/a1b2c3", False),
        ("Disallow: /a*b*c$", "/abc1c", False),
        ("Disallow: /a*b*c$", "/abc1", True),
        ("Disallow: *secret", "/my/secret/x", False),
        ("Disallow: /?q=", "/?q=1", False),
        ("Disallow: /%7Euser", "/~user/x", False),
        ("Disallow: /ü", "/%C3%BC", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("Disallow: /A", "/a", True),
        ("disallow : /a # because", "/a", False),
        ("Disallow: /", "/robots.txt", True),
        ("Disallow: /\nAllow: /$", "/", True),
        ("Disallow: /\nAllow: /$", "/x", False),
    ],
)
def test_the_longest_rule_that_fits_decides(rules, path, expected):
    assert allows(f"User-agent: *\n{rules}", path) is expected


def test_rules_before_any_agent_belong_to_nobody():
    assert allows("Disallow: /\nUser-agent: other\nDisallow: /", "/a")


def test_a_sitemap_line_does_not_end_a_group():
    assert not allows("User-agent: *\nSitemap: https://example.org/s.xml\nDisallow: /a", "/a")


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("0.5", 0.5), ("-1", 0), ("nan", 0), ("1e9", 0), ("x", 0), ("", 0), ("٣", 0)]
)
def test_crawl_delay_is_a_plain_number_of_seconds(value, seconds):
    assert parse_robots(f"User-agent: *\nCrawl-delay: {value}", AGENT).delay == seconds


def test_windows_line_ends_and_a_byte_order_mark_change_nothing():
    assert not allows("\ufeffUser-agent: *\r\nDisallow: /a\r\n", "/a")
    assert not allows("User-agent: *\rDisallow: /a\r", "/a")


def test_nothing_and_html_in_its_place_allow_everything():
    assert allows("", "/a")
    assert allows("<!doctype html><html><body>404: not found</body></html>", "/a")


def test_a_pattern_made_to_be_slow_is_not():
    robots = parse_robots("User-agent: *\nDisallow: /" + "a*" * 200 + "b$\n" * 1, AGENT)
    start = time.process_time()
    assert robots.allows("https://example.org/" + "a" * 2000)
    assert time.process_time() - start < 1


@given(st.text(max_size=400), st.text(max_size=60))
def test_no_robots_txt_raises(text, path):
    for whole in (text, f"User-agent: *\nDisallow: {text}\nAllow: {path}"):
        robots = parse_robots(whole, AGENT)
        assert isinstance(robots, Robots)
        assert robots.allows(f"https://example.org/{path}") in (True, False)


@given(st.text(alphabet="ab*$/", min_size=1, max_size=8), st.text(alphabet="ab/", max_size=10))
def test_a_pattern_matches_what_its_regular_expression_matches(pattern, path):
    import re

    inner = pattern.removesuffix("$")
    expression = ".*".join(re.escape(piece) for piece in re.sub(r"\*+", "*", inner).split("*")) + (
        r"\Z" if pattern.endswith("$") else ""
    )
    if "$" in inner:
        return  # a dollar inside is a plain character, escaped on one side only
    expected = re.match(expression, f"/{path}") is None
    assert allows(f"User-agent: *\nDisallow: {pattern}", f"/{path}") is (expected or f"/{path}" == "/robots.txt")
