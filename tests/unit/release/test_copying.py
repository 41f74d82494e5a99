"""Copying: found by a fast index exactly as a slow search finds it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from twin.release.measures import copying
from twin.release.measures.words import words

WORD = st.sampled_from(["a", "b", "c", "d"])
TEXT = st.lists(WORD, max_size=60).map(" ".join)


def slowly(texts: list[str], answer: str) -> tuple[float, int]:
    found = words(answer)
    joined = [" " + " ".join(words(text)) + " " for text in texts]
    copied, longest = [False] * len(found), 0
    for start in range(len(found)):
        for end in range(len(found), start + copying.RUN - 1, -1):
            if any(f" {' '.join(found[start:end])} " in text for text in joined):
                copied[start:end] = [True] * (end - start)
                longest = max(longest, end - start)
                break
    return (sum(copied) / len(copied) if copied else 0.0), longest


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXT, max_size=4), TEXT, st.data())
def test_the_index_finds_what_a_slow_search_finds(texts: list[str], answer: str, data) -> None:
    if texts and (source := data.draw(st.sampled_from(texts)).split()):
        start = data.draw(st.integers(0, len(source)))
        answer = " ".join([*answer.split()[:10], *source[start:], *answer.split()[10:]])
    found = copying.score(copying.learn(texts), answer)
    share, longest = slowly(texts, answer)
    assert (round(found.share, 9), found.longest) == (round(share, 9), longest)


def test_blanks_case_and_punctuation_hide_no_copy() -> None:
    texts = copying.learn(["The index is rebuilt only when its recipe changes, never in place."])
    found = copying.score(texts, "the INDEX\nis rebuilt -- only when its recipe changes!")
    assert (found.share, found.longest) == (1.0, 9)


def test_a_run_across_two_texts_is_no_copy_and_short_texts_have_none() -> None:
    texts = copying.learn(["one two three four five", "six seven eight nine ten"])
    assert copying.score(texts, "one two three four five six seven eight nine ten") == copying.Copied(0.0, 0)
    assert copying.score(texts, "") == copying.Copied(0.0, 0)
    assert copying.score(copying.learn([]), "word " * 50) == copying.Copied(0.0, 0)


def test_a_text_that_repeats_itself_without_end_costs_no_more() -> None:
    texts = copying.learn(["again " * 300_000])
    assert copying.score(texts, "again " * 1_000) == copying.Copied(1.0, 1_000)
