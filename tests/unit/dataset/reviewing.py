"""Answers as readers marked them, and what a reviewer decided, in memory: what a review reads and writes."""

from twin.errors import StoreError
from twin.records import Span, Trace

QUESTION = "What is a tombstone for?"
CORRECTION = "It remembers a document that is gone, so that the index can forget it."
PASSAGE = {"chunk": "c1", "document": "d" * 32, "author": "ada", "text": "A tombstone remembers a document that is gone."}
OTHER = {"chunk": "c2", "document": "e" * 32, "author": "ben", "text": "Something else."}


def trace(id, score, text="It is a stone.", comment="", question=QUESTION, passages=(OTHER, PASSAGE), cited=("c1",)):
    """An answer that was made from `passages`, with the mark that a reader gave it."""
    root = Span(
        id="1", parent="", name="answer", start=0, end=1,
        input={"question": question}, output={"text": text, "citations": [{"chunk": one} for one in cited]},
    )  # fmt: skip
    retrieve = Span(id="2", parent="1", name="retrieve", start=0, end=1, output=list(passages))
    scores = {"feedback": score} if score is not None else {}
    return Trace(
        id=id, release="r", index="i", model="m", thread="", status="ok", spans=(root, retrieve), scores=scores, comment=comment
    )


def trace_id(number):
    """Ids in the order of their numbers."""
    return f"01900000-0000-7000-8000-{number:012}"


def marked(count):
    """Answers to different questions, each marked down with a correction."""
    return Marked(trace(trace_id(n), -1.0, comment=CORRECTION, question=f"{QUESTION} {n}") for n in range(count))


class Marked(list):
    """Traces that somebody scored."""

    async def scored(self):
        for one in self:
            yield one


class Decisions(dict):
    """Whether each decided example was approved; `broken` is why nothing can be read or kept."""

    broken = ""

    async def decided(self):
        self._check()
        return dict(self)

    async def decide(self, example, documents, *, approved):
        self._check()
        earlier = self.get(example.id)
        self.setdefault(example.id, approved)
        return earlier

    def _check(self):
        if self.broken:
            raise StoreError(self.broken)
