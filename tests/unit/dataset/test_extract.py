import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dataset.fakes import document
from twin.dataset.extract import MOST, extracts, headings
from twin.records import Kind

PIECES = st.sampled_from(
    [
        "# Title\n",
        "## Sub\n\n",
        "```\n",
        "~~~py\n",
        "- item\n",
        "| a | b |\n",
        "def f():\n",
        "\n\n",
        "    ",
        "\r\n",
        "\u2028",
        "é漢字🎉",
        "word " * 90,
        "x" * 2500,
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=30).map("".join)


@given(text=TEXTS, kind=st.sampled_from(list(Kind)))
@settings(max_examples=150, deadline=None)
def test_extracts_hold_every_character_that_is_not_white_space_once_and_in_order(text, kind):
    found = list(extracts(document("repo/x.py", text, kind=kind)))
    assert all(one.text.strip() and len(one.text) <= MOST for one in found)
    assert "".join("".join(one.text for one in found).split()) == "".join(text.split())
    assert [one.position for one in found] == list(range(len(found)))


def test_extracts_of_a_long_text_have_between_1000_and_2000_characters():
    text = "\n\n".join(f"## Part {n}\n\n" + "This sentence says something about the part. " * (n % 7 + 1) for n in range(80))
    lengths = [len(one.text) for one in extracts(document("u", text))]
    assert max(lengths) <= 2000
    assert min(lengths[:-1]) >= 900  # white space at the ends is not counted


def test_a_text_of_a_million_characters_without_any_boundary_is_cut():
    found = list(extracts(document("u", "x" * 1_000_000)))
    assert sum(len(one.text) for one in found) == 1_000_000
    assert max(len(one.text) for one in found) <= MOST


def test_an_extract_knows_the_headings_above_it_and_not_those_in_code():
    text = "# One\n\n" + "Words of one. " * 120 + "\n\n```sh\n# no heading\n```\n\n## Two ##\n\n" + "Words of two. " * 120
    found = list(extracts(document("u", text)))
    assert found[0].heading == ("One",)
    assert found[-1].heading == ("One", "Two")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("# A\n\n### B\n## C #\n", ["A", "B", "C"]),
        ("#no\n####### no\n # no\n", []),
        ("````\n# in\n```\n# in\n````\n# out", ["out"]),
        ("~~~\n# in\n", []),
    ],
)
def test_headings_are_those_of_markdown(text, names):
    assert [one.name for one in headings(text)] == names


def test_a_comment_of_code_that_is_cut_in_two_is_no_heading():
    code = "\n".join(f"# step {n}\nmake step-{n}" for n in range(200))
    found = list(extracts(document("u", f"# Steps\n\n```sh\n{code}\n```\n\n# After\n\nDone.")))
    assert len(found) > 2
    assert [one.name for part in found for one in part.headings] == ["Steps", "After"]
    for part in found:
        assert all(part.text[one.start : one.end].lstrip("# ") == one.name for one in part.headings)


def test_a_heading_of_a_million_spaces_takes_no_time():
    assert headings("# " + " " * 1_000_000 + "x" + "# " * 500_000)[0].level == 1
