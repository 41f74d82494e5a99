"""An answer -> how far its style is from the author's own texts, in four ways: 0 is the author's own, and 1 in `sentences`.

`delta` compares the frequencies of the author's most frequent words (Burrows, "Delta", Literary and Linguistic Computing 17,
2002; culled, as Hoover does, to those that half of the author's pieces use: function words, in whatever language) by the cosine
(Smith and Aldridge, "Improving Authorship Attribution", Journal of Quantitative Linguistics 18, 2011). `punctuation` does the
same with marks, `ngrams` with character trigrams (Stamatatos, JASIST 60, 2009). Frequencies of words and marks are divided by
their standard deviation in drawing (the root of the mean), and not centred: with one author the mean is what is compared with.
A short text is far from any profile, so each distance is less what the author's own texts of that length have.
`sentences` is the squared z-score of the mean logarithm of sentence lengths. A text without a word is as far as can be.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.release.measures.words import sentences, words

Floats = npt.NDArray[np.float64]
Features = Callable[[str], Counter[str]]

PIECE = 400  # words
MOST_PIECES = 500  # taken evenly; more words make no style clearer
LEAST_WORDS = 2_000  # of the author's; fewer say nothing about a style
MOST_FREQUENT, CULLED = 150, 0.5  # words at most, and the share of pieces that each must be in
MOST_GRAMS = 20_000
FARTHEST = 9.0  # of `sentences`: three standard deviations
MARKS = frozenset(".,;:!?()[]{}'\"`-–—…/*_#|<>=+&%$@~\\^。、，；：！？「」")
RARE = 0.01  # the share of marks below which one mark counts no more for being rarer
GRAM = 3
LENGTHS = (25, 50, 100, 200, 400, 800, 1600)  # characters, at which the author's own distance is known
DRAWN = 40  # texts of each length


@dataclass(frozen=True, slots=True)
class Profile:
    """A unit vector of features and how far the author's own texts of LENGTHS are from it."""

    weights: dict[str, float]  # what a feature's count is multiplied with
    unknown: float  # the same for a feature that the author never has
    vector: dict[str, float]
    own: Floats

    def distance(self, counts: Counter[str], length: int) -> float:
        """The cosine distance of a text of `length` characters, less the author's own."""
        return self.apart(counts) - float(np.interp(math.log(length), np.log(LENGTHS), self.own))

    def apart(self, counts: Counter[str]) -> float:
        """The plain cosine distance, 1 for what has no feature."""
        weights, vector = self.weights, self.vector
        dot = square = 0.0
        for name, count in counts.items():
            value = count * weights.get(name, self.unknown)
            dot += value * vector.get(name, 0.0)
            square += value * value
        return 1.0 - dot / math.sqrt(square) if square else 1.0


@dataclass(frozen=True, slots=True)
class Style:
    """What is usual for an author. `sentence` is the mean of log lengths, its variance between pieces, that of one sentence."""

    words: Profile
    marks: Profile
    grams: Profile
    sentence: tuple[float, float, float]


def learn(texts: Iterable[str]) -> Style | None:
    """The style of `texts`; None when they have fewer than LEAST_WORDS words."""
    pieces = _pieces(texts)
    pieces = pieces[:: math.ceil(len(pieces) / MOST_PIECES)] if pieces else []
    counted = [_words(piece) for piece in pieces]
    if sum(counts.total() for counts in counted) < LEAST_WORDS:
        return None
    used = Counter(name for counts in counted for name in counts)
    culled = {name for name, times in used.items() if times >= CULLED * len(pieces)} or set(used)
    samples = _samples(pieces)
    return Style(
        _profile(_words, _most(counted, MOST_FREQUENT, culled), samples, lambda share: share**-0.5 if share else 0.0),
        _profile(_marks, _most(map(_marks, pieces), len(MARKS)), samples, lambda share: (share + RARE) ** -0.5),
        _profile(_grams, _most(map(_grams, pieces), MOST_GRAMS), samples, lambda _: 1.0),
        _sentence_lengths(pieces),
    )


