"""Chunks of several splitters -> what the hand-judged questions find among them, by the same embedder and the same search.

A judged quote that a splitter cut in two is in no chunk: it counts as not found. Larger chunks find more with ten of them, so quotes are
also counted within the same number of characters. Knows no splitter.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from statistics import fmean

from tests.bench._splitters_judged import Span
from tests.bench.quality.measures import DEPTH, RELEVANT, Labelled, grade, load, ndcg, plain, surer
from twin.documents.clean import clean
from twin.drivers.minilm import MiniLM
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.index.chunk import embedded_text
from twin.index.outline import Outline
from twin.records import Author, Chunk, Document, Filter, IndexSpec, Kind

ROOT = Path(__file__).parents[2]
SUFFIXES = (".md", ".py", ".js", ".go")
BUDGET = 9_000  # characters: six passages of an answer
Cut = Callable[[str, dict[str, str]], Mapping[str, Sequence[Span]]]


async def asked_of(names: Sequence[str], cut: Cut, folder: Path) -> None:
    """Print a row a splitter, the first one being the baseline."""
    questions = [one for one in load() if one.found]
    documents = repository()
    print(f"\n{len(questions)} questions to {len(documents)} files of this repository, BM25 and vectors fused")
    print(
        f"| splitter | chunks | nDCG@{DEPTH} | against the first, 95 % of resamples | quotes in the first {DEPTH} | in the first {BUDGET:,} characters | quotes cut |"
    )
    print("|---|---|---|---|---|---|---|")
    model = MiniLM(folder / "cache")
    base: list[float] = []
    for name in names:
        spans = cut(name, {path: one.text for path, one in documents.items()})
        chunks = [chunk for path, one in documents.items() for chunk in chunks_of(one, spans[path])]
        async with indexed(folder / name.replace(" ", "-"), chunks, model) as search:
            found = [await search(one.ask) for one in questions]
        gains, ten, budget, lost = scored(questions, found, chunks)
        base = base or gains
        low, high = surer(gains, base)
        gained = f"{fmean(gains) - fmean(base):+.3f} [{low:+.3f}, {high:+.3f}]"
        print(f"| {name} | {len(chunks)} | {fmean(gains):.3f} | {gained} | {ten:.3f} | {budget:.3f} | {lost} |", flush=True)
    model.close()


def repository() -> dict[str, Document]:
    """The files that questions are about, as they are here, cleaned, by path."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    paths = [path for path in listed.split("\0") if path.endswith(SUFFIXES) and not path.startswith("tests/")]
    made = {}
    for path in paths:
        text = (ROOT / path).read_text(encoding="utf-8")
        made[path] = clean(
            Document(
                uri=path, source="r", kind=Kind.REPOSITORY, title=PurePosixPath(path).name, text=text, author=Author("a", "A")
            )
        )
    return made


def chunks_of(document: Document, spans: Sequence[Span]) -> list[Chunk]:
    """Chunks with the title and headings that the index's own have."""
    outline = Outline.of_markdown(document.text) if document.uri.endswith(".md") else Outline.of_code(document.text)
    blank = Chunk(
        id="", document=document.id, content_hash=document.content_hash, uri=document.uri, source="r", kind=document.kind,
        title=document.title, author=document.author, heading=(), span=(0, 0), text="", position=0,
    )  # fmt: skip
    return [
        replace(blank, id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{document.uri}#{n}")), heading=outline.path(start, end), span=(start, end), text=text, position=n)
        for n, (start, end) in enumerate(spans)
        if (text := document.text[start:end]).strip()
    ]  # fmt: skip


@asynccontextmanager
async def indexed(folder: Path, chunks: Sequence[Chunk], model: MiniLM) -> AsyncIterator[Callable]:
    """How to search these chunks."""
    store = EdgeIndexes(folder)
    await store.open()
    info = await store.create(IndexSpec(model.name, model.dimension, model.digest, "c", "c"))
    for at in range(0, len(chunks), 256):
        part = chunks[at : at + 256]
        await store.write(info.name, part, await model.embed([embedded_text(one) for one in part]))
    await store.optimize(info.name)

    async def search(question: str) -> list[Chunk]:
        vector = await model.embed_query(question)
        found = await store.search(info.name, vector=vector, text=question, filter=Filter(), limit=40)
        return [one.chunk for one in found]

    try:
        yield search
    finally:
        await store.close()


def scored(
    questions: Sequence[Labelled], found: Sequence[Sequence[Chunk]], chunks: Sequence[Chunk]
) -> tuple[list[float], float, float, int]:
    """nDCG a question, mean shares of relevant quotes in the first ten chunks and in the first characters, and how many were cut."""
    texts = {}
    for one in chunks:
        texts.setdefault(one.uri, []).append(plain(one.text))
    gains, tens, budgets, lost = [], [], [], 0
    for question, ranked in zip(questions, found, strict=True):
        cut = [one for one in question.found if not any(plain(one.quote) in text for text in texts.get(one.path, ()))]
        lost += len(cut)
        ideal = [grade(question, one.uri, one.text) for one in chunks] + [one.grade for one in cut]
        gains.append(ndcg([grade(question, one.uri, one.text) for one in ranked], ideal))
        tens.append(_share(question, ranked[:DEPTH]))
        budgets.append(_share(question, _within(ranked)))
    return gains, fmean(tens), fmean(budgets), lost


def _share(question: Labelled, chunks: Sequence[Chunk]) -> float:
    relevant = [one for one in question.found if one.grade >= RELEVANT]
    return sum(
        any(one.path == chunk.uri and plain(one.quote) in plain(chunk.text) for chunk in chunks) for one in relevant
    ) / len(relevant)


def _within(ranked: Sequence[Chunk]) -> list[Chunk]:
    kept, room = [], BUDGET
    for one in ranked:
        room -= len(one.text)
        if room < 0:
            break
        kept.append(one)
    return kept
