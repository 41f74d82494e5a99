"""Tables in whatever width there is: nothing is cut, nothing is wider than the room, and what does not fit is stacked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from twin.cli.tables import lines

COLUMNS = ("", "index", "chunks", "created", "note")
ROWS = [
    ("live", "minilm-l6-v2.c2.cfc384", "18231", "2026-11-28T03:43:18", ""),
    ("", "minilm-l6-v2.c2.5a1232", "69", "2026-11-27T21:00:00", ""),
]
text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp", "Mn", "Me", "Cf")), max_size=60)


def test_where_there_is_room_a_row_is_a_line_and_numbers_stand_right():
    assert lines(COLUMNS, ROWS, 80, right=("chunks",)) == [
        "      index                   chunks  created              note",
        "─" * 63,
        "live  minilm-l6-v2.c2.cfc384   18231  2026-11-28T03:43:18",
        "      minilm-l6-v2.c2.5a1232      69  2026-11-27T21:00:00",
    ]


def test_columns_without_a_value_go_first():
    head, *_ = lines(COLUMNS, ROWS, 57, right=("chunks",))
    assert head.split() == ["index", "chunks", "created"]


def test_where_no_table_fits_records_are_stacked_and_no_date_is_broken():
    assert lines(COLUMNS, ROWS, 40, right=("chunks",)) == [
        "live minilm-l6-v2.c2.cfc384",
        "  chunks 18231",
        "  created 2026-11-28T03:43:18",
        "minilm-l6-v2.c2.5a1232",
        "  chunks 69",
        "  created 2026-11-27T21:00:00",
    ]


def test_a_long_text_is_folded_at_words_and_the_others_stay_whole():
    told = lines(("check", "finding"), [("index", "no index is live: run `twin index build --switch`")], 30)
    assert told[2:] == ["index  no index is live: run", "       `twin index build", "       --switch`"]


def test_piped_every_line_is_whole():
    uri = "https://example.org/" + "long/" * 100
    assert lines(("id", "uri"), [("1", uri)], None)[2] == f"1   {uri}"


def test_a_cell_of_several_lines_keeps_them():
    told = lines(("check", "finding"), [("release", "line 1: wrong\nline 2: wrong, too")], 60)
    assert told[2:] == ["release  line 1: wrong", "         line 2: wrong, too"]


@given(st.lists(st.tuples(text, text, text), min_size=1, max_size=4), st.integers(24, 120))
def test_no_line_is_wider_than_the_room_and_no_character_is_lost(rows, room):
    told = lines(("id", "title", "uri"), rows, room)
    assert all(cell_len(line) <= room for line in told)
    shown = set("".join(told))
    assert all(set("".join(cell.split())) <= shown for row in rows for cell in row)
