"""A conversation -> whether a candidate answers it, the same for all of its turns. Knows no model and keeps nothing.

The share is taken of a hash of how the conversation began, so it is sticky without a session, a cookie or a store, and in every
gateway alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from twin.answer.ports import Generator
from twin.records import Question


@dataclass(frozen=True, slots=True)
class Canary:
    """A candidate that answers `share` of a hundred conversations while it is `ready`."""

    generator: Generator
    share: int
    ready: Callable[[], bool]

    def takes(self, conversation: str) -> bool:
        """Whether the conversation that began so is the candidate's."""
        return part(conversation) < self.share and self.ready()


def part(conversation: str) -> int:
    """Which hundredth of all conversations this one belongs to, 0 to 99."""
    return int.from_bytes(hashlib.sha256(conversation.encode("utf-8", "replace")).digest()[:8]) % 100


def beginning(question: Question) -> str:
    """What stays the same over the turns of a conversation: the thread that the client names, or else its first question."""
    first = next((turn.content for turn in question.history if turn.role == "user"), question.text)
    return question.thread or first
