import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.index.fakes import document
from twin.index.chunk import Limits, chunk, embedded_text
from twin.records import Kind

SMALL = Limits(article=120, post=60, repository=100)
MARKS = ["# Title\n", "## Sub\n\n", "```\n", "~~~py\n", "- item\n", "| a | b |\n", "def f():\n", "@decorated\n", "# comment\n"]
SPACES = ["\n", "\n\n", "    ", "\t", "\u00a0", "\r\n", "\u2028", "\x0b"]
WORDS = ["word ", "A sentence. ", "é漢字🎉", "class A:\n    pass\n", "x" * 150, "func (", ")"]
PIECES = st.sampled_from(MARKS + SPACES + WORDS)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=40).map("".join)
URIS = st.sampled_from(
    ["https://example.org/a", "https://example.org/a.py", "repo/README.md", "repo/main.go", "repo/Makefile", "repo/a.ipynb"]
)


@given(text=TEXTS, uri=URIS, kind=st.sampled_from(list(Kind)))
@settings(max_examples=200, deadline=None)
def test_chunks_cover_what_is_not_white_space_exactly_once_within_the_limit(text, uri, kind):
    chunks = chunk(document(uri, text, kind=kind), SMALL)
    covered = [0] * len(text)
    for one in chunks:
        assert one.text == text[one.span[0] : one.span[1]]
        assert 0 < len(one.text) <= SMALL.of(kind)
        assert one.text.strip()
        for at in range(*one.span):
            covered[at] += 1
    assert all(n == 1 for n, c in zip(covered, text, strict=True) if not c.isspace())
    assert all(n <= 1 for n in covered)
    assert [one.position for one in chunks] == list(range(len(chunks)))
    assert len({one.id for one in chunks}) == len(chunks)


@given(text=TEXTS, uri=URIS)
@settings(max_examples=50, deadline=None)
def test_the_same_document_always_gives_the_same_chunks(text, uri):
    one = document(uri, text, kind=Kind.REPOSITORY)
    assert chunk(one, SMALL) == chunk(replace(one), SMALL)


def paragraphs(*changed):
    texts = [f"Paragraph {n} says something of its own about subject {n}, at some length, and then it ends." for n in range(8)]
    for at, text in changed:
        texts[at] = text
    return "\n\n".join(f"## Part {n}\n\n{text}" for n, text in enumerate(texts))


def test_passages_keep_their_ids_when_another_one_changes():
    before = chunk(document("u", paragraphs()), SMALL)
    after = chunk(document("u", paragraphs((3, "Rewritten."))), SMALL)
    kept = {one.id for one in before} & {one.id for one in after}
    assert len(kept) == len(before) - 1


def test_equal_passages_of_one_document_have_ids_of_their_own():
    chunks = chunk(
        document("u", "\n\n".join(["The very same paragraph, said again and again, at quite some length."] * 4)), SMALL
    )
    assert len({one.text for one in chunks}) == 1
    assert len({one.id for one in chunks}) == len(chunks) == 4


def test_equal_passages_of_two_documents_have_different_ids():
    assert chunk(document("u", "Hello."), SMALL)[0].id != chunk(document("v", "Hello."), SMALL)[0].id


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t\n", "\u00a0"])
def test_nothing_but_white_space_gives_no_chunk(text):
    assert chunk(document("u", text), SMALL) == []


def test_short_texts_are_kept():
    assert [one.text for one in chunk(document("u", "Yes.", kind=Kind.POST), SMALL)] == ["Yes."]


def test_a_passage_knows_the_headings_above_it_and_not_those_in_code():
    text = "# One\n\nText one.\n\n```sh\n# no heading\n```\n\n## Two ##\n\nText two.\n\n# C#\n\nText three."
    paths = {one.text.splitlines()[-1]: one.heading for one in chunk(document("u", text), Limits(article=30))}
    assert paths["Text one."] == ("One",)
    assert paths["Text two."] == ("One", "Two")
    assert paths["Text three."] == ("C#",)
    assert not any("no heading" in name for path in paths.values() for name in path)


