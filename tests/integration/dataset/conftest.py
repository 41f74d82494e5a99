"""A twin over an export of essays, stored and ready, and the same through the stores themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.cli.running import twin
from tests.unit.dataset.fakes import essay

TOPICS = (
    "queues",
    "gardens",
    "compilers",
    "harbours",
    "violins",
    "glaciers",
    "bakeries",
    "telescopes",
    "saddles",
    "lanterns",
    "orchards",
    "anchors",
)


def record(number: int, name: str) -> dict:
    return {
        "_id": {"$oid": f"{number:024x}"},
        "content": {"Title": f"On {name}", "Subtitle": "", "Content": essay(name, 4, 5), "language": "en"},
        "platform": "medium",
        "author_id": "ada",
        "author_full_name": "Ada Example",
        "link": f"https://example.org/{name}",
    }


def write(folder: Path, records: list[dict]) -> None:
    (folder / "articles.json").write_text(json.dumps(records))
    (folder / "sources.yaml").write_text(
        "author: {id: ada, name: Ada Example}\nsources:\n  - {kind: export, name: articles, path: articles.json}\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A twin with twelve essays in its store."""
    write(tmp_path, [record(number, name) for number, name in enumerate(TOPICS)])
    twin(tmp_path, "documents", "sync")
    return tmp_path
