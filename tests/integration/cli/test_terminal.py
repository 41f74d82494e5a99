"""`twin` at a keyboard: Ctrl-C, prompts, progress and colours."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.doubles.model_server import Hang, ModelServer
from tests.integration.cli.running import TWIN, environment, told, twin
from tests.integration.cli.terminal import CTRL_C, terminal

MANY = 20_000


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A twin over an export that takes some seconds to read."""
    (tmp_path / "sources.yaml").write_text(
        "author: {id: ada, name: Ada}\nsources:\n  - {kind: export, name: essays, path: essays.json}\n"
    )
    essays = [
        {
            "_id": {"$oid": f"{number:024x}"},
            "content": {"Title": f"Essay {number}", "Content": f"Essay {number} speaks of harbour {number}. " * 20},
            "platform": "medium",
            "author_id": "ada",
            "author_full_name": "Ada",
            "link": f"https://example.org/{number}",
        }
        for number in range(MANY)
    ]
    (tmp_path / "essays.json").write_text(json.dumps(essays))
    return tmp_path


def few(folder: Path, count: int) -> list[dict]:
    """Leave only the first essays; all that there were."""
    essays = json.loads((folder / "essays.json").read_text())
    (folder / "essays.json").write_text(json.dumps(essays[:count]))
    return essays


def test_ctrl_c_in_a_first_sync_says_how_to_go_on_and_the_next_one_completes_it(export: Path) -> None:
    with terminal(export, str(TWIN), "documents", "sync", environment=environment()) as shown:
        shown.until(" documents/s")
        assert "?" not in shown.plain  # how many there are is not known at the first sync
        shown.press(CTRL_C)
        assert shown.ended() == 130
        said = shown.plain.strip().splitlines()[-1]
    assert said == "twin: interrupted; what was written is complete, run the same command to go on"
    before = len(told(export, "documents", "list", "-n", "0"))
    assert before < MANY
    again = told(export, "documents", "sync")["sources"][0]
    assert (again["new"] + again["unchanged"], again["failed"]) == (MANY, [])
    assert again["unchanged"] >= before
    assert told(export, "documents", "sync")["sources"][0]["unchanged"] == MANY


def test_a_sync_that_goes_past_what_was_stored_shows_no_total(export: Path) -> None:
    essays = few(export, 40)
    twin(export, "documents", "sync")
    (export / "essays.json").write_text(json.dumps(essays[:6_000]))
    with terminal(export, str(TWIN), "documents", "sync", environment=environment(), columns=120) as shown:
        assert shown.ended() == 0
    rows = re.findall(r"essays\s+\S*\s*([\d,]+)(/[\d,]+)? ", shown.plain)
    assert all(not total for done, total in rows if int(done.replace(",", "")) > 40), rows


def test_sigterm_is_told_from_ctrl_c_by_its_status(export: Path) -> None:
    with subprocess.Popen(
        [str(TWIN), "documents", "sync"], cwd=export, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        while not (export / ".twin" / "documents.db").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "run the same command to go on" in said


async def test_ctrl_c_while_asking_promises_nothing_to_go_on_with(export: Path) -> None:
    few(export, 20)
    twin(export, "documents", "sync")
    twin(export, "index", "build", "--switch")

    def asked(url: str) -> str:
        settings = environment(TWIN_MODEL_URL=url, TWIN_MODEL_NAME="double")
        with terminal(export, str(TWIN), "ask", "What of harbour 7?", environment=settings) as shown:
            shown.until("Tombstones")
            shown.press(CTRL_C)
            assert shown.ended() == 130
            return shown.plain

    async with ModelServer() as server:
        server.script = [Hang(after=2)]
        said = await asyncio.to_thread(asked, server.url)
    assert said.splitlines()[-1] == "twin: interrupted"


def test_ctrl_c_at_the_prompt_of_init_makes_nothing(tmp_path: Path) -> None:
    with terminal(tmp_path, str(TWIN), "init", environment=environment()) as shown:
        shown.until("Who writes?")
        shown.press(CTRL_C)
        assert shown.ended() == 130
        assert shown.plain.strip().splitlines()[-1] == "twin: interrupted"
        assert "Aborted" not in shown.plain
    assert list(tmp_path.iterdir()) == []


def test_init_asks_for_the_author_on_a_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, str(TWIN), "init", environment=environment()) as shown:
        shown.until("Who writes?")
        shown.press("Ada Ünïcode\n")
        assert shown.ended() == 0
    assert 'name: "Ada Ünïcode"' in (tmp_path / "sources.yaml").read_text()


@pytest.mark.parametrize("no_color", ["1", ""])
def test_no_color_takes_every_colour_out(export: Path, no_color: str) -> None:
    settings = environment() if no_color else {k: v for k, v in environment().items() if k != "NO_COLOR"}
    with terminal(export, str(TWIN), "documents", "sync", "--dry-run", environment=settings) as shown:
        assert shown.ended() == 0
    coloured = re.search(r"\x1b\[[0-9;]*3[0-7][0-9;]*m|\x1b\[38;", shown.said)
    assert bool(coloured) is not bool(no_color)


def test_up_syncs_builds_serves_and_ends_with_ctrl_c(export: Path) -> None:
    essays = json.loads((export / "essays.json").read_text())[:40]
    (export / "essays.json").write_text(json.dumps(essays))
    with terminal(export, str(TWIN), "up", "--port", "0", environment=environment(), columns=160) as shown:
        shown.until("Ctrl-C ends it")
        assert re.search(r"essays +export +40 ", shown.plain)
        assert "is live (recall@10" in shown.plain
        address = re.search(r"serving on (\S+)", shown.plain)[1]
        asked = subprocess.run(
            ["curl", "-sf", f"{address}/v1/retrieve", "-H", "content-type: application/json", "-d", '{"query": "harbour 7"}'],
            capture_output=True,
            check=True,
        )
        assert "harbour 7" in json.loads(asked.stdout)["data"][0]["text"]
        shown.press(CTRL_C)
        assert shown.ended() == 0
    with terminal(export, str(TWIN), "up", "--port", "0", environment=environment(), columns=160) as shown:
        shown.until("Ctrl-C ends it")
        assert "up to date" in shown.plain
        os.kill(shown.process, signal.SIGTERM)
        assert shown.ended() == 0
