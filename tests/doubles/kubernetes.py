"""A double of Kubernetes' API for Argo's kinds: objects are read, listed by label and made; each request is kept. Runs nothing."""

from __future__ import annotations

import json
from pathlib import Path

from aiohttp import web

TOKEN = "cluster-token-that-must-never-be-shown"  # gitleaks:allow


class KubernetesDouble:
    """`objects` by plural and name. A run that is made gets the phases in `phases`, one at each reading."""

    def __init__(self, namespace: str = "twin-staging") -> None:
        self.namespace = namespace
        self.objects: dict[str, dict[str, dict]] = {"workflowtemplates": {}, "workflows": {}}
        self.made: list[dict] = []
        self.phases: list[str] = []
        self.nodes: dict[str, dict] = {}  # of every run
        self.refuse = 0

    def add(self, kind: str, one: dict) -> None:
        self.objects[kind][one["metadata"]["name"]] = one

    async def __aenter__(self):
        app = web.Application()
        base = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{kind}"
        app.router.add_get(base, self._list)
        app.router.add_post(base, self._create)
        app.router.add_get(base + "/{name}", self._get)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        await self._runner.cleanup()

    def kubeconfig(self, file: Path) -> Path:
        """A kubeconfig whose current context is this cluster and namespace."""
        value = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "double",
            "clusters": [{"name": "double", "cluster": {"server": self.url}}],
            "users": [{"name": "ada", "user": {"token": TOKEN}}],
            "contexts": [{"name": "double", "context": {"cluster": "double", "user": "ada", "namespace": self.namespace}}],
        }
        file.write_text(json.dumps(value))
        return file

    def _allowed(self, request: web.Request) -> None:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if self.refuse:
            raise self._status(self.refuse, "workflows.argoproj.io is forbidden: ada cannot do that")

    def _status(self, code: int, message: str) -> web.HTTPException:
        body = json.dumps({"kind": "Status", "code": code, "message": message})
        made = {403: web.HTTPForbidden, 404: web.HTTPNotFound, 401: web.HTTPUnauthorized}[code]
        return made(text=body, content_type="application/json")

    async def _get(self, request: web.Request) -> web.Response:
        self._allowed(request)
        found = self.objects.get(request.match_info["kind"], {}).get(request.match_info["name"])
        if found is None or request.match_info["namespace"] != self.namespace:
            raise self._status(404, f"{request.match_info['name']} not found")
        if found["kind"] == "Workflow" and self.phases:
            found["status"]["phase"] = self.phases.pop(0)
        return web.json_response(found)

    async def _list(self, request: web.Request) -> web.Response:
        self._allowed(request)
        key, _, value = request.query.get("labelSelector", "").partition("=")
        every = self.objects.get(request.match_info["kind"], {}).values()
        labels = [(one, one["metadata"].get("labels", {})) for one in every]
        return web.json_response(
            {"items": [one for one, has in labels if not key or (has.get(key) == value if value else key in has)]}
        )

    async def _create(self, request: web.Request) -> web.Response:
        self._allowed(request)
        body = await request.json()
        self.made.append(body)
        name = f"{body['metadata']['generateName']}{len(self.made):05}"
        stamp = f"2026-01-01T00:00:{len(self.made):02}Z"
        body = {
            **body,
            "metadata": {**body["metadata"], "name": name, "creationTimestamp": stamp},
            "status": {"nodes": self.nodes},
        }
        self.add(request.match_info["kind"], body)
        return web.json_response(body, status=201)
