"""Documents, a shelf in memory, a teacher that is told what to say and an exact finder of near-duplicates: the dataset stage's ports."""

import re
from contextlib import contextmanager

from twin.dataset.build import Maker, Recipe
from twin.dataset.ports import Reply
from twin.dataset.structural import StructuralWriter
from twin.records import Author, Document, Example, ExampleKind, Kind, Usage

ADA = Author("ada", "Ada Author")
BEN = Author("ben", "Ben Other")


def document(uri, text, *, source="blog", kind=Kind.ARTICLE, title="A title", author=ADA, language="en"):
    return Document(uri=uri, source=source, kind=kind, title=title, text=text, author=author, language=language)


def example(answer="Tombstones mark documents that are gone, so that an index forgets them too.", **fields):
    made = {
        "kind": ExampleKind.INSTRUCTION,
        "instruction": "What is a tombstone for?",
        "document": "d" * 32,
        "source": "blog",
        "author": "ada",
        "origin": "structural:heading",
        "language": "en",
        "extract": answer,
    }
    return Example(answer=answer, **(made | fields))


def essay(name, sections=4, sentences=4):
    """An article about `name` that shares no three words in a row with one about another name."""
    parts = [f"# On {name}"]
    for n in range(sections):
        said = " ".join(
            f"{name.capitalize()}{n} {name}verb{s} {name}noun{n}x{s} {name}place{n} {name}slowly{s} {name}again{n}."
            for s in range(sentences)
        )
        parts.append(f"## Part {n} of {name}\n\n{said}")
    return "\n\n".join(parts)


class MemoryDocuments:
    """The documents' side, in order of their uris. `on_read` is called before each document is given."""

    def __init__(self, *documents):
        self.rows = sorted(documents, key=lambda one: one.uri)
        self.revision = 1
        self.on_read = lambda one: None

    async def revisions(self):
        return {one.source: self.revision for one in self.rows}

    async def documents(self, source="", author="", kind="", limit=0):
        for one in self.rows:
            if source in {"", one.source} and author in {"", one.author.id} and kind in {"", one.kind}:
                self.on_read(one)
                yield one


class MemorySpill:
    def __init__(self):
        self.held = []

    def add(self, rows):
        self.held += rows

    def rows(self):
        yield from self.held


class MemoryTable:
    def __init__(self):
        self.examples = []

    def add(self, one):
        self.examples.append(one)


class MemoryShelf:
    """Tables as lists, by their names."""

    format = "jsonl"

    def __init__(self):
        self.tables = {}

    @contextmanager
    def spill(self):
        yield MemorySpill()

    @contextmanager
    def table(self, name):
        self.tables[name] = MemoryTable()
        yield self.tables[name]

    def files(self):
        return {name: str(len(made.examples)) for name, made in self.tables.items()}

    def side(self, side):
        return [one for name, made in self.tables.items() if name.endswith(side) for one in made.examples]


def triples(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)} or {tuple(words) or text}


def jaccard(one, other):
    return len(one & other) / len(one | other)


class ExactSimilar:
    """Near-duplicates by the Jaccard similarity itself."""

    def __init__(self, near=0.7):
        self.near, self.kept, self.count = near, {}, 0

    def find(self, texts):
        return [self._place(triples(text)) for text in texts]

    def _place(self, found):
        number, self.count = self.count, self.count + 1
        for earlier, known in self.kept.items():
            if jaccard(found, known) >= self.near:
                return earlier
        self.kept[number] = found
        return number


class English:
    """Every text is English, unless it says otherwise."""

    def __init__(self, language="en"):
        self.language = language

    def detect(self, text):
        return "fr" if "français" in text else self.language


class ScriptedTeacher:
    """Says `replies` one after the other and then the last one again; an exception among them is raised."""

    model = "scripted"

    def __init__(self, *replies):
        self.replies, self.asked = list(replies), []

    async def complete(self, messages, schema, *, max_tokens):
        self.asked.append(messages)
        said = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(said):
            said = said(messages)
        if isinstance(said, BaseException):
            raise said
        return said


def written(*items, problem=""):
    examples = [dict(zip(("instruction", "answer", "quote"), item, strict=True)) for item in items]
    return Reply({"examples": examples}, problem, Usage(10, 5))


class MemoryJournal(dict):
    async def get(self, key):
        return dict.get(self, key)

    async def put(self, key, reply):
        self[key] = reply


async def built(*documents, writer=None, similar=ExactSimilar, feedback=(), store=None, **recipe):
    """A dataset of `documents`, with its shelf and manifest."""
    shelf = MemoryShelf()
    maker = Maker(
        store or MemoryDocuments(*documents),
        writer or StructuralWriter(),
        shelf,
        lambda one: one,
        English(),
        similar,
        Recipe(**recipe),
        feedback,
    )
    return shelf, await maker.build()
