"""An evaluation of the whole twin: answers as the gateway gives them, from an index, with citations and retrieval measured."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.doubles.model_server import ModelServer
from tests.integration.cli.running import told, twin
from tests.integration.release.making import BAD, GOOD, PINS, TOPICS, as_vllm, dataset, paragraph, thresholds
from twin.answer.prompt import Prompt
from twin.records import document_id
from twin.release.release import index_digest
from twin.release.report import Report, read


def twin_of(folder: Path) -> None:
    """A twin whose documents are those that the questions were made from."""
    (folder / "notes").mkdir()
    for topic in TOPICS:
        (folder / "notes" / f"{topic}.md").write_text(f"# On {topic}\n\n{paragraph(topic, 31)}\n")
    (folder / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes}\n")
    twin(folder, "documents", "sync")
    twin(folder, "index", "build", "--switch")


def questions(folder: Path) -> None:
    """Questions about documents that are in the index, by the ids that they have there."""
    uris = [document["uri"] for document in json.loads(twin(folder, "documents", "list", "-o", "json").stdout)]
    rows = [
        {
            "question": f"What did you learn of {topic}?",
            "reference": paragraph(topic, 31),
            "document": document_id(uri),
            "id": topic,
        }
        for topic in TOPICS
        for uri in uris
        if topic in uri
    ]
    assert len(rows) == len(TOPICS)
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twin")
    dataset(folder / "dataset")
    twin_of(folder)
    questions(folder)
    rules = ("grounding.bigrams: {better: higher, largest_loss: 0.1, questions: 10}", "retrieval.recall: {better: higher, largest_loss: 0, questions: 10}")  # fmt: skip
    file = thresholds(folder, *rules)
    file.write_text(file.read_text().replace("questions: 20", "questions: 10"))
    return folder


async def evaluated(home: Path, server: ModelServer, **settings: str) -> Report:
    asked = ["release", "evaluate", f"--candidate={GOOD}={PINS[GOOD]}", f"--running={BAD}={PINS[BAD]}", "--dataset", "dataset",
             "--questions", "questions.jsonl", "--no-perplexity", "--out", "r"]  # fmt: skip
    await asyncio.to_thread(twin, home, *asked, TWIN_MODEL_URL=server.url, **settings)
    return read((home / "r/report.json").read_bytes(), "r")


async def test_answers_are_made_from_passages_and_measured_by_them(home: Path) -> None:
    async with ModelServer(models=(GOOD, BAD), by=as_vllm) as server:
        report = await evaluated(home, server)
        asked = server.requests[0]
    assert report.measures["retrieval.recall"].candidate == 1.0
    assert report.measures["retrieval.ndcg"].candidate > 0.5
    grounded = report.measures["grounding.bigrams"]
    assert grounded.candidate > grounded.running == 0.0
    assert set(report.inputs) == {"candidate", "running", "dataset", "questions", "index", "prompt"}
    assert any("no vLLM" in note for note in report.notes)
    kept = await asyncio.to_thread(told, home, "index", "snapshot")
    assert report.inputs["index"] == index_digest(kept["name"], kept["documents"], kept["chunks"])  # as a release pins it
    assert report.inputs["prompt"] == Prompt().digest
    assert asked["temperature"] == 0
    assert "<passage" in str(asked["messages"]) or "[1]" in str(asked["messages"])
    await asyncio.to_thread(twin, home, "release", "gate", "r")
    traces = json.loads((await asyncio.to_thread(twin, home, "traces", "list", "-o", "json")).stdout)
    assert traces == []


async def test_each_side_understands_and_expands_its_own_questions(home: Path) -> None:
    async with ModelServer(models=(GOOD, BAD), by=as_vllm) as server:
        await evaluated(home, server, TWIN_UNDERSTAND="true", TWIN_EXPAND="1")
    rewritten = [request["model"] for request in server.requests if "response_format" in request]
    assert rewritten.count(GOOD) == rewritten.count(BAD) == 2 * len(TOPICS)
