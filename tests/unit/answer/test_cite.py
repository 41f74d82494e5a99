import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.answer.cite import CitationParser

PIECES = [
    "[1]",
    "[2]",
    "[99]",
    "[1, 2]",
    "[1,99]",
    "[2-3]",
    " ",
    "\n",
    "`",
    "``",
    "```",
    "~~~",
    "[",
    "]",
    "(",
    "a",
    "1",
    ",",
    "word",
    "\n\n",
    "[0]",
    "é",
    "  ",
]


def parse(parts, passages=3):
    parser = CitationParser(passages)
    out = "".join(parser.feed(part) for part in parts) + parser.close()
    return out, parser


@pytest.mark.parametrize(
    ("text", "said", "numbers", "dropped"),
    [
        ("Cats sleep [1].", "Cats sleep [1].", [1], 0),
        ("Cats [1, 2] sleep", "Cats [1][2] sleep", [1, 2], 0),
        ("Cats[1][2]", "Cats[1][2]", [1, 2], 0),
        ("A range [1-3] here", "A range [1][2][3] here", [1, 2, 3], 0),
        ("Invented [9].", "Invented.", [], 1),
        ("Half [1, 9].", "Half [1].", [1], 1),
        ("Twice [2, 2]", "Twice [2]", [2], 0),
        ("`items[1]` and `x[9]`", "`items[1]` and `x[9]`", [], 0),
        ("``a ` [9]`` [1]", "``a ` [9]`` [1]", [1], 0),
        ("unclosed ` tick [9] [1]", "unclosed ` tick [1]", [1], 1),
        ("```python\nx = a[1]\ny[9]\n```\nDone [2]", "```python\nx = a[1]\ny[9]\n```\nDone [2]", [2], 0),
        ("~~~\n[9]\n~~~~\n[9]", "~~~\n[9]\n~~~~\n", [], 1),
        ("```\n[9] never closed", "```\n[9] never closed", [], 0),
        ("```x``` [9]", "```x```", [], 1),
        ("see [1](http://evil.test)", "see(http://evil.test)", [], 1),
        ("[not a marker] [a1] []", "[not a marker] [a1] []", [], 0),
        ("items[0] stays", "items[0] stays", [], 0),
        ("a year [2024] stays", "a year [2024] stays", [], 0),
        ("[ 1 ]", "[1]", [1], 0),
        ("[1", "[1", [], 0),
        ("[" * 50, "[" * 50, [], 0),
        ("", "", [], 0),
    ],
)
def test_markers_are_checked_and_placed(text, said, numbers, dropped):
    out, parser = parse([text])
    assert out == said
    assert [mark.number for mark in parser.marks] == numbers
    assert parser.dropped == dropped
    assert [out[mark.start : mark.end] for mark in parser.marks] == [f"[{n}]" for n in numbers]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.data())
def test_the_same_comes_out_however_the_text_is_cut(text, data):
    whole, parser = parse([text])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    parts = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])]
    cut, again = parse(parts)
    assert (cut, again.marks, again.dropped) == (whole, parser.marks, parser.dropped)
    assert [cut[m.start : m.end] for m in again.marks] == [f"[{m.number}]" for m in again.marks]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_the_same_comes_out_a_character_at_a_time(text):
    whole, parser = parse([text])
    single, again = parse(list(text))
    assert (single, again.marks) == (whole, parser.marks)


@given(st.text(alphabet="ab .,\n", max_size=80))
def test_text_without_markers_is_untouched(text):
    assert parse(list(text))[0] == text


def test_plain_text_is_given_out_at_once():
    parser = CitationParser(3)
    assert parser.feed("Plain words") == "Plain words"
    assert parser.feed(" and [") == " and"
    assert parser.feed("1] more") == " [1] more"


def test_a_very_long_line_of_backticks_or_brackets_takes_linear_time():
    out, _ = parse(["`[" * 20_000])
    assert out == "`[" * 20_000
