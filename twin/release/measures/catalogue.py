"""The names of all measures: what each is, in which unit, and which way is better. Reports and thresholds know no others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a measure improves."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `needs` says how an evaluation comes to have it."""

    better: Better
    unit: str
    about: str
    needs: str = "the training split"
    digits: int = 3

    @property
    def sign(self) -> int:
        """What a difference is multiplied with to be a gain."""
        return 1 if self.better is Better.HIGHER else -1


_JUDGE, _PASSAGES, _VLLM = "--judge", "answers made from passages (leave --plain out)", "a vLLM (leave --no-perplexity out)"
MEASURES: dict[str, Measure] = {
    "judge.accuracy": Measure(
        Better.HIGHER, "1 to 5", "says what the author's answer says, by a judge in both orders", _JUDGE, 2
    ),
    "judge.style": Measure(Better.HIGHER, "1 to 5", "reads as the author's, by a judge in both orders", _JUDGE, 2),
    "style.delta": Measure(Better.LOWER, "0 is the author", "frequent words: cosine Delta to the author's texts"),
    "style.punctuation": Measure(Better.LOWER, "0 is the author", "punctuation: cosine distance to the author's texts"),
    "style.sentences": Measure(Better.LOWER, "1 is the author", "sentence lengths against the author's"),
    "style.ngrams": Measure(Better.LOWER, "0 is the author", "character trigrams: cosine distance to the author's texts"),
    "copying.share": Measure(Better.LOWER, "0 to 1", "words in runs copied from the training texts"),
    "copying.longest": Measure(Better.LOWER, "words", "longest run copied from the training texts", digits=1),
    "grounding.bigrams": Measure(
        Better.HIGHER, "0 to 1", "word pairs that the cited passages have (ROUGE-2 precision)", _PASSAGES
    ),
    "grounding.sentences": Measure(Better.HIGHER, "0 to 1", "sentences that one cited passage supports", _PASSAGES),
    "retrieval.recall": Measure(Better.HIGHER, "0 to 1", "documents that answer, among those retrieved (recall@k)", _PASSAGES),
    "retrieval.ndcg": Measure(Better.HIGHER, "0 to 1", "how far up they stand (nDCG@10)", _PASSAGES),
    "perplexity.nats": Measure(
        Better.LOWER, "nats a token", "the author's held-out answers, as the model expects them", "--perplexity"
    ),
    "tokens.written": Measure(Better.LOWER, "tokens", "length of the answer", "a server that counts tokens", 1),
    "latency.first": Measure(Better.LOWER, "seconds", "to the first piece of the answer", "a server that streams"),
    "latency.whole": Measure(Better.LOWER, "seconds", "for the whole answer", "answers"),
}
