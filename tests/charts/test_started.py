"""What the gateway's chart renders starts a real gateway: its settings, its files, its probes, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Self

import aiohttp

from tests.charts.rendering import Render
from tests.doubles.model_server import ModelServer
from tests.doubles.qdrant import QdrantDouble
from tests.servers import free_port
from tools.render import ROOT
from twin.drivers.keys import Keys

SECONDS = 90


class Started:
    """A gateway with the variables and files of its pod; what is the pod's own (paths, port, addresses) is this machine's."""

    def __init__(self, folder: Path, qdrant: str, model: str) -> None:
        render = Render("rag-gateway", {"files.sources": "author: {id: ada, name: Ada}\nsources: []\n", "drainSeconds": 5})
        self.container = render.container("Deployment")
        self.port = free_port()
        for name, text in render("ConfigMap", "rag-gateway-files")["data"].items():
            (folder / name).write_text(text)
        _, self.key = Keys(folder / "keys.json").create("test", ["ask"])
        here = {
            "TWIN_HOST": "127.0.0.1",
            "TWIN_PORT": str(self.port),
            "TWIN_HOME": str(folder / "work"),
            "TWIN_KEYS_FILE": str(folder / "keys.json"),
            "TWIN_QDRANT_URL": qdrant,
            "TWIN_MODEL_URL": model,
            "TWIN_ARTIFACTS_URL": str(folder / "artifacts"),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ["PATH"],
        }
        self.variables = render("ConfigMap", "rag-gateway-settings")["data"] | here
        self.folder = folder

    async def __aenter__(self) -> Self:
        command = [Path(sys.executable).parent / "twin", *self.container["args"]]
        self.log = (self.folder / "log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, env=self.variables, stdout=self.log, stderr=self.log
        )
        async with asyncio.timeout(SECONDS):
            while await self.status("startupProbe") != 200:
                assert self.process.returncode is None, (self.folder / "log").read_text()
                await asyncio.sleep(0.1)  # another process's port has no event to await
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        self.log.close()

    async def status(self, probe: str) -> int:
        return (await self.get(self.container[probe]["httpGet"]["path"]))[0]

    async def get(self, path: str, key: str = "") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            async with (
                aiohttp.ClientSession(headers=headers) as session,
                session.get(f"http://127.0.0.1:{self.port}{path}") as reply,
            ):
                return reply.status, await reply.text()
        except aiohttp.ClientError:
            return 0, ""


async def test_the_pods_variables_and_files_start_a_gateway_of_the_release_that_ends_on_sigterm(tmp_path):
    async with (
        QdrantDouble() as qdrant,
        ModelServer() as model,
        Started(tmp_path, qdrant.url, model.url) as gateway,
    ):
        assert await gateway.status("livenessProbe") == 200
        ready, said = await gateway.get(gateway.container["readinessProbe"]["httpGet"]["path"])
        assert ready == 503
        assert "2026-11-20.1" in said  # the release of the ConfigMap, whose index is not live here
        assert (await gateway.get("/metrics"))[1].count("twin_release_differences")
        assert (await gateway.get("/v1/models"))[0] == 401
        assert (await gateway.get("/v1/models", gateway.key))[0] == 200
        gateway.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await gateway.process.wait() == 0
