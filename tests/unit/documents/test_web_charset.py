"""Bytes of a page -> text when header, page and bytes disagree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.documents.charset import decode_page

GERMAN = "<p>Grüße aus Köln, schöne Straße — naïve café</p>"


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (GERMAN.encode(), "utf-8"),
        (GERMAN.encode(), ""),
        (GERMAN.encode(), "iso-8859-1"),  # the header is wrong
        (GERMAN.encode("cp1252"), "iso-8859-1"),  # which browsers read as Windows-1252
        (GERMAN.encode("cp1252"), "utf-8; the header is wrong"),
        (GERMAN.encode("utf-8-sig"), "ascii"),
        (GERMAN.encode("utf-16"), "utf-8"),
        (GERMAN.encode("utf-16-be"), "utf-16be"),
        (b'<meta charset="windows-1252">' + GERMAN.encode("cp1252"), ""),
        (b'<?xml version="1.0" encoding="windows-1252"?>' + GERMAN.encode("cp1252"), "no-such-charset"),
    ],
)
def test_a_page_is_read_as_it_was_written(body, header):
    assert GERMAN in decode_page(body, header)


@pytest.mark.parametrize(
    ("charset", "text"),
    [("shift_jis", "日本語のテキスト"), ("gb2312", "中文网页内容"), ("koi8-r", "Привет, мир"), ("euc-kr", "안녕하세요")],
)
def test_a_declared_charset_is_believed_where_utf8_does_not_fit(charset, text):
    body = f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={charset}"></head>{text}'.encode(charset)
    assert text in decode_page(body, "")
    assert text in decode_page(text.encode(charset), charset)


def test_a_charset_that_nobody_declares_is_guessed():
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 20
    assert decode_page(text.encode("cp1251")) == text


def test_utf8_with_one_broken_byte_keeps_the_rest():
    assert decode_page(GERMAN.encode() + b"\xff", "utf-8").startswith(GERMAN)


@pytest.mark.parametrize(
    "name",
    ["rot13", "hex", "base64", "zip", "punycode", "utf-7", "unicode_escape", "\x00", "idna", "mbcs", "undefined", "x" * 500],
)
def test_a_codec_that_is_no_charset_of_pages_is_not_used(name):
    assert decode_page(b"<p>plain +AGE- \\u0061</p>", name) == "<p>plain +AGE- \\u0061</p>"


@given(st.binary(max_size=300), st.text(max_size=20))
def test_no_bytes_and_no_header_raise(body, header):
    assert isinstance(decode_page(body, header), str)


@given(st.text(max_size=200))
def test_utf8_comes_back_as_it_was(text):
    clean = text.encode("utf-8", "ignore").decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if clean and not clean.startswith(("\ufeff", "\ufffe")) and "<" not in clean:
        assert decode_page(clean.encode(), "") == clean
