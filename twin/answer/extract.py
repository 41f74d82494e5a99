"""A question and passages -> the best sentences of the passages, each cited: the answer when no model is configured.

Sentences are scored by the similarity of their vectors and by shared words, and chosen by maximal marginal relevance, so that
none says what another said. Nothing close enough is an honest "nothing found". Knows no server; vectors come from the embedder
of the index.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from twin.answer.ports import Piece, TextEmbedder
from twin.answer.sentences import Sentence, sentences
from twin.answer.tokens import estimate
from twin.records import Passage, Usage

SENTENCES = 6
_CANDIDATES = 32  # sentences that are embedded: the rest share the fewest words with the question
_LEAST = 0.3  # score below which a sentence says nothing about the question: tests/bench/quality
_NEAR = 0.72  # of the best score: weaker sentences would only dilute the answer
_DIVERSITY = 0.3
_SAME = 0.93  # similarity from which two sentences say the same
_SHORT_WORD = 3
_CODE_READ = 300  # characters of a block that its vector is made from: long texts are what embedding costs
_SOURCE_WISH = re.compile(r"\b(?:code|snippet|implement\w*|function|class|method|definition|show me)\b", re.IGNORECASE)
_BLOCK_WISH = re.compile(
    r"\b(?:example|command|syntax|script|configur\w*|set up|yaml|toml|json|how (?:do|can|to)\b)", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+")
_IDENTIFIER = re.compile(r"\w+(?:[_.-]\w+)+")
_NAME = re.compile(r"(?<=[\w,;'\"] )[A-Z][A-Za-z]{2,}")  # a capital within a sentence
_NAME_MISSING = 0.15
_STEM = 5  # letters by which an inflected name is known again
_STOP = frozenset(
    _WORD.findall(
        """a about an and are as at be by can did do does for from had has have how i in is it its me my of on or our please
        show tell than that the their them there these they this to was we were what when where which who why will with would
        you your"""
    )
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of passage `number`, how well it answers in about [0, 1], and its unit vector."""

    number: int
    sentence: Sentence
    score: float
    vector: Sequence[float]


async def extract(question: str, passages: Sequence[Passage], embedder: TextEmbedder) -> AsyncGenerator[Piece, None]:
    """The answer in pieces of a sentence, each with its marker. Yields nothing when no sentence is close enough.

    Raises EmbeddingError.
    """
    chosen = choose(await candidates(question, passages, embedder))
    texts = list(lines(chosen))
    for text in texts:
        yield Piece(text=text)
    if texts:
        completion = sum(estimate(text) for text in texts)
        yield Piece(finish_reason="stop", usage=Usage(prompt=estimate(question), completion=completion, estimated=True))


async def candidates(question: str, passages: Sequence[Passage], embedder: TextEmbedder) -> list[Candidate]:
    """Scored sentences of all passages; code blocks only when the question asks for code."""
    wants_source = bool(_SOURCE_WISH.search(question))
    wants_block = wants_source or bool(_BLOCK_WISH.search(question))
    asked = words(question)
    pool: list[tuple[float, int, Sentence]] = []
    seen: set[str] = set()
    for number, passage in enumerate(passages, start=1):
        for sentence in sentences(passage.chunk):
            said = sentence.text + sentence.code
            wanted = not sentence.code or (wants_source if sentence.source else wants_block)
            if said in seen or not wanted:
                continue
            seen.add(said)
            pool.append((overlap(asked, said), number, sentence))
    pool.sort(key=lambda item: (-item[0], item[1], item[2].position))
    pool = pool[:_CANDIDATES]
    if not pool:
        return []
    import numpy as np

    texts = [_in_context(sentence, passages[number - 1]) for _, number, sentence in pool]
    vectors = np.asarray(await embedder.embed([question, *texts]))
    strange = [_names_missing(question, passage) for passage in passages]
    return [
        Candidate(number, sentence, _score(shared, number, sentence, dot(vectors[0], vector)) - strange[number - 1], vector)
        for (shared, number, sentence), vector in zip(pool, vectors[1:], strict=True)
    ]


