"""Texts -> the spans of the index's own chunks. A program that `splitters.py` gives its tasks; knows no other splitter."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench._memory import peak_memory
from tests.bench._turns import Watch, reply, tasks
from twin.index.chunk import Limits, chunk
from twin.records import Author, Document, Kind

NAMES = {"markdown": (Kind.ARTICLE, "a.md"), "python": (Kind.REPOSITORY, "a.py"), "text": (Kind.REPOSITORY, "a.js")}


def main() -> None:
    for line in tasks():
        task = json.loads(line)
        kind, name = NAMES[task["form"]]
        limits = Limits(article=task["limit"], repository=task["limit"])
        texts = [
            Document(uri=f"x:/{name}", source="x", kind=kind, title="", text=text, author=Author("a", "A"))
            for text in json.loads(Path(task["texts"]).read_text(encoding="utf-8"))
        ]
        chunk(texts[0], limits)  # loading is not what is measured
        with Watch() as watch:
            spans = [[one.span for one in chunk(text, limits)] for text in texts]
        reply({"spans": spans, "processors": watch.processors, "memory": peak_memory()})


if __name__ == "__main__":
    main()
