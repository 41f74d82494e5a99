"""What retrieval finds of this repository's own text, by hand-judged questions: BM25, vectors, both fused, fused and reranked.

`python -m tests.bench quality [--fastembed MODEL]`. The stages do the work: sync, clean, chunk, embed, search, rerank, and the
extractive answers, which must be silent where nothing here answers. A judged quote that no longer stands in its file is named and ends the run: judge the question again, or quote what stands there now.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.quality.measures import DEPTH, RELEVANT, Labelled, grade, load, ndcg, recall, surer
from twin.answer.extract import candidates, choose
from twin.answer.ports import Reranker
from twin.answer.rerank import SentenceReranker, rerank
from twin.documents.clean import CLEANING_VERSION, clean
from twin.documents.sources import GitSource
from twin.documents.sync import sync
from twin.drivers.git import GitFetcher
from twin.drivers.minilm import MiniLM
from twin.drivers.qdrant.edge import EdgeIndexes
from twin.drivers.rerank import FastembedReranker
from twin.drivers.sqlite import SqliteDocuments
from twin.index.build import build
from twin.index.chunk import Limits
from twin.records import Author, Chunk, Filter, Kind, Passage

ROOT = Path(__file__).parents[3]
FILES = ("**/*.md", "**/*.py", "**/*.js", "**/*.go", "pyproject.toml")
PASSAGES = 6  # of an answer
CANDIDATES = 4 * PASSAGES  # that a reranker gets
FUSED = "fused"

Way = Callable[[str], Awaitable[Sequence[Passage]]]


@dataclass(frozen=True, slots=True)
class Result:
    """One way's figures, a value a question."""

    name: str
    ndcg: list[float]
    recall: list[float]
    milliseconds: list[float]


async def indexed(folder: Path, stack: AsyncExitStack) -> tuple[EdgeIndexes, MiniLM, str]:
    """The repository, as it was last committed, in an index."""
    documents, store, model = SqliteDocuments(folder / "documents.db"), EdgeIndexes(folder / "index"), MiniLM(folder / "cache")
    await documents.open()
    stack.push_async_callback(documents.close)
    await store.open()
    stack.push_async_callback(store.close)
    stack.callback(model.close)
    source = GitSource(
        name="repository",
        author=Author("twin", "LLM Twin"),
        documents=Kind.REPOSITORY,
        url=str(ROOT),
        include=FILES,
        exclude=("tests/**",),
    )
    await sync([source], {"git": GitFetcher(folder / "git")}, documents)
    report = await build(documents, store, model, clean=clean, limits=Limits(), cleaning=CLEANING_VERSION)
    return store, model, report.index


def ways(store: EdgeIndexes, model: MiniLM, index: str, rerankers: dict[str, Reranker]) -> dict[str, Way]:
    """The rows of the table."""

    async def words(question: str, limit: int = DEPTH) -> Sequence[Passage]:
        return await store.search(index, vector=None, text=question, filter=Filter(), limit=limit)

    async def vectors(question: str) -> Sequence[Passage]:
        vector = await model.embed_query(question)
        return await store.search(index, vector=vector, text="", filter=Filter(), limit=DEPTH)

    async def fused(question: str, limit: int = DEPTH) -> Sequence[Passage]:
        vector = await model.embed_query(question)
        return await store.search(index, vector=vector, text=question, filter=Filter(), limit=limit)

    def reranked(reranker: Reranker) -> Way:
        async def way(question: str) -> Sequence[Passage]:
            return await rerank(question, await fused(question, CANDIDATES), reranker, DEPTH)

        return way

    more = {f"fused, reranked by {name}": reranked(one) for name, one in rerankers.items()}
    return {"BM25": words, "vectors": vectors, FUSED: fused, **more}


async def measured(name: str, way: Way, questions: Sequence[Labelled], chunks: Sequence[Chunk]) -> Result:
    result = Result(name, [], [], [])
    await way("warm up")
    for one in questions:
        begun = time.perf_counter()
        found = await way(one.ask)
        result.milliseconds.append((time.perf_counter() - begun) * 1000)
        grades = [grade(one, path(passage.chunk), passage.chunk.text) for passage in found]
        ideal = [grade(one, path(chunk), chunk.text) for chunk in chunks]
        result.ndcg.append(ndcg(grades, ideal))
        result.recall.append(recall(grades, ideal))
    return result


