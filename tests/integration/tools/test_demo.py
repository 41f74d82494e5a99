"""`make demo` as a process: from a small repository to a cited answer, and an exit status that says when it failed."""

from __future__ import annotations

import asyncio
import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.doubles.model_server import ModelServer, Say
from tests.integration.cli.running import environment
from tests.integration.cli.terminal import CTRL_C, terminal
from tests.integration.documents.repositories import Repository
from tests.servers import free_port

ROOT = Path(__file__).parents[3]
QUESTION = "How many lanterns hang in the harbour?"
PASSAGE = "Seventeen lanterns hang in the harbour"
DEMO = (sys.executable, "-m", "tools.demo", QUESTION)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Settings by which the demo reads a small repository of its own."""
    repository = Repository(tmp_path / "repository")
    repository.write(
        harbour_md=f"# The harbour\n\n{PASSAGE} and burn all night.\n", README_md="# A village\n\nIt has a mill.\n"
    )
    repository("add", "--all")
    repository("commit", "--quiet", "--message", "Describe the village")
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        'author: {id: ada, name: Ada}\nsources:\n  - {kind: git, name: village, url: repository, include: ["**/*.md"]}\n'
    )
    return {"TWIN_SOURCES": str(sources), "TWIN_HOME": str(tmp_path / "home"), "TWIN_PORT": "0", "PYTHONPATH": str(ROOT)}


def demo(**settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        DEMO,
        cwd=ROOT,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_the_demo_answers_with_a_citation_of_a_passage_of_the_repository(settings, tmp_path):
    done = demo(**settings)
    assert done.returncode == 0, done.stderr
    assert PASSAGE in done.stdout
    cited = re.search(r"The harbour: (\S+)", done.stdout)
    assert cited, done.stdout
    assert PASSAGE in (tmp_path / "repository" / cited[1].rpartition("/")[2].partition("?")[0]).read_text()


def test_a_demo_whose_model_server_is_gone_fails_and_says_why(settings):
    done = demo(**settings, TWIN_MODEL_URL=f"http://127.0.0.1:{free_port()}/v1", TWIN_MODEL_NAME="gone")
    assert done.returncode == 1, done.stdout
    assert "demo: the model server at" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_demo_whose_answer_breaks_off_fails(settings):
    async with ModelServer() as server:
        server.script = [Say(("Seventeen ", "lanterns "), finish=None, done=False)]
        done = await asyncio.to_thread(demo, **settings, TWIN_MODEL_URL=server.url, TWIN_MODEL_NAME="m")
    assert "Seventeen lanterns" in done.stdout
    assert done.returncode == 1, done.stdout
    assert "ended the answer early" in done.stderr


def test_on_a_terminal_the_demo_goes_on_at_the_address_that_it_prints_also_where_its_own_is_taken(settings):
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings["TWIN_PORT"] = str(other.getsockname()[1])
        with terminal(ROOT, *DEMO, environment=environment(**settings), columns=200) as shown:
            shown.until("What is a tombstone?\"}]}'")
            assert "is taken" in shown.plain
            curl = shlex.split(shown.plain[shown.plain.index("curl -N") :].replace("\\\n", " "))
            request = urllib.request.Request(curl[2], curl[6].encode(), dict([curl[4].split(": ")]))
            with urllib.request.urlopen(request, timeout=30) as reply:
                assert b"[DONE]" in reply.read()
            shown.press(CTRL_C)
            assert shown.ended() == 0
