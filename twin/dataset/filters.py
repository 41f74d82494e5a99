"""An example -> why it is left out, or nothing: the rules that look at one example alone. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from twin.records import Example, ExampleKind

Rule = Callable[[Example], str]

SHORTEST_INSTRUCTION, LONGEST_INSTRUCTION = 8, 2000  # characters
SHORTEST_ANSWER, LONGEST_ANSWER = 30, 4000
FEWEST_WORDS = 5
LEAST_LETTERS = 0.4  # of the characters of an answer: below it is markup, a table of figures or a dump
LONGEST_WORD = 200  # characters: beyond it is base64 or a minified file
MOST_REPEATED = 0.5  # of the lines, or of the words, of an answer
FEWEST_LINES, FEWEST_REPEATED_WORDS = 4, 30
SURE_OF_LANGUAGE = 200  # characters of an answer from which its language can be told
_LETTERS = re.compile(r"[^\W\d_]+")
_REFUSAL = re.compile(
    r"\A\W{0,3}(?:(?:i['’]?m|i am) (?:very |so |really )?(?:sorry|afraid)\b|sorry,? (?:but )?i (?:can|am|do)"
    r"|as an ai\b|as a (?:large )?language model"
    r"|i(?: am|['’]m) (?:just )?an? (?:ai|language model)|i (?:can(?:['’]t|not)|am unable to|am not able to|won['’]t|will not)"
    r" (?:help|assist|answer|comply|provide|fulfil|do that|create|generate|write)"
    r"|(?:es tut mir leid|je suis désolé|lo siento|mi dispiace|sinto muito)\b)",
    re.IGNORECASE,
)


def length(example: Example) -> str:
    """Too short or too long to learn from."""
    if not SHORTEST_INSTRUCTION <= len(example.instruction) <= LONGEST_INSTRUCTION:
        return "instruction too short" if len(example.instruction) < SHORTEST_INSTRUCTION else "instruction too long"
    if not SHORTEST_ANSWER <= len(example.answer) <= LONGEST_ANSWER:
        return "answer too short" if len(example.answer) < SHORTEST_ANSWER else "answer too long"
    return "rejected answer too long" if len(example.rejected) > LONGEST_ANSWER else ""


def form(example: Example) -> str:
    """Empty, markup only, repeated, or no text at all."""
    words = _LETTERS.findall(example.answer)
    if sum(map(len, words)) < LEAST_LETTERS * len(example.answer):
        return "markup only"
    if len(words) < FEWEST_WORDS and sum(map(len, words)) < SHORTEST_ANSWER:  # Chinese has no spaces
        return "too few words"
    if len(max(example.answer.split(), key=len, default="")) > LONGEST_WORD and example.answer.isascii():
        return "no text"
    if "\ufffd" in example.answer or "\x00" in example.answer:
        return "broken characters"
    return _repeated(example.instruction.strip(), example.answer.strip(), words)


def _repeated(instruction: str, answer: str, words: list[str]) -> str:
    if answer in instruction:
        return "answer repeats the instruction"
    lines = [line for line in answer.split("\n") if line.strip()]
    if len(lines) >= FEWEST_LINES and len(set(lines)) < MOST_REPEATED * len(lines):
        return "repeated lines"
    if len(words) >= FEWEST_REPEATED_WORDS and max(Counter(words).values()) > MOST_REPEATED * len(words):
        return "repeated words"
    return ""


def refusal(example: Example) -> str:
    """A model that says no instead of answering."""
    return "refusal phrase" if _REFUSAL.match(example.answer) else ""


def own_words(example: Example) -> str:
    """A preference must choose what stands in the document, and against something else."""
    if example.kind is not ExampleKind.PREFERENCE or example.origin == "feedback":
        return ""
    if not example.rejected.strip():
        return "nothing is rejected"
    chosen, rejected = _squeezed(example.answer), _squeezed(example.rejected)
    if chosen == rejected:
        return "chosen and rejected are the same"
    return "" if chosen in _squeezed(example.extract) else "chosen is not in the author's words"


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def languages(wanted: Collection[str], detect: Callable[[str], str]) -> Rule:
    """The rule that keeps examples in one of the languages `wanted` (none: any) and answers in their document's language.

    Only a model's answer is looked at again: the author's own words are in the document's language.
    """

    def language(example: Example) -> str:
        if wanted and example.language and example.language not in wanted:
            return f"language {example.language}"
        if example.language and example.origin.startswith("teacher:") and len(example.answer) >= SURE_OF_LANGUAGE:
            answered = detect(example.answer)
            if answered and answered != example.language:
                return f"answered in {answered}, not {example.language}"
        return ""

    return language


@dataclass(slots=True)
class Tally:
    """How many examples each filter dropped, by reason. All filters are listed, also those that dropped nothing."""

    dropped: dict[str, Counter[str]] = field(default_factory=dict)

    def count(self, name: str, reason: str, times: int = 1) -> None:
        self.dropped.setdefault(name, Counter())[reason] += times

    def total(self) -> int:
        return sum(sum(reasons.values()) for reasons in self.dropped.values())


@dataclass(frozen=True, slots=True)
class Filters:
    """Rules by name, asked in order; the first that objects is counted."""

    rules: Mapping[str, Rule]
    tally: Tally

    @classmethod
    def of(cls, rules: Mapping[str, Rule], tally: Tally) -> Filters:
        for name in rules:
            tally.dropped.setdefault(name, Counter())
        return cls(rules, tally)

    def passes(self, example: Example) -> bool:
        """Whether no rule objects; one that does is counted with its reason."""
        for name, rule in self.rules.items():
            if reason := rule(example):
                self.tally.count(name, reason)
                return False
        return True