def path(chunk: Chunk) -> str:
    """The file in the repository that a chunk is of."""
    return chunk.uri.partition("?")[0].rpartition("//")[2]


def stale(questions: Iterable[Labelled], chunks: Sequence[Chunk]) -> list[str]:
    """The judged quotes that stand in no chunk, or in several."""
    lost = []
    for one in questions:
        for judged in one.found:
            alone = Labelled(one.ask, (judged,))
            if (count := sum(bool(grade(alone, path(chunk), chunk.text)) for chunk in chunks)) != 1:
                lost.append(f"{judged.path}: {judged.quote!r} stands in {count} chunks")
    return lost


def table(results: Sequence[Result]) -> str:
    """Means over all questions, over those that tuning looked at, and over the others."""
    head = "nDCG@10 | recall@10"
    lines = [f"| way | {head} | tuned on: {head} | held out: {head} | p50 |", "|---|" + "---|" * 7]
    for one in results:
        parts = [slice(None), slice(0, None, 2), slice(1, None, 2)]
        figures = " | ".join(f"{mean(one.ndcg[part]):.3f} | {mean(one.recall[part]):.3f}" for part in parts)
        lines.append(f"| {one.name} | {figures} | {sorted(one.milliseconds)[len(one.milliseconds) // 2]:.1f} ms |")
    return "\n".join(lines)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def compared(results: Sequence[Result]) -> list[str]:
    """Each way against the fused one, nDCG by question."""
    base = next(one for one in results if one.name == FUSED)
    lines = []
    for one in results:
        if one is not base:
            low, high = surer(base.ndcg, one.ndcg)
            gain = mean(base.ndcg) - mean(one.ndcg)
            lines.append(f"fused against {one.name}: nDCG@10 {gain:+.3f}, 95 % of resamples in [{low:+.3f}, {high:+.3f}]")
    return lines


@dataclass(frozen=True, slots=True)
class Extracts:
    """How often the twin without a model answers, by whether it should; and the mean share of relevant citations."""

    answered: int
    asked: int
    wrong: int
    strange: int
    relevant: float

    def __str__(self) -> str:
        return (
            f"extractive: {self.answered} of {self.asked} questions answered, {self.relevant:.0%} of citations relevant; "
            f"{self.wrong} of {self.strange} questions answered that nothing here answers"
        )


async def extracts(questions: Sequence[Labelled], fused: Way, model: MiniLM) -> Extracts:
    asked = strange = wrong = 0
    shares: list[float] = []
    for one in questions:
        passages = (await fused(one.ask))[:PASSAGES]
        cited = {candidate.number for candidate in choose(await candidates(one.ask, passages, model))}
        if one.found:
            asked += 1
            grades = [grade(one, path(passages[number - 1].chunk), passages[number - 1].chunk.text) for number in cited]
            shares += [mean([float(given >= RELEVANT) for given in grades])] if grades else []
        else:
            strange += 1
            wrong += bool(cited)
    return Extracts(len(shares), asked, wrong, strange, mean(shares))


async def run(fastembed: str) -> int:
    everything = load()
    questions = [one for one in everything if one.found]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store, model, index = await indexed(folder, stack)
        chunks = [chunk async for chunk in store.scan(index)]
        if lost := stale(questions, chunks):
            print("\n".join(lost), file=sys.stderr)
            return 1
        rerankers: dict[str, Reranker] = {"sentences": SentenceReranker(model)}
        if fastembed:
            rerankers[fastembed] = FastembedReranker(fastembed)
        print(f"{len(questions)} questions, {sum(len(one.found) for one in questions)} judged passages, {len(chunks)} chunks")
        rows = ways(store, model, index, rerankers)
        results = [await measured(name, way, questions, chunks) for name, way in rows.items()]
        answers = await extracts(everything, rows[FUSED], model)
    print(table(results), *compared(results), answers, sep="\n")
    return 0


def main() -> int:
    """Print the table. 1 when the judgements are stale."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench quality", description=__doc__.partition("\n")[0])
    asked.add_argument("--fastembed", default="", metavar="MODEL", help="rerank by this cross-encoder of fastembed, too")
    return asyncio.run(run(asked.parse_args().fastembed))


if __name__ == "__main__":
    sys.exit(main())
