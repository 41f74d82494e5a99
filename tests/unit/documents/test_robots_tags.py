"""What pages say to crawlers, in the forms in which they say it."""

from __future__ import annotations

import pytest

from twin.documents.robots_tags import Permit, permit


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ("noindex", Permit(index=False)),
        ("NOFOLLOW", Permit(follow=False)),
        ("none", Permit(index=False, follow=False)),
        ("noindex,nofollow", Permit(index=False, follow=False)),
        ("noindex nofollow", Permit(index=False, follow=False)),
        ("index, follow, noarchive, max-snippet:-1, nosnippet", Permit()),
        ("", Permit()),
    ],
)
def test_a_meta_tag_and_a_header_say_the_same(said, allowed):
    assert permit("llm-twin", [("robots", said)]) == allowed
    assert permit("llm-twin", headers=[said]) == allowed


def test_the_strictest_of_several_counts():
    assert permit("llm-twin", [("robots", "index"), ("LLM-Twin", "nofollow")], ["noindex"]) == Permit(False, False)


@pytest.mark.parametrize("header", ["otherbot: noindex", "otherbot: noindex, nofollow", "otherbot: none, thirdbot: none"])
def test_a_header_for_another_crawler_is_not_for_us(header):
    assert permit("llm-twin", headers=[header]) == Permit()


def test_a_word_with_a_value_is_no_crawlers_name():
    assert permit("llm-twin", headers=["unavailable_after: 25 Jun 2030 15:00:00 PST, noindex"]) == Permit(index=False)
    assert permit("llm-twin", headers=["max-image-preview:large, nofollow"]) == Permit(follow=False)
