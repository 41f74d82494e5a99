"""Rows of a dataset's training split -> what an evaluation must know of them: the author's texts, the documents, the questions.

Knows no folder. Texts are what answers may be copied from and what the author's style is taken from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twin.errors import ReleaseError
from twin.release.questions import HeldOut

TELLING = 80  # characters of an answer that no two documents give by chance


@dataclass(frozen=True, slots=True)
class Training:
    """What was trained on. `prints` are fingerprints of the examples' questions and answers, blanks and case aside."""

    texts: tuple[str, ...]
    documents: frozenset[str]
    prints: frozenset[str]

    def leaked(self, one: HeldOut) -> bool:
        """Whether the training has seen the question's document, its question or its answer."""
        return (
            one.document in self.documents
            or fingerprint(one.question, one.reference) in self.prints
            or (len(one.reference) >= TELLING and fingerprint(one.reference) in self.prints)
        )


def learn(rows: Iterable[Mapping[str, Any]], name: str) -> Training:
    """What `rows` say, each text once. Raises ReleaseError naming the row, also when there is none."""
    texts: dict[str, None] = {}
    documents: set[str] = set()
    prints: set[str] = set()
    for number, row in enumerate(rows, 1):
        document, answer, asked = (row.get(key) for key in ("document", "answer", "instruction"))
        if not (isinstance(document, str) and document and isinstance(answer, str) and isinstance(asked, str)):
            raise ReleaseError(f"{name}: example {number}: document, instruction and answer were expected as texts")
        extract = row.get("extract")
        texts[extract if isinstance(extract, str) and extract.strip() else answer] = None
        documents.add(document)
        prints.update((fingerprint(asked, answer), fingerprint(answer)))
    if not documents:
        raise ReleaseError(f"{name}: there is no example in it, so nobody can say what the questions may not have leaked from")
    return Training(tuple(text for text in texts if text.strip()), frozenset(documents), frozenset(prints))


def together(all_of: Sequence[Training]) -> Training:
    """What an adapter and its parents were trained on, as one."""
    return Training(
        texts=tuple(dict.fromkeys(text for one in all_of for text in one.texts)),
        documents=frozenset().union(*(one.documents for one in all_of)),
        prints=frozenset().union(*(one.prints for one in all_of)),
    )


def fingerprint(*texts: str) -> str:
    """32 hexadecimal digits of texts, the same whatever their blanks and case."""
    plain = "\x1f".join(" ".join(text.split()).casefold() for text in texts)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:32]
