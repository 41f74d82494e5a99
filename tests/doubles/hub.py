"""A double of the calls of a Hugging Face hub's API that put a dataset there: none can be had offline. Checks each request.

Large files go by the hub's LFS protocol, which its client speaks with HF_HUB_DISABLE_XET=1.
"""

from __future__ import annotations

import base64
import hashlib
import json

import yaml
from aiohttp import web

TOKEN = "hf_a-token-that-must-never-be-shown"  # gitleaks:allow
NAME = "/{owner}/{name}"


class HubDouble:
    """`files` are those of the repository `repository`, once it was made; `commits` are the lines of each."""

    def __init__(self) -> None:
        self.repository, self.private = "", False
        self.files: dict[str, bytes] = {}
        self.commits: list[list[dict]] = []
        self.stored: dict[str, bytes] = {}  # large files by their digests
        self.refusal: tuple[int, str] | None = None  # of whatever is to be written

    async def __aenter__(self):
        app = web.Application(middlewares=[self._authorized], client_max_size=10**8)
        app.router.add_get(f"/api/datasets{NAME}", self._info)
        app.router.add_get(f"/api/datasets{NAME}/revision/main", self._info)
        app.router.add_post("/api/repos/create", self._create)
        app.router.add_post("/api/validate-yaml", self._validate)
        app.router.add_post(f"/api/datasets{NAME}/preupload/main", self._preupload)
        app.router.add_post(f"/datasets{NAME}.git/info/lfs/objects/batch", self._batch)
        app.router.add_put("/storage/{oid}", self._store)
        app.router.add_post(f"/api/datasets{NAME}/commit/main", self._commit)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        await self._runner.cleanup()

    @web.middleware
    async def _authorized(self, request: web.Request, handler):
        if request.path.startswith("/storage/"):
            assert "Authorization" not in request.headers, "an address to upload to is signed; a token there is told to others"
        elif request.headers.get("Authorization") != f"Bearer {TOKEN}":
            said = "Invalid credentials in Authorization header"
            return web.json_response({"error": said}, status=401, headers={"X-Error-Message": said})
        if self.refusal and request.method != "GET":
            status, said = self.refusal
            return web.json_response({"error": said}, status=status)
        return await handler(request)

    def _here(self, request: web.Request) -> bool:
        return f"{request.match_info['owner']}/{request.match_info['name']}" == self.repository

    async def _info(self, request: web.Request) -> web.Response:
        if not self._here(request):
            said = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            return web.json_response({"error": "Repository not found"}, status=404, headers=said)
        siblings = [{"rfilename": path} for path in sorted(self.files)]
        sha = f"{len(self.commits):040x}"
        return web.json_response({"id": self.repository, "private": self.private, "siblings": siblings, "sha": sha})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["type"] == "dataset"
        assert body.get("visibility") in {None, "private"}, "who sees it by default is its owner's to say"
        self.repository, self.private = f"{body['organization']}/{body['name']}", body.get("visibility") == "private"
        self.files = {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"}
        return web.json_response({"url": f"{self.url}/datasets/{self.repository}"})

    async def _validate(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["repoType"] == "dataset"
        head = yaml.safe_load(body["content"].split("---\n")[1])
        assert {"config_name", "data_files"} == set(head["configs"][0])
        return web.json_response({"errors": [], "warnings": []})

    async def _preupload(self, request: web.Request) -> web.Response:
        assert self._here(request)
        return web.json_response({"files": [self._mode(one) for one in (await request.json())["files"]]})

    def _mode(self, one: dict) -> dict:
        large = one["path"].endswith(".parquet")
        there = self.files.get(one["path"])
        blob = hashlib.sha1(b"blob %d\0" % len(there or b"") + (there or b"")).hexdigest()
        oid = None if there is None else hashlib.sha256(there).hexdigest() if large else blob
        return {"path": one["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid}

    async def _batch(self, request: web.Request) -> web.Response:
        assert self._here(request)
        body = await request.json()
        assert (body["operation"], body["hash_algo"]) == ("upload", "sha256")
        return web.json_response({"transfer": "basic", "objects": [self._object(one) for one in body["objects"]]})

    def _object(self, one: dict) -> dict:
        upload = {"upload": {"href": f"{self.url}/storage/{one['oid']}?signature=signed-and-secret"}}
        return {**one, **({} if one["oid"] in self.stored else {"actions": upload})}

    async def _store(self, request: web.Request) -> web.Response:
        data = await request.read()
        assert hashlib.sha256(data).hexdigest() == request.match_info["oid"]
        self.stored[request.match_info["oid"]] = data
        return web.Response()

    async def _commit(self, request: web.Request) -> web.Response:
        assert self._here(request)
        lines = [json.loads(line) for line in (await request.text()).splitlines()]
        for line in lines:
            self._apply(line["key"], line["value"])
        self.commits.append(lines)
        oid = f"{len(self.commits):040x}"
        return web.json_response({"commitUrl": f"{self.url}/datasets/{self.repository}/commit/{oid}", "commitOid": oid})

    def _apply(self, key: str, value: dict) -> None:
        if key == "file":
            assert value["encoding"] == "base64"
            self.files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile":
            self.files[value["path"]] = self.stored[value["oid"]]
            assert len(self.files[value["path"]]) == value["size"]
        elif key == "deletedFile":
            del self.files[value["path"]]
        else:
            assert key == "header"
