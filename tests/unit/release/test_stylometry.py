"""Style: the author's own texts are near, others are far, whatever the length."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from twin.release.measures import stylometry

FUNCTION = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "it",
    "was",
    "for",
    "on",
    "with",
    "as",
    "his",
    "they",
    "at",
    "be",
    "this",
    "from",
]
OTHER = [
    "by",
    "but",
    "not",
    "what",
    "all",
    "were",
    "we",
    "when",
    "your",
    "can",
    "said",
    "there",
    "use",
    "an",
    "each",
    "which",
    "she",
    "do",
    "how",
    "their",
]
TOPICS = [f"noun{n}" for n in range(400)]


def writing(words: list[str], seed: int, count: int, *, marks: str = ".", sentence: int = 12, common: float = 0.5) -> str:
    dice = random.Random(seed)
    out = []
    for at in range(1, count + 1):
        chosen = (
            dice.choice(words[: 1 + min(dice.randrange(20), dice.randrange(20))])
            if dice.random() < common
            else dice.choice(TOPICS)
        )
        out.append(chosen + (dice.choice(marks) if at % max(2, int(dice.gauss(sentence, 3))) == 0 else ""))
    return " ".join(out)


@pytest.fixture(scope="module")
def style() -> stylometry.Style:
    made = stylometry.learn([writing(FUNCTION, seed, 500) for seed in range(12)])
    assert made is not None
    return made


def mean(style: stylometry.Style, measure: str, texts: list[str]) -> float:
    return statistics.mean(stylometry.score(style, text)[measure] for text in texts)


@pytest.mark.parametrize("length", [15, 60, 250])
@pytest.mark.parametrize("measure", ["delta", "ngrams"])
def test_text_by_the_same_hand_is_nearer_than_another_hands_at_every_length(style, measure: str, length: int) -> None:
    own = mean(style, measure, [writing(FUNCTION, seed, length) for seed in range(100, 130)])
    other = mean(style, measure, [writing(OTHER, seed, length) for seed in range(100, 130)])
    assert abs(own) < 0.08
    assert other > own + 0.02


def test_text_without_the_authors_frequent_words_is_no_nearer_for_being_short(style) -> None:
    bare = [writing(FUNCTION, seed, 12, common=0.0) for seed in range(30)]
    own = [writing(FUNCTION, seed, 12) for seed in range(200, 230)]
    assert mean(style, "delta", bare) > mean(style, "delta", own) + 0.1


def test_other_punctuation_and_other_sentences_are_far(style) -> None:
    own = [writing(FUNCTION, seed, 150) for seed in range(300, 320)]
    assert (
        mean(style, "punctuation", [writing(FUNCTION, s, 150, marks="!?;", sentence=4) for s in range(20)])
        > mean(style, "punctuation", own) + 0.05
    )
    assert (
        mean(style, "sentences", [writing(FUNCTION, s, 150, sentence=60) for s in range(20)])
        > mean(style, "sentences", own) + 1
    )


@pytest.mark.parametrize("text", ["", " \n", "...", "\u200b", "[1]"])
def test_a_text_without_a_word_is_as_far_as_can_be(style, text: str) -> None:
    assert stylometry.score(style, text) == {"delta": 1.0, "punctuation": 1.0, "ngrams": 1.0, "sentences": stylometry.FARTHEST}


def test_too_little_of_an_author_is_no_style() -> None:
    assert stylometry.learn([writing(FUNCTION, 1, 300)]) is None
    assert stylometry.learn([]) is None


def test_scripts_without_blanks_and_odd_text_have_numbers(style) -> None:
    for text in ("。".join(["これは文です"] * 40), "a" * 100_000, "\ud800 x", "é" * 7, "🙂 ok", "١٢٣ مرحبا"):
        assert all(math.isfinite(value) and abs(value) < 100 for value in stylometry.score(style, text).values())
    made = stylometry.learn(["これは文です。 " * 3000])
    assert made is not None
    assert stylometry.score(made, "これは文です。")["delta"] < stylometry.score(made, "totally different words")["delta"]
