import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dataset.fakes import document, essay
from twin.dataset.extract import extracts
from twin.dataset.filters import own_words
from twin.dataset.structural import examples
from twin.records import Kind


def made(text, uri="u", kind=Kind.ARTICLE, title="Tombstones"):
    return [one for part in extracts(document(uri, text, kind=kind, title=title)) for one in examples(part)]


def by_rule(found, rule):
    return [one for one in found if one.origin == f"structural:{rule}"]


def test_a_section_answers_what_its_heading_asks():
    body = "A tombstone remembers a document that is gone, for as long as an index may still hold its passages."
    (one,) = by_rule(made(f"# Notes\n\n## Tombstones in SQLite\n\n{body}"), "heading")
    assert "Tombstones in SQLite" in one.instruction
    assert one.answer == body
    assert (one.document, one.author, one.source) == (document("u", "").id, "ada", "blog")


def test_the_first_paragraph_sums_a_document_up():
    first = "Documents go, and an index must forget them. This is how the store says so, and what the index does about it."
    (one,) = by_rule(made(f"# Tombstones\n\n{first}\n\n## More\n\nShort."), "summary")
    assert one.answer == first
    assert "Tombstones" in one.instruction


def test_a_list_answers_what_the_line_before_it_asks():
    items = "- the store writes a tombstone for it\n- the index removes its passages\n- the trace keeps what was cited once"
    text = f"# Gone\n\nA document that is gone passes three places, each of which must hear of it in turn.\n\nThe places are:\n\n{items}\n\nThat is all there is to it."
    (one,) = by_rule(made(text), "list")
    assert one.answer == items
    assert "The places are" in one.instruction


def test_text_without_headings_is_continued():
    text = "Nobody reads tombstones in a database. " + "They stand there for the index, which must forget what is gone. " * 3
    (one,) = by_rule(made(text), "passage")
    assert "Nobody reads tombstones in a database." in one.instruction
    assert one.answer.startswith("They stand there")


def test_a_post_is_what_the_author_would_write():
    (one,) = made("Tombstones are underrated.", kind=Kind.POST)
    assert (one.answer, one.origin) == ("Tombstones are underrated.", "structural:post")


PYTHON = '''"""Where documents are kept, and how long.

Knows no index.
"""

import os


class Store(Base):
    """Keeps documents in one file, and tombstones beside them."""

    async def bury(
        self, uris: Sequence[str], *, now: Callable[[], float] = (time.time)
    ) -> None:
        """Put a tombstone where a document was.

            Nested text keeps its indentation.
        Raises StoreError.
        """
        return None

    def short(self):
        """Short."""
'''


def test_docstrings_document_what_they_stand_in():
    module, store, bury = by_rule(made(PYTHON, "repo/store.py", Kind.REPOSITORY), "docstring")
    assert module.answer == "Where documents are kept, and how long.\n\nKnows no index."
    assert "`class Store(Base)`" in store.instruction
    assert "async def bury( self, uris: Sequence[str]" in bury.instruction
    assert bury.answer == "Put a tombstone where a document was.\n\n    Nested text keeps its indentation.\nRaises StoreError."


def test_comments_document_functions_of_other_languages():
    text = "package store\n\n// Bury puts a tombstone where a document was,\n// and says whether there was one.\nfunc Bury(uri string) bool {\n"
    (one,) = made(text, "repo/store.go", Kind.REPOSITORY)
    assert one.answer == "Bury puts a tombstone where a document was,\nand says whether there was one."
    assert "`func Bury(uri string) bool`" in one.instruction


@pytest.mark.parametrize("title", ["{author}", "{0}", "%s", "a } b {", "“quoted”"])
def test_a_title_is_words_whatever_it_looks_like(title):
    found = made(f"# {title}\n\n" + "It is about something that takes a few words to say, here they are. " * 3, title=title)
    assert found
    assert all(title in one.instruction for one in found if one.origin == "structural:heading")


@given(
    st.lists(
        st.sampled_from(
            [*PYTHON.splitlines(keepends=True), "# H\n", "- a\n", "1. b\n", "\n", "'''", '"""', "word. " * 30, "é漢"]
        ),
        max_size=40,
    ).map("".join),
    st.sampled_from(["u", "x.py", "x.go"]),
)
@settings(max_examples=150, deadline=None)
def test_every_answer_is_in_the_authors_own_words_and_always_the_same(text, uri):
    kind = Kind.REPOSITORY if "." in uri else Kind.ARTICLE
    found = made(text, uri, kind)
    assert found == made(text, uri, kind)
    for one in found:
        squeezed = "".join(one.extract.replace("/", "").split())
        assert "".join(one.answer.replace("/", "").split()) in squeezed


@pytest.mark.parametrize(
    "hostile",
    [
        "def f(" * 300,
        "- " * 900,
        "(" * 1900,
        "class A:\n" * 200,
        '"""' * 600,
        "// x\n" * 390,
        "a.\n- b\n" * 250,
        "- a\n\n" * 380,
    ],
)
@pytest.mark.parametrize("uri", ["u", "x.py"])
def test_hostile_text_takes_no_time(hostile, uri):
    made(hostile * 20, uri, Kind.REPOSITORY if "." in uri else Kind.ARTICLE)


def test_wordings_differ_between_answers():
    found = by_rule(
        made("\n\n".join(essay(name) for name in ("queues", "gardens", "violins", "harbours", "saddles"))), "heading"
    )
    assert len({one.instruction.split()[0] for one in found}) >= 3
    assert not any(own_words(one) for one in found)