def score(style: Style, text: str) -> dict[str, float]:
    """`delta`, `punctuation`, `ngrams` and `sentences` of `text`."""
    counts = _words(text)
    if not counts:
        return {"delta": 1.0, "punctuation": 1.0, "ngrams": 1.0, "sentences": FARTHEST}
    return {
        "delta": style.words.distance(counts, len(text)),
        "punctuation": style.marks.distance(_marks(text), len(text)),
        "ngrams": style.grams.distance(_grams(text), len(text)),
        "sentences": _sentence_distance(style.sentence, text),
    }


def _words(text: str) -> Counter[str]:
    return Counter(words(text))


def _marks(text: str) -> Counter[str]:
    return Counter(character for character in text if character in MARKS)


def _grams(text: str) -> Counter[str]:
    plain = " ".join(text.split()).casefold()
    return Counter(plain[at : at + GRAM] for at in range(max(1, len(plain) - GRAM + 1)))


def _most(counted: Iterable[Counter[str]], most: int, allowed: set[str] | None = None) -> dict[str, float]:
    """The most frequent features and their shares."""
    total: Counter[str] = Counter()
    for counts in counted:
        total.update(counts)
    ranked = sorted((-count, name) for name, count in total.items() if allowed is None or name in allowed)[:most]
    return {name: -count / total.total() for count, name in ranked}


def _profile(
    features: Features, shares: dict[str, float], samples: Sequence[Sequence[str]], weight: Callable[[float], float]
) -> Profile:
    """The profile of features with such `shares`; `weight` says what one of a share counts."""
    weights = {name: weight(share) for name, share in shares.items()}
    length = math.sqrt(sum((share * weights[name]) ** 2 for name, share in shares.items())) or 1.0
    vector = {name: share * weights[name] / length for name, share in shares.items()}
    bare = Profile(weights, weight(0.0), vector, np.zeros(len(LENGTHS)))
    own = [float(np.mean([bare.apart(features(text)) for text in texts])) for texts in samples]
    return Profile(bare.weights, bare.unknown, bare.vector, np.array(own))


def _samples(pieces: Sequence[str]) -> list[list[str]]:
    """Texts of each of LENGTHS, cut evenly from all pieces."""
    text = "".join(pieces)
    cut = []
    for length in LENGTHS:
        last = max(len(text) - length, 0)
        starts = sorted({round(at * last / (DRAWN - 1)) for at in range(DRAWN)})
        cut.append([text[start : start + length] for start in starts])
    return cut


def _pieces(texts: Iterable[str]) -> list[str]:
    """The texts one after the other, cut again after every PIECE words; a short rest belongs to the last piece."""
    parts = [part for text in texts for part in _with_blanks(text)]
    cut = ["".join(parts[at : at + PIECE]) for at in range(0, len(parts), PIECE)]
    if len(cut) > 1 and 0 < len(parts) % PIECE < PIECE // 2:
        cut[-2:] = ["".join(cut[-2:])]
    return cut


def _with_blanks(text: str) -> list[str]:
    """`text` in words, each with the blanks behind it; the last ends a paragraph."""
    parts: list[str] = []
    for line in text.splitlines():
        if found := line.split():
            parts += [f"{word} " for word in found[:-1]] + [f"{found[-1]}\n"]
        elif parts:
            parts[-1] = f"{parts[-1].rstrip()}\n\n"
    return [*parts[:-1], f"{parts[-1].rstrip()}\n\n"] if parts else []


def _log_lengths(text: str) -> Floats:
    return np.log([len(found) for found in sentences(text)] or [1])


def _sentence_lengths(pieces: Sequence[str]) -> tuple[float, float, float]:
    lengths = [_log_lengths(piece) for piece in pieces]
    every = np.concatenate(lengths)
    within = max(float(np.var(every)), 1e-3)
    means = np.array([one.mean() for one in lengths])
    drawn = within * float(np.mean([1 / len(one) for one in lengths]))
    return float(every.mean()), max(float(np.var(means)) - drawn, 0.0), within


def _sentence_distance(usual: tuple[float, float, float], text: str) -> float:
    lengths = _log_lengths(text)
    mean, between, within = usual
    return min(FARTHEST, float((lengths.mean() - mean) ** 2) / (between + within / len(lengths)))