def choose(found: Sequence[Candidate], limit: int = SENTENCES) -> list[Candidate]:
    """At most `limit` by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), at most one block of code."""
    best = max((c.score for c in found), default=0.0)
    pool = [c for c in found if c.score >= max(_LEAST, best * _NEAR)]
    chosen: list[Candidate] = []
    while pool and len(chosen) < limit:
        pick = max(pool, key=lambda c: c.score - _DIVERSITY * max((dot(c.vector, o.vector) for o in chosen), default=0.0))
        chosen.append(pick)
        pool = [c for c in pool if c is not pick and not (c.sentence.code and pick.sentence.code) and not _says(c, pick)]
    return chosen


def lines(chosen: Sequence[Candidate]) -> list[str]:
    """The chosen as text: passages in the order of their best sentence, sentences in the passage's order, code last."""
    order: dict[int, float] = {}
    for candidate in chosen:
        order[candidate.number] = max(order.get(candidate.number, 0.0), candidate.score)
    ranked = sorted(chosen, key=lambda c: (bool(c.sentence.code), -order[c.number], c.number, c.sentence.position))
    out: list[str] = []
    for at, candidate in enumerate(ranked):
        before = ranked[at - 1] if at else None
        same = before is not None and before.number == candidate.number and not candidate.sentence.code
        gap = "" if before is None else " " if same else "\n\n"
        if candidate.sentence.code:
            lead = (
                f"{candidate.sentence.text} [{candidate.number}]" if candidate.sentence.text else f"From [{candidate.number}]:"
            )
            out.append(f"{gap}{lead}\n\n{candidate.sentence.code}\n")
        else:
            out.append(f"{gap}{_sentence(candidate.sentence.text)} [{candidate.number}]")
    return out


def words(text: str) -> set[str]:
    """Words that carry meaning, lower case, without a plural's s."""
    low = text.casefold()
    plain = {w[:-1] if w.endswith("s") and len(w) > _SHORT_WORD else w for w in _WORD.findall(low) if w not in _STOP}
    return plain | set(_IDENTIFIER.findall(low))


def overlap(asked: set[str], text: str) -> float:
    """The share of the question's words that `text` has; an identifier counts whole and in its parts."""
    return len(asked & words(text)) / len(asked) if asked else 0.0


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine of two unit vectors."""
    import numpy as np

    return float(np.dot(a, b))


def _in_context(sentence: Sentence, passage: Passage) -> str:
    """A sentence below its heading, as a reader meets it."""
    heading = passage.chunk.heading[-1] if passage.chunk.heading else ""
    said = "\n".join(part for part in (sentence.text, sentence.code[:_CODE_READ]) if part)
    return f"{heading}: {said}" if heading else said


def _names_missing(question: str, passage: Passage) -> float:
    """What to take off where a name that is asked about stands nowhere in the passage."""
    chunk = passage.chunk
    there = f"{chunk.text} {chunk.title} {chunk.uri} {chunk.author.name}".casefold()
    names = [name.casefold() for name in _NAME.findall(question)]
    return _NAME_MISSING if any(name[:_STEM] not in there for name in names) else 0.0


def _score(shared: float, number: int, sentence: Sentence, similarity: float) -> float:
    asks = not sentence.code and sentence.text.endswith(("?", ":"))  # neither answers anything by itself
    return 0.7 * similarity + 0.3 * shared - 0.01 * (number - 1) - 0.15 * asks - 0.1 * (sentence.source and not sentence.code)


def _says(candidate: Candidate, chosen: Candidate) -> bool:
    """Whether a candidate repeats, or is part of, what was chosen."""
    return dot(candidate.vector, chosen.vector) > _SAME or bool(
        candidate.sentence.text and candidate.sentence.text in chosen.sentence.text
    )


def _sentence(text: str) -> str:
    return text if text[-1] in ".!?…:)`\"'”。！？" else text + "."
