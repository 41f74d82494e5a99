"""What runs beside the servers in pods: each script against the server that it is for, or its double."""

from __future__ import annotations

import asyncio
import http.server
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import pytest
from aiohttp import web

from tests.charts.rendering import Render
from tests.doubles.model_server import ModelServer, Say, Status
from tests.doubles.qdrant import QdrantDouble
from tests.integration.gateway.scripted_gateway import RefusalError, ScriptedTwin, Served, Stream, passage
from tests.servers import FerretDB
from tests.unit.model import folders
from tools.charts.environments import CHARTS
from tools.render import ROOT
from twin.drivers.artifacts import Artifacts
from twin.model.folder import UNSEALED
from twin.release.reading import checked
from twin.release.release import write

QUESTION = "What is a tombstone?"


async def run(script: str, *words: str, cwd: Path | None = None, **variables: str) -> tuple[int, str]:
    """A script of a chart as its pod runs it: exit status, and what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        CHARTS / script,
        *words,
        cwd=cwd,
        env={"PATH": path, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize("chart", ["mongodb", "qdrant", "vllm", "rag-gateway"])
def test_the_script_in_the_cluster_is_the_file(chart):
    render = Render(chart, {"global.bucket": "b"})
    data = render("ConfigMap", f"{chart}-test")["data"]
    assert data == {name: (CHARTS / chart / "files" / name).read_text() for name in data}
    assert f"/test/{next(iter(data))}" in render("Pod")["spec"]["containers"][0]["command"]


# --- mongodb ---


async def test_a_document_is_written_found_and_dropped(tmp_path):
    server = FerretDB(tmp_path).start()
    try:
        status, said = await run("mongodb/files/check.py", MONGODB_HOST=server.url(""))
        assert (status, said) == (0, "found {'_id': 7, 'said': 'kept'}\n")
        wrong = {"MONGODB_USERNAME": "ada", "MONGODB_PASSWORD": "wrong"}
        status, said = await run("mongodb/files/check.py", MONGODB_HOST=server.url(""), **wrong)
        assert status == 1
        assert "refuses" in said
        assert "wrong" not in said
    finally:
        server.stop()


# --- rag-gateway ---


async def ask(twin: ScriptedTwin, folder: Path) -> tuple[int, str]:
    with Served(twin, folder) as served:
        return await run("rag-gateway/files/ask.py", served.url.rstrip("/"), QUESTION, TWIN_KEY="k")


async def test_an_answer_with_a_citation_passes(tmp_path):
    twin = ScriptedTwin({QUESTION: Stream(("A mark [1].",), (passage(1, "A tombstone is a mark."),))})
    assert await ask(twin, tmp_path) == (0, "A mark [1].\nhttps://example.org/1\n")


async def test_an_answer_without_a_citation_does_not_pass(tmp_path):
    status, said = await ask(ScriptedTwin({QUESTION: Stream(("I do not know.",))}), tmp_path)
    assert status == 1
    assert "cites nothing" in said


async def test_a_refusal_is_shown(tmp_path):
    status, said = await ask(ScriptedTwin({QUESTION: RefusalError(503, "no index is live")}), tmp_path)
    assert status == 1
    assert "503" in said
    assert "no index is live" in said


async def test_a_gateway_that_is_away_is_named():
    status, said = await run("rag-gateway/files/ask.py", "http://127.0.0.1:9", QUESTION, TWIN_KEY="k")
    assert status == 1
    assert "http://127.0.0.1:9 cannot be asked" in said


# --- qdrant ---


async def test_a_collection_is_made_read_and_dropped():
    async with QdrantDouble(key="k") as server:
        status, said = await run("qdrant/files/check.py", server.url, QDRANT_KEY="k")
        assert (status, server.collections) == (0, {}), said
        assert "kept" in said


async def test_a_wrong_key_does_not_pass():
    async with QdrantDouble(key="k") as server:
        status, said = await run("qdrant/files/check.py", server.url, QDRANT_KEY="other")
    assert status == 1
    assert "Qdrant answered 401" in said


class FullQdrant(QdrantDouble):
    """One that has no room for points."""

    async def _upsert(self, request, body):
        raise web.HTTPInsufficientStorage(text="no space left on device")


async def test_a_collection_that_cannot_be_written_to_does_not_pass_and_is_dropped():
    async with FullQdrant() as server:
        status, said = await run("qdrant/files/check.py", server.url)
        assert (status, server.collections) == (1, {})
        assert "no space left on device" in said


# --- vllm: the test ---


async def test_the_adapter_is_asked_where_there_is_one():
    async with ModelServer(models=({"id": "base"}, {"id": "adapter-1", "parent": "base"})) as server:
        server.script = [Say(("hello",))]
        status, said = await run("vllm/files/ask.py", server.url.removesuffix("/v1"), TWIN_MODEL_KEY="k")
        assert (status, said) == (0, "adapter-1: hello\n")
        assert server.headers[0]["authorization"] == "bearer k"


@pytest.mark.parametrize("answer", [Say(()), Status(500)])
async def test_no_answer_does_not_pass(answer):
    async with ModelServer() as server:
        server.script = [answer]
        status, _ = await run("vllm/files/ask.py", server.url.removesuffix("/v1"), TWIN_MODEL_KEY="k")
    assert status == 1


# --- vllm: draining ---


class Counts(http.server.BaseHTTPRequestHandler):
    """vLLM's metrics, whose requests end one after the other."""

    left: ClassVar = [0.0]

    def do_GET(self) -> None:
        now = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        self.send_response(200)
        self.end_headers()
        text = f'vllm:num_requests_running{{engine="0",model_name="base"}} {now}\nvllm:num_requests_waiting{{engine="0"}} 0.0\n'
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def drain(monkeypatch: pytest.MonkeyPatch):
    import importlib.util

    spec = importlib.util.spec_from_file_location("drain", CHARTS / "vllm" / "files" / "drain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FORGOTTEN, module.EVERY = 0.0, 0.01

    def run(seconds: float, address: str) -> float:
        monkeypatch.setattr(sys, "argv", ["drain.py", str(seconds), address])
        begun = time.monotonic()
        assert module.main() == 0
        return time.monotonic() - begun

    return run


@pytest.fixture
def metrics():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_draining_ends_with_the_last_answer(drain, metrics, capsys, monkeypatch):
    monkeypatch.setattr(Counts, "left", [2.0, 1.0, 0.0])
    assert drain(30, metrics) < 20
    assert capsys.readouterr().out == "2 requests are being answered\n1 requests are being answered\n"


def test_draining_ends_when_its_time_is_over(drain, metrics, monkeypatch):
    monkeypatch.setattr(Counts, "left", [5.0])
    assert drain(0.2, metrics) >= 0.2


def test_a_server_that_is_gone_has_nothing_to_end(drain):
    assert drain(30, "http://127.0.0.1:9") < 20


# --- vllm: the chat template ---


def released(folder: Path, chat_template: str = "") -> dict[str, str]:
    """A twin's folder whose release pins a kept adapter; gives back the environment of the init container."""
    record = folders.adapter(folder / "one", folders.base(folder / "base"))
    kept = asyncio.run(Artifacts(str(folder / "artifacts")).put(folder / "one", beside=UNSEALED))
    digest = "sha256:" + "a" * 64
    pins = {
        "id": "2026-11-20.1",
        "index": {"name": "minilm", "documents": digest, "chunks": 3, "snapshot": f"file:///kept/index#{digest}"},
        "model": {
            "base": "tiny",
            "revision": "r",
            "adapter": str(kept),
            "chatTemplate": chat_template or record["chat_template"],
        },
        "prompt": {"name": "twin-v1", "digest": digest},
        "report": {"uri": "file:///kept/report", "digest": digest, "verdict": "pass"},
    }
    (folder / "release.yaml").write_text(write(checked(pins, "the test")))
    (folder / "adapters").mkdir()
    return {
        "PYTHONPATH": str(ROOT),
        "TWIN_HOME": str(folder / "home"),
        "TWIN_ARTIFACTS_URL": str(folder / "artifacts"),
        "TWIN_ADAPTERS_FOLDER": str(folder / "adapters"),
    }


def test_the_chat_template_is_fetched_with_its_adapter_under_a_name_that_stays(tmp_path):
    status, said = asyncio.run(run("vllm/files/template.py", cwd=tmp_path, **released(tmp_path)))
    assert status == 0, said
    assert (tmp_path / "adapters" / "chat_template.jinja").read_text() == folders.TEMPLATE


def test_another_chat_template_than_the_releases_keeps_vllm_from_starting(tmp_path):
    status, said = asyncio.run(run("vllm/files/template.py", cwd=tmp_path, **released(tmp_path, "sha256:" + "b" * 64)))
    assert status == 1
    assert "but the release pins sha256:bbb" in said
    assert not (tmp_path / "adapters" / "chat_template.jinja").exists()


def test_an_adapter_that_cannot_be_had_keeps_vllm_from_starting(tmp_path):
    variables = released(tmp_path)
    subprocess.run(["rm", "-r", tmp_path / "artifacts"], check=True)
    status, said = asyncio.run(run("vllm/files/template.py", cwd=tmp_path, **variables))
    assert status == 1
    assert "Traceback" not in said
