import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.documents.clean import CLEANING_VERSION, clean
from twin.records import Author, Document, Kind


def document(text, kind=Kind.ARTICLE, title="Title"):
    return Document(uri="u:1", source="s", kind=kind, title=title, text=text, author=Author("a", "A"))


def cleaned(text, kind=Kind.ARTICLE):
    return clean(document(text, kind)).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth\ufeff so\u00adft", "zerowidth soft"),
        ("right\u202e to left", "right to left"),
        ("bell\x07 and\x00 nul", "bell and nul"),
        ("hard\xa0space", "hard space"),
        ("trailing   \nspaces\t\n", "trailing\nspaces"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("\n\n  \na\n\n", "a"),
        ("half \ud800 character", "half \ufffd character"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
        ("", ""),
        ("word", "word"),
    ],
)
def test_prose_loses_what_no_reader_sees(before, after):
    assert cleaned(before) == after


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_code_in_a_fence_keeps_every_character(fence):
    code = f"{fence}python\ndef f():   \n\n\n\n\n\tx = 'e\u0301\u200b\xa0'\n{fence}"
    assert cleaned(f"a  \n\n{code}\n\nb  ") == f"a\n\n{code}\n\nb"


def test_indented_code_keeps_every_character():
    assert cleaned("a:\n\n    x = 1  \n      y\xa0\n\nb  ") == "a:\n\n    x = 1  \n      y\xa0\n\nb"


def test_code_in_a_quotation_or_list_is_code():
    assert cleaned("- a  \n  ```\n  x  \n  ```\n  b  ") == "- a\n  ```\n  x  \n  ```\n  b"


def test_files_of_a_repository_keep_everything_but_line_ends():
    assert cleaned("\tx = 1  \r\n\r\n\r\n\r\n\r\n    y\u200b\r\n", Kind.REPOSITORY) == "\tx = 1  \n\n\n\n\n    y\u200b"


def test_the_content_hash_stays_the_stored_one():
    before = document("a  \r\n", title=" two\n words ")
    after = clean(before)
    assert (after.content_hash, after.title) == (before.content_hash, "two words")


def test_a_clean_document_is_itself():
    before = document("clean")
    assert clean(before) is before


def test_the_version_is_short_enough_for_the_name_of_an_index():
    assert CLEANING_VERSION.startswith("c")
    assert CLEANING_VERSION.isalnum()


fragments = st.text(max_size=12) | st.sampled_from(
    [
        "```",
        "\n",
        "\n\n",
        "    ",
        "\t",
        "~~~",
        "\u200b",
        "\xa0",
        "\u2028",
        "\r",
        "- ",
        "> ",
        "````",
        "\ud800",
        "\x0c",
        "e\u0301",
        "\u1fef",
        "1. ",
    ]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(fragments, max_size=25).map("".join), st.sampled_from(list(Kind)), st.text())
def test_cleaning_twice_is_cleaning_once(text, kind, title):
    once = clean(document(text, kind, title))
    assert clean(once) == once
    once.text.encode()


@settings(max_examples=200, deadline=None)
@given(
    st.text(),
    st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp", "Cn"), blacklist_characters="`~\x85"), max_size=80),
)
def test_a_fenced_block_comes_out_as_it_went_in(before, code):
    block = f"```\n{code}\n```"
    assert block in cleaned(f"{before.replace('`', '').replace('~', '')}\n\nx\n\n{block}\n\nafter")