def test_a_heading_as_long_as_a_document_is_not_repeated_whole():
    chunks = chunk(document("u", "# " + "word " * 20_000 + "\n\nText."), Limits())
    assert max(len(embedded_text(one)) for one in chunks) < 1500 + 300


def test_code_is_cut_at_its_definitions():
    text = "".join(f"# About {name}.\n@wrapped\ndef {name}():\n    return '{name * 20}'\n\n\n" for name in "abcd")
    chunks = chunk(document("repo/x.py", text, kind=Kind.REPOSITORY), SMALL)
    assert [re.findall(r"def (\w)", one.text) for one in chunks] == [["a"], ["b"], ["c"], ["d"]]
    assert all(one.text.startswith("# About") for one in chunks)


def test_the_first_line_of_a_block_keeps_its_indentation():
    text = "class A:\n" + "\n\n".join(f"    def m{n}(self):\n        return {n}" + " + 1" * 12 for n in range(4))
    for one in chunk(document("repo/x.py", text, kind=Kind.REPOSITORY), SMALL):
        assert text[: one.span[0]].rpartition("\n")[2].strip() == ""
        assert one.span[0] == 0 or one.text.startswith("    ") or text[one.span[0] - 1] != "\n"


COMMENTED = "# build everything\n\nall: lib\n\n# the library\n\nlib:\n\tmake -C lib\n" + "\techo built\n" * 20


@pytest.mark.parametrize(
    "name", ["Makefile", "Dockerfile", ".ci/run", ".gitignore", "bin/deploy", "x.py", "docs/Makefile?ref=a.md"]
)
def test_a_comment_of_a_program_is_no_heading(name):
    chunks = chunk(document(f"git+file:///repo//{name}", COMMENTED, kind=Kind.REPOSITORY), SMALL)
    assert len(chunks) > 1
    assert {one.heading for one in chunks} == {()}


@pytest.mark.parametrize(
    "name",
    [
        "README",
        "LICENSE",
        "docs/CHANGELOG",
        "page.mdx",
        "page.MD",
        "notebook.ipynb",
        "paper.pdf",
        "notes.txt",
        "a.md?ref=v1.py",
    ],
)
def test_a_text_in_a_repository_is_cut_as_one_and_knows_its_headings(name):
    text = "# Setting up\n\n" + "A sentence of some words. " * 8 + "\n\n```python\n# no heading\nx = 1\n```\n"
    chunks = chunk(document(f"git+file:///repo//{name}", text, kind=Kind.REPOSITORY), SMALL)
    assert len(chunks) > 1
    assert {one.heading for one in chunks} == {("Setting up",)}


def test_definitions_name_the_place_of_a_passage():
    text = (
        "class Store:\n    def write(self):\n        '''"
        + "w" * 90
        + "'''\n\n    def read(self):\n        '''"
        + "r" * 80
        + "'''\n"
    )
    chunks = chunk(document("repo/x.py", text, kind=Kind.REPOSITORY), SMALL)
    (reading,) = [one for one in chunks if "rrr" in one.text]
    assert reading.heading[0] == "Store"


HUGE = {
    "one line without a space": "x" * 500_000,
    "one line of words": "word " * 100_000,
    "only headings below no title": "### a\n" * 100_000,
    "a heading of #": "# " + "#" * 500_000 + "x",
    "only decorators": "@a\n" * 200_000,
    "open brackets": "func (\n" * 100_000,
    "only fences": "```\n" * 100_000,
}


@pytest.mark.parametrize("uri", ["u", "repo/x.py"])
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_huge_and_hostile_texts_are_cut_without_taking_quadratic_time(text, uri):
    kind = Kind.REPOSITORY if uri.endswith(".py") else Kind.ARTICLE
    chunks = chunk(document(uri, text, kind=kind), Limits())  # a quadratic step takes minutes here: the suite's timeout ends it
    assert sum(len("".join(one.text.split())) for one in chunks) == len("".join(text.split()))


def test_five_megabytes_in_one_line_are_cut_without_losing_a_character():
    text = "A line that never ends, " * 200_000
    chunks = chunk(document("u", text), Limits())
    assert sum(len("".join(one.text.split())) for one in chunks) == len("".join(text.split()))
    assert max(len(one.text) for one in chunks) <= Limits().article
