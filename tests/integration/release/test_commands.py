"""`twin release evaluate|gate|show` as processes, over real HTTP to a model server with two models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.model_server import Drop, ModelServer, Say, Status
from tests.integration.cli.running import twin
from tests.integration.release.making import BAD, GOOD, JUDGED, PINS, TOPICS, as_vllm, dataset, paragraph, thresholds
from twin.digest import bytes_digest
from twin.release.report import digest_of, read


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(models=(GOOD, BAD), by=as_vllm) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dataset(tmp_path / "dataset")
    thresholds(tmp_path)
    return tmp_path


async def run(folder: Path, server: ModelServer, *arguments: str, status: int = 0, **settings: str):
    return await asyncio.to_thread(twin, folder, "release", *arguments, status=status, TWIN_MODEL_URL=server.url, **settings)


def pair(candidate: str, running: str, *more: str) -> tuple[str, ...]:
    named = (f"--candidate={candidate}={PINS[candidate]}", f"--running={running}={PINS[running]}")
    return ("evaluate", *named, "--dataset", "dataset", "--plain", *more)


async def test_a_better_candidate_passes_and_a_worse_one_is_refused_with_the_reason(folder: Path, server: ModelServer) -> None:
    made = json.loads((await run(folder, server, *pair(GOOD, BAD), "-o", "json")).stdout)
    assert made["questions"] == 20
    assert made["measures"]["perplexity.nats"]["candidate"] == pytest.approx(1.0)
    verdict = json.loads((await run(folder, server, "gate", "-o", "json")).stdout)
    assert verdict["verdict"] == "pass"
    assert (verdict["report"], verdict["thresholds"]) == (
        made["digest"],
        bytes_digest((folder / "thresholds.yaml").read_bytes()),
    )
    worse = json.loads((await run(folder, server, *pair(BAD, GOOD), "--out", "worse", "-o", "json")).stdout)
    refused = await run(folder, server, "gate", "worse", "-o", "json", status=3)
    assert json.loads(refused.stdout)["verdict"] == "refuse"
    assert "perplexity.nats: is worse, by up to 2" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert Path(worse["report"]).name == "report.json"
    assert "Gate: refuse" in (folder / "worse/report.md").read_text()
    assert ">Refused<" in (folder / "worse/report.html").read_text()


async def test_a_report_is_pinned_sealed_and_kept_below_its_digest(folder: Path, server: ModelServer) -> None:
    made = json.loads((await run(folder, server, *pair(GOOD, BAD), "-o", "json")).stdout)
    file = folder / made["report"]
    report = read(file.read_bytes(), "r")
    manifest = json.loads((folder / "dataset/manifest.json").read_text())
    assert report.digest == digest_of(report) == made["digest"]
    assert file.parent.name == made["digest"].partition(":")[2][:12]
    assert report.inputs == {
        "candidate": PINS[GOOD], "running": PINS[BAD], "dataset": manifest["digest"],
        "questions": manifest["files"]["instruction/test.jsonl"],
    }  # fmt: skip
    shown = json.loads((await run(folder, server, "show", "-o", "json")).stdout)
    assert (shown["report"]["digest"], shown["verdict"]) == (report.digest, None)
    assert "style.ngrams" in (await run(folder, server, "show")).stdout


async def test_what_is_asked_is_one_turn_at_temperature_0(folder: Path, server: ModelServer) -> None:
    await run(folder, server, *pair(GOOD, BAD, "--no-perplexity", "--limit", "3", "--max-tokens", "7"))
    assert {request["model"] for request in server.requests} == {GOOD, BAD}
    assert len(server.requests) == 6
    assert {(r["temperature"], r["max_tokens"], len(r["messages"])) for r in server.requests} == {(0, 7, 1)}


async def test_a_judge_marks_both_and_broken_replies_are_missing_scores(folder: Path, server: ModelServer) -> None:
    judge = {"TWIN_JUDGE_URL": server.url, "TWIN_JUDGE_NAME": "judge", "TWIN_JUDGE_KEY": "sk-judge"}
    await run(folder, server, *pair(GOOD, BAD, "--judge"), "--out", "fine", **judge)
    thresholds(folder, "judge.style: {better: higher, largest_loss: 0.5}")
    await run(folder, server, "gate", "fine")
    replies = iter([Say((JUDGED[:40],)), Status(500), Status(400), Say(("I cannot help with that.",)), Drop(), Say(("",))])
    plain = as_vllm
    server.by = lambda request: next(replies, Say((JUDGED,))) if "response_format" in request else plain(request)
    await run(folder, server, *pair(GOOD, BAD, "--judge"), "--out", "broken", **judge)
    missing = read((folder / "broken/report.json").read_bytes(), "r").measures["judge.style"].missing
    assert missing[0] == missing[1] > 2
    refused = await run(folder, server, "gate", "broken", status=3)
    assert "questions have no score" in refused.stderr
    assert "sk-judge" not in (folder / "broken/report.json").read_text() + refused.stderr


async def test_the_first_release_is_compared_with_its_base(folder: Path, server: ModelServer) -> None:
    await run(folder, server, "evaluate", f"--candidate={GOOD}={PINS[GOOD]}", f"--base={BAD}={PINS[BAD]}", "--dataset", "dataset", "--plain",
              "--out", "first")  # fmt: skip
    assert "compared with its base model" in (folder / "first/report.md").read_text()
    await run(folder, server, "gate", "first")


async def test_the_gate_refuses_what_was_not_pinned(folder: Path, server: ModelServer) -> None:
    await run(
        folder, server, "evaluate", "--candidate", GOOD, f"--running={BAD}={PINS[BAD]}", "--dataset", "dataset", "--plain"
    )
    assert "candidate is not pinned by a digest" in (await run(folder, server, "gate", status=3)).stderr


async def test_the_gate_refuses_a_leaked_split(folder: Path, server: ModelServer) -> None:
    rows = [json.loads(line) for line in (folder / "dataset/instruction/train.jsonl").read_text().splitlines()]
    (folder / "mine.jsonl").write_text(
        "".join(json.dumps({key: row[key] for key in ("instruction", "answer", "document")}) + "\n" for row in rows)
    )
    await run(folder, server, *pair(GOOD, BAD), "--questions", "mine.jsonl")
    assert "the split leaks: 40 questions" in (await run(folder, server, "gate", status=3)).stderr


async def test_the_gate_refuses_a_report_edited_by_hand_and_leaves_it_alone(folder: Path, server: ModelServer) -> None:
    await run(folder, server, *pair(BAD, GOOD), "--out", "r")
    file = folder / "r/report.json"
    edited = file.read_text().replace('"resamples": 10000', '"resamples": 9000')
    file.write_text(edited)
    assert "was changed after it was made" in (await run(folder, server, "gate", "r", status=3)).stderr
    assert file.read_text() == edited
    assert "was changed after it was made" in (await run(folder, server, "show", "r")).stderr


async def test_an_evaluation_needs_a_model_server(folder: Path) -> None:
    said = await asyncio.to_thread(twin, folder, "release", *pair(GOOD, BAD), status=2)
    assert "set model_url" in said.stderr
    said = await asyncio.to_thread(twin, folder, "release", *pair(GOOD, BAD), status=1, TWIN_MODEL_URL="http://127.0.0.1:9/v1")
    assert "cannot be reached" in said.stderr


async def test_bad_input_is_one_line_with_the_thing_at_fault(folder: Path, server: ModelServer) -> None:
    async def said(*arguments: str, status: int = 1, **settings: str) -> str:
        return (await run(folder, server, *arguments, status=status, **settings)).stderr

    assert "serves no 'other' but good, bad" in await said(
        "evaluate", "--candidate=other", f"--running={BAD}", "--dataset", "dataset", "--plain"
    )
    assert "give either --running" in await said("evaluate", f"--candidate={GOOD}", "--dataset", "dataset")
    assert "give NAME=FOLDER" in await said("evaluate", "--candidate==x", f"--base={BAD}", "--dataset", "dataset")
    assert "twin.json" in await said("evaluate", f"--candidate={GOOD}=nowhere", f"--base={BAD}", "--dataset", "dataset")
    assert "holds no dataset" in await said("evaluate", f"--candidate={GOOD}", f"--base={BAD}", "--dataset", "nowhere")
    assert "judge_url" in await said(*pair(GOOD, BAD, "--judge"), status=2)
    assert "cannot be read" in await said(*pair(GOOD, BAD), "--questions", "nowhere.jsonl")
    assert "there is no report yet" in await said("gate")
    assert "cannot be read" in await said("show", "nowhere")
    assert "no index is live" in await said(*[a for a in pair(GOOD, BAD) if a != "--plain"])
    (folder / "junk.json").write_text("{}")
    assert "junk.json: is no report" in await said("gate", "junk.json")
    (folder / "dataset/instruction/test.jsonl").write_text("")
    assert "was changed" in await said(*pair(GOOD, BAD))


async def test_thresholds_are_refused_by_line_and_name(folder: Path, server: ModelServer) -> None:
    await run(folder, server, *pair(GOOD, BAD))
    thresholds(folder, "bleu: {better: higher, least_gain: 0.1}")
    assert "thresholds.yaml:4: measures.bleu: there is no such measure" in (await run(folder, server, "gate", status=1)).stderr
    (folder / "thresholds.yaml").unlink()
    assert "cannot be read" in (await run(folder, server, "gate", status=1)).stderr


async def test_a_server_that_dies_and_a_folder_that_cannot_be_written_are_named(folder: Path, server: ModelServer) -> None:
    server.by = lambda _: Status(500)
    assert (
        "gives no answer at all: the model server answered 500"
        in (await run(folder, server, *pair(GOOD, BAD), status=1)).stderr
    )
    server.by = as_vllm
    (folder / "taken").write_text("")
    assert (
        "taken: the report cannot be written"
        in (await run(folder, server, *pair(GOOD, BAD), "--out", "taken", status=1)).stderr
    )


async def test_a_chat_template_that_is_not_the_trained_one_is_refused_by_its_first_token(
    folder: Path, server: ModelServer
) -> None:
    from twin.model.tokenizing import tokenizer_of

    words = tokenizer_of([paragraph(topic, 3) for topic in TOPICS], 400, 512)
    words.save_pretrained(folder / "tokenizer")
    plain = as_vllm

    def rendering(request: dict):
        if "add_generation_prompt" not in request:
            return plain(request)
        ids = words.apply_chat_template(
            request["messages"], add_generation_prompt=request["add_generation_prompt"], return_dict=False
        )
        return Status(200, json.dumps({"tokens": [*ids[:1], 99, *ids[1:]] if server.wrong else ids}).encode())

    server.by, server.wrong = rendering, False
    await run(folder, server, *pair(GOOD, BAD, "--tokenizer", "tokenizer", "--limit", "20"), "--out", "same")
    await run(folder, server, "gate", "same")
    server.wrong = True
    await run(
        folder, server, *pair(GOOD, BAD, "--tokenizer", "tokenizer", "--no-perplexity", "--limit", "20"), "--out", "other"
    )
    refused = (await run(folder, server, "gate", "other", status=3)).stderr
    assert "the chat template of 'good' is not the one trained with: conversation 1, token 1: trained with" in refused
