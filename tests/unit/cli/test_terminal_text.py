"""What untrusted text becomes before it is printed: harmless to a terminal, and otherwise as it was written."""

import pytest

from twin.cli.output import safe


@pytest.mark.parametrize(
    "text",
    [
        "10\u00a0km, 5\u202f%",  # spaces that do not break
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f \U0001f3f4\U000e0067\U000e0062\U000e007f",  # a family, a heart, a flag
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a zero-width non-joiner
        "\u05d0\u05d1\u200f!",  # Hebrew, with a mark that says where it reads on
        "soft\u00adhyphen, \u3000wide, tab\tand\nline",
    ],
)
def test_ordinary_text_is_printed_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize("code", [0x00, 0x07, 0x08, 0x0D, 0x1B, 0x7F, 0x85, 0x9B, 0x202A, 0x202E, 0x2066, 0x2069, 0xD800])
def test_what_drives_a_terminal_or_turns_text_around_is_replaced(code: int) -> None:
    assert safe(f"a{chr(code)}[31mb") == "a\ufffd[31mb"
