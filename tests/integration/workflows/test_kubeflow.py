"""The ETL as Kubeflow runs it, a container a step, ends with the documents and passages that the commands end with."""

from __future__ import annotations

import json

import pytest
from kfp import local

from tests.integration.cli.running import told, twin
from tests.integration.workflows.docker import daemon, image, mounts

pytestmark = pytest.mark.timeout(600)
SOURCES = """\
author: {id: ada, name: Ada}
sources:
  - {kind: files, name: notes, path: notes/}
  - {kind: export, name: articles, path: articles.json}
"""


@pytest.fixture
def twins(tmp_path):
    """Two twins with the same sources, and where a pipeline's outputs go."""
    made = [tmp_path / "typed", tmp_path / "piped"]
    for folder in made:
        (folder / "notes").mkdir(parents=True)
        (folder / "sources.yaml").write_text(SOURCES)
        for n in range(12):
            (folder / "notes" / f"{n}.md").write_text(
                f"# Note {n}\n\nThe lantern of house {n} is mended in spring number {n}.\n"
            )
        articles = [{"title": f"Article {n}", "content": f"What the keeper of bridge {n} wrote.", "link": f"https://example.org/{n}"} for n in range(5)]  # fmt: skip
        (folder / "articles.json").write_text(json.dumps(articles))
    return made


def held(folder, **settings):
    documents = told(folder, "documents", "list", "-n", "0", **settings)
    snapshot = told(folder, "index", "snapshot", **settings)
    passages = told(folder, "ask", "Which lantern is mended in spring?", "-k", "50", **settings)  # every one of them
    return (
        sorted((one["uri"], one["title"], one["characters"]) for one in documents),
        (snapshot["name"], snapshot["documents"], snapshot["chunks"]),
        sorted(one["chunk"]["id"] for one in passages["passages"]),
    )


def test_the_pipeline_yields_the_documents_and_passages_of_the_commands(twins, tmp_path):
    typed, piped = twins
    for words in (("documents", "sync"), ("index", "build"), ("index", "switch"), ("index", "prune")):
        twin(typed, *words)

    home = tmp_path / "work"
    home.mkdir()
    with daemon():
        image("llm-twin/pipelines")
        from workflows.kfp.pipelines import etl_pipeline

        local.init(
            local.DockerRunner(mounts=mounts(twin=piped, work=home), network_mode="host"),
            pipeline_root=str(tmp_path / "outputs"),
        )
        etl_pipeline(parts=["1/2", "2/2"])
    assert held(piped, TWIN_HOME=str(home)) == held(typed)
