"""Markdown and HTML of a report: everything is shown as text, whatever it holds."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.unit.release.making import report, rows, thresholds
from twin.release.gate import decide
from twin.release.report import Model
from twin.release.report_examples import examples
from twin.release.report_html import page, shown
from twin.release.report_markdown import markdown

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'`|\u202e\x1b[31m"


def hostile(text: str = HOSTILE):
    row = rows([0.5] * 20, [0.6] * 20)[0]
    bad = msgspec.structs.replace(
        row, id=text, document=text, question=text, reference=text, candidate=text, running=text, problems=(text,)
    )
    return report([bad, *rows([0.5] * 20, [0.6] * 20)[1:]], candidate=Model(name=text, digest=text), notes=(text,), made=text,
                  inputs={text: text, "dataset": text})  # fmt: skip


@pytest.mark.parametrize("judged", [True, False])
def test_untrusted_text_is_escaped_everywhere(judged: bool) -> None:
    made = hostile()
    found = page(made, decide(made, thresholds()) if judged else None)
    assert "<script" not in found
    assert "<img" not in found
    assert "\u202e" not in found
    assert "\x1b" not in found
    assert "&lt;script&gt;" in found
    assert not re.search(r"<[a-z][^>]*\s(?:src|href|action|on[a-z]+)\s*=", found)


def test_markdown_is_short_and_nothing_in_it_breaks_a_table_or_a_terminal() -> None:
    made = hostile("a|b\n# c <b>`x`\x1b[0m" * 50)
    found = markdown(made, decide(made, thresholds()))
    assert len(found) < 4000
    assert "<b>" not in found
    assert "\x1b" not in found
    assert "\n# c" not in found


def test_verdict_and_reasons_stand_on_top() -> None:
    made = report(rows([0.9] * 20, [0.6] * 20))
    verdict = decide(made, thresholds())
    assert markdown(made, verdict).startswith("Gate: refuse\n\n- style.delta: is worse, by up to 0.3")
    found = page(made, verdict)
    assert found.index("Refused") < found.index("style.delta: is worse") < found.index("Measures</h2>")
    assert "Gate: not judged yet" in markdown(made)


def test_every_plot_says_its_numbers() -> None:
    made = report(rows([0.9, 0.5] * 10, [0.6] * 20, per_document=2))
    found = page(made, decide(made, thresholds()))
    check = decide(made, thresholds()).checks[0]
    assert f">{check.low:+.3f} to {check.high:+.3f}</span>" in found
    assert "Gains of single questions, sorted: -0.300 to +0.100" in found
    assert "sorted: +0.000 to +0.000" in page(report(rows([0.6] * 20, [0.6] * 20)))


def test_page_of_a_report_without_any_score_is_drawn() -> None:
    nothing = report([])
    assert "Nothing was measured." in page(nothing)
    assert "no scores" in markdown(report(rows([None] * 6, [None] * 6)))
    verdict = decide(nothing, thresholds())
    assert "not judged" in page(nothing, verdict)


@pytest.mark.parametrize(
    "pair", [([0.0] * 9, [0.0] * 9), ([1e300] * 9, [-1e300] * 9), ([1e-300] * 9, [0.0] * 9), ([0.1], [0.2])]
)
def test_odd_numbers_can_be_drawn(pair) -> None:
    assert "nan" not in page(report(rows(*pair))).lower().replace("nanogpt", "")


def test_a_page_needs_nothing_else() -> None:
    found = page(report(rows([0.5] * 20, [0.6] * 20)))
    assert not re.search(r"https?://", found)
    assert "url(" not in found
    assert "@import" not in found


def test_examples_are_the_extremes_and_some_between() -> None:
    made = report(rows([n / 10 for n in range(20)], [1.0] * 20))
    chosen = examples(made, ["style.delta"])
    assert [one.row.id for one in chosen if "losses" in one.why] == ["q0019", "q0018", "q0017", "q0016"]
    assert {one.row.id for one in chosen if "gains" in one.why} == {"q0000", "q0001", "q0002", "q0003"}
    assert len({one.row.id for one in chosen}) == 12
    assert len(examples(report(rows([0.1, 0.2], [0.1, 0.1])), ["style.delta"])) == 2


def test_long_texts_are_cut_with_a_word_about_the_rest() -> None:
    assert shown("x" * 5000).endswith("… and 1,000 more characters")
    assert shown("👩‍🚀 ok\n\ttab") == "👩‍🚀 ok\n\ttab"
