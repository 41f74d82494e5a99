"""Headings and definitions above a passage."""

from twin.index.outline import Outline

PROGRAM = '''\
class Store:
    """Keeps."""

    def open(self):
        return 1

    # closed twice is closed once
    @final
    def close(self):
        return 2


@lru_cache
def splitter():
    return 3
'''


def heading(text: str, start: str) -> tuple[str, ...]:
    at = text.index(start)
    return Outline.of_code(text).path(at, at + len(start))


def test_decorators_and_comments_above_a_definition_are_a_part_of_it():
    assert heading(PROGRAM, "    # closed twice") == ("Store", "close")
    assert heading(PROGRAM, "    @final") == ("Store", "close")
    assert heading(PROGRAM, "@lru_cache") == ("splitter",)


def test_a_comment_that_a_blank_line_parts_from_a_definition_stays_with_what_is_before_it():
    text = PROGRAM.replace("once\n", "once\n\n")
    assert heading(text, "    # closed twice") == ("Store", "open")


def test_the_body_of_a_definition_stands_below_its_name():
    assert heading(PROGRAM, "        return 1") == ("Store", "open")
    assert heading(PROGRAM, "    return 3") == ("splitter",)
