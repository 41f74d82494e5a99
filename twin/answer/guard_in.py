"""A question as it came -> the question as the other steps may use it, and how much a text looks like an injection.

Passages are as untrusted as questions: both are scanned and marked; only a question that shows nearly every sign is refused.
Knows no model and no store.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from twin.errors import GuardError, QuestionError
from twin.records import Message, Passage, Question

# Characters a reader cannot see: soft hyphen, zero-width, bidirectional controls, byte order mark, tags, variation selectors.
INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What a sign cannot be without: looked for first, as substrings are found eight times as fast as patterns.
_HINTS = {
    "override": ("ignore", "disregard", "forget", "override", "bypass"),
    "reveal": ("prompt", "instruction", "rules", "canary"),
    "role": ("you are now", "pretend", "jailbr", "developer mode", "act as", "restrictions", "filters", "limits"),
    "template": ("<|", "inst]", "sys>>", "system", "assistant"),
    "conceal": ("do not", "don't", "never"),
    "exfiltrate": ("https://", "http://"),
}
_SIGNS = {
    "override": r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}?"
    r"\b(?:previous|prior|above|earlier|all|any|your|the|these)\b"
    r".{0,40}?\b(?:instructions?|prompts?|rules?|guidelines?|directions?|context)\b",
    "reveal": r"\b(?:reveal|print|show|repeat|output|leak|tell me|write out|give me|what (?:is|are|were))\b.{0,40}?"
    r"\b(?:system|hidden|secret|initial|original|your)\b.{0,20}?\b(?:prompts?|instructions?|rules|canary)\b",
    "role": r"\byou are now\b|\bpretend (?:to be|you are|that you)\b|\bjailbr(?:eak|oken)\b|\bdeveloper mode\b|"
    r"\bact as (?:an? )?(?:unrestricted|unfiltered|dan\b)|\b(?:no|without(?: any)?) (?:restrictions|filters|limits)\b",
    "template": r"<\|[a-z_]{2,30}\|>|\[/?inst\]|<</?sys>>|(?:^|\n)\s*(?:system|assistant)\s*:",
    "conceal": r"\b(?:do not|don't|never)\b.{0,20}?"
    r"\b(?:tell|mention|inform|reveal|say)\b.{0,30}?\b(?:user|reader|anyone|them)\b",
    "exfiltrate": r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{0,200}[?&]\w+=|\bsend\b.{0,60}?\bto https?://",
}
_WEIGHTS = {"override": 0.6, "reveal": 0.5, "role": 0.5, "template": 0.6, "conceal": 0.5, "exfiltrate": 0.5, "hidden": 0.5}
_COMPILED = tuple((sign, re.compile(pattern, re.DOTALL)) for sign, pattern in _SIGNS.items())
_HIDDEN_COUNT = 8


@dataclass(frozen=True, slots=True)
class Guards:
    """Limits in characters, and scores in [0, 1]: from `mark_at` on a text is marked, from `block_at` on a question is refused.

    `emails` are addresses, and domains written `@example.org`, that an answer may show.
    """

    question_limit: int = 16_000
    history_limit: int = 1_000_000
    mark_at: float = 0.5
    block_at: float = 0.9
    emails: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How much a text looks like an injection: 1 - product(1 - weight) over the `signs` it shows."""

    score: float
    signs: tuple[str, ...]


def suspicion(text: str) -> Suspicion:
    """Which signs of an injection `text` shows. Characters that a reader cannot see do not hide any."""
    hidden = 0
    if not text.isascii():
        text, hidden = INVISIBLE.subn("", text)
    low = text.lower()
    signs = [sign for sign, pattern in _COMPILED if any(hint in low for hint in _HINTS[sign]) and pattern.search(low)]
    if hidden >= _HIDDEN_COUNT:
        signs.append("hidden")
    innocent = math.prod(1 - _WEIGHTS[sign] for sign in signs)
    return Suspicion(round(1 - innocent, 3), tuple(signs))


def tidy(text: str) -> str:
    """`text` without control characters, lone surrogates and characters that a reader cannot see."""
    text = _CONTROL.sub("", text)
    return text if text.isascii() else INVISIBLE.sub("", text)


def guard_question(question: Question, guards: Guards) -> tuple[Question, Suspicion]:
    """The question, tidied. Raises QuestionError when it is empty or too large, GuardError when it is a clear injection."""
    if len(question.text) > guards.question_limit:
        raise QuestionError(
            f"the question has {len(question.text):,} characters, at most {guards.question_limit:,} are allowed; shorten it",
            code="context_length_exceeded",
            param="messages",
        )
    size = sum(len(message.content) for message in (*question.history, *question.after))
    if size > guards.history_limit:
        raise QuestionError(
            f"the conversation has {size:,} characters, at most {guards.history_limit:,} are allowed; start a new one",
            code="context_length_exceeded",
            param="messages",
        )
    text = tidy(question.text).strip()
    if not text:
        raise QuestionError("the question is empty; write what you want to know", param="messages")
    found = suspicion(question.text)
    if found.score >= guards.block_at:
        raise GuardError(
            f"the question was refused: it looks like an injection ({', '.join(found.signs)}); put it in other words"
        )
    history = tuple(_tidied(message) for message in question.history)
    return replace(question, text=text, history=history, after=tuple(_tidied(m) for m in question.after)), found


def guard_passages(passages: Sequence[Passage], guards: Guards) -> tuple[tuple[Passage, ...], dict[int, Suspicion]]:
    """The passages, tidied, and the ranks of those that look like an injection."""
    marked = {}
    tidied = []
    for passage in passages:
        found = suspicion(passage.chunk.text)
        if found.score >= guards.mark_at:
            marked[passage.rank] = found
        text = tidy(passage.chunk.text)
        tidied.append(passage if text == passage.chunk.text else replace(passage, chunk=replace(passage.chunk, text=text)))
    return tuple(tidied), marked


def _tidied(message: Message) -> Message:
    text = tidy(message.content)
    return message if text == message.content else replace(message, content=text)
