import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.documents.reading import reason
from twin.documents.text import NotTextError, decode, first_heading, is_blank, printable, title_of


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_in_every_unicode_charset(charset):
    assert decode("Zürich\r\nist schön\r".encode(charset)) == "Zürich\nist schön\n"


def test_binary_is_named_as_such():
    with pytest.raises(NotTextError, match="NUL"):
        decode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(NotTextError, match="not UTF-8 at byte 2"):
        decode(b"ab\xff")
    with pytest.raises(NotTextError, match="utf-16"):
        decode(b"\xff\xfea")


def test_another_charset_is_guessed_only_when_asked():
    latin = "Die Bücher stehen im Schrank über der Tür, und größer wird er nicht.".encode("cp1252")
    assert decode(latin, guess=True).startswith("Die Bücher stehen")
    with pytest.raises(NotTextError):
        decode(latin)


def test_random_bytes_are_no_text():
    with pytest.raises(NotTextError):
        decode(bytes(range(1, 32)) * 20 + b"\xff\xfe\xfd", guess=True)


@given(st.binary(max_size=200), st.booleans())
def test_decoding_gives_text_or_a_reason(data, guess):
    text = ""
    with reason(NotTextError) as given:
        text = decode(data, guess=guess)
    assert "\r" not in text
    assert all(given)


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("# One\n\n# Two", "One"),
        ("text\n\n## **Bold** and `code` ##\n", "Bold and code"),
        ("```\n# comment\n```\n\n# Title", "Title"),
        ("Title\n=====\n\ntext", "Title"),
        ("=====\nTitle\n=====\n", "Title"),
        ("[![badge](b.svg)](x)\n\n# [Name](https://x) <img src=y>", "Name"),
        ("a table\n\n| a |\n|---|\n", ""),
        ("para one\npara two\n---\n", ""),
        ("#hashtag\n#!/bin/sh", ""),
        ("", ""),
    ],
)
def test_the_first_heading_is_found(text, heading):
    assert first_heading(text) == heading


def test_only_prose_is_named_after_its_heading():
    assert title_of("# Guide", "docs/guide.md") == "Guide"
    assert title_of("# a comment", "run.py") == "run.py"
    assert title_of("no heading", "a/b.md") == "a/b.md"


def test_blank_is_what_shows_nothing():
    assert is_blank(" \n\t\u200b\ufeff\x00")
    assert not is_blank("x")


def test_names_are_made_printable():
    assert printable("a\nb\udcff\u202e") == "a\ufffdb?\ufffd"
