"""A dataset on disk and a model server whose two models answer well and badly, as a vLLM with two adapters would."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.doubles.model_server import Say, Status
from twin.digest import bytes_digest, files_digest, folder_files
from twin.records import Example, ExampleKind, document_id

GOOD, BAD = "good", "bad"
PINS = {name: bytes_digest(name.encode()) for name in (GOOD, BAD)}
TOPICS = ("queues", "gardens", "compilers", "harbours", "violins", "glaciers", "bakeries", "telescopes", "saddles", "lanterns")
JUDGED = '{"reason": "so", "first": {"accuracy": 4, "style": 4}, "second": {"accuracy": 4, "style": 4}}'


def paragraph(topic: str, number: int) -> str:
    """As the author writes."""
    return (
        f"The first thing that I learned of {topic} is that they are made of other {topic}, and that it is the smallest of them on "
        f"which the whole depends. In the {number} years that I have had to do with them, it was never the large one that broke."
    )


def example(topic: str, number: int, extract: str) -> Example:
    return Example(
        kind=ExampleKind.INSTRUCTION,
        instruction=f"What did you learn of {topic} in {number} years?",
        answer=paragraph(topic, number),
        document=document_id(f"https://example.org/{topic}/{number}"),
        source="articles",
        author="ada",
        origin="structural:test",
        extract=extract,
    )


def dataset(folder: Path, topics: Sequence[str] = TOPICS) -> Path:
    """A dataset of four trained examples and two questions from other documents for each topic; its manifest is true."""
    train = [example(topic, number, " ".join([paragraph(topic, number)] * 3)) for topic in topics for number in range(2, 6)]
    test = [example(topic, number, paragraph(topic, number)) for topic in topics for number in (31, 47)]
    tables = {"instruction/train": train, "instruction/test": test, "preference/train": [], "preference/test": []}
    for name, examples in tables.items():
        file = folder / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(msgspec.json.encode({"id": one.id, **msgspec.to_builtins(one)}) + b"\n" for one in examples))
    files = folder_files(folder)
    manifest = {
        "schema": 1, "format": "jsonl", "counts": {"instruction": {"train": len(train), "test": len(test)}}, "documents": 60, "groups": 60,
        "sources": {"articles": 1}, "filters": [], "seed": 1, "test_share": 0.3, "generator": {"name": "structural"}, "files": files,
        "digest": files_digest(files),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@functools.cache
def words():
    """A tokenizer with a chat template, as a tiny base has it."""
    from twin.model.tokenizing import tokenizer_of

    return tokenizer_of([paragraph(topic, 3) for topic in TOPICS], 400, 1024)


def tokenizer(folder: Path) -> Path:
    """The tokenizer in a folder of its own."""
    words().save_pretrained(folder)
    return folder


def tokens(request: dict, template: str | None = None) -> list[int]:
    """What /tokenize makes of a conversation."""
    return words().apply_chat_template(
        request["messages"], chat_template=template, add_generation_prompt=request["add_generation_prompt"], return_dict=False
    )


def as_vllm(request: dict, context: int = 0):
    """Chat of two models, a judge, /tokenize and prompt_logprobs; the bad model shouts and expects nothing."""
    good = request.get("model") == GOOD
    if "add_generation_prompt" in request:
        return Status(200, json.dumps({"tokens": tokens(request)}).encode())
    if context and len(request.get("prompt", ())) + 1 > context:
        return Status(400, b'{"error": {"message": "longer than the maximum model length"}}')
    if "prompt_logprobs" in request:
        places = [None, *({str(one): {"logprob": -1.0 if good else -3.0}} for one in request["prompt"][1:])]
        return Status(200, json.dumps({"choices": [{"prompt_logprobs": places}]}).encode())
    if "response_format" in request:
        return Say((JUDGED,))
    asked = request["messages"][-1]["content"]
    topic = next((topic for topic in TOPICS if f"learn of {topic}" in asked), "things")
    said = f"The whole of {topic} depends on the smallest, and that is the first thing that I have learned of it [1]."
    return Say((said,) if good else (f"WOW!!! {topic.upper()} are AMAZING!!! ", "Click NOW!!!"))


def cards(**roots: str) -> tuple[dict, ...]:
    """What a vLLM lists: a base with its context, and adapters with their folders."""
    base = {"id": "base", "root": "/models/tiny", "owned_by": "vllm", "max_model_len": 1024}
    return (base, *({"id": name, "root": root, "parent": "base", "owned_by": "vllm"} for name, root in roots.items()))


def thresholds(folder: Path, *rules: str) -> Path:
    """thresholds.yaml in `folder`; without rules, of the measures that a plain evaluation has."""
    usual = (
        "perplexity.nats: {better: lower, largest_loss: 0.02}",
        "style.ngrams: {better: lower, largest_loss: 0.05}",
        "copying.share: {better: lower, largest_loss: 0.5}",
    )
    lines = "".join(f"  {rule}\n" for rule in rules or usual)
    file = folder / "thresholds.yaml"
    file.write_text(f"confidence: 0.95\nquestions: 20\nmeasures:\n{lines}")
    return file
