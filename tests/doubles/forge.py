"""A double of the calls of GitHub's and GitLab's APIs that make requests to merge and find a project: checks path, headers and body, keeps them."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

TOKEN = "forge-token-that-must-never-be-shown"  # gitleaks:allow


class ForgeDouble:
    """`requests` are those that were made. `status` and `answer` are given instead, when they are set."""

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.status, self.answer = 0, None

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/repos/{owner}/{name}/pulls", self._github)
        app.router.add_post("/api/v4/projects/{path:.+}/merge_requests", self._gitlab)
        app.router.add_get("/repos/{owner}/{name}", self._found)
        app.router.add_get("/api/v4/projects/{path:.+}", self._found)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error):
        await self._runner.cleanup()

    def url(self, kind: str) -> str:
        return self.origin if kind == "github" else f"{self.origin}/api/v4"

    async def _github(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials", "status": "401"}, status=401)
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        body = await request.json()
        assert set(body) == {"title", "head", "base", "body"}
        if any(one["head"] == body["head"] for one in self.requests):
            message = f"A pull request already exists for ada:{body['head']}."
            return web.json_response({"message": "Validation Failed", "errors": [{"message": message}]}, status=422)
        where = f"https://github.test/{request.match_info['owner']}/{request.match_info['name']}/pull/{len(self.requests) + 1}"
        return self._made(body["head"], body["base"], body["title"], body["body"], {"html_url": where, "number": 1})

    async def _gitlab(self, request: web.Request) -> web.Response:
        if request.headers.get("PRIVATE-TOKEN") != TOKEN:
            return web.json_response({"message": "401 Unauthorized"}, status=401)
        path = request.raw_path.removeprefix("/api/v4/projects/").removesuffix("/merge_requests")
        assert "/" not in path, "a project's path is one part of the address"
        body = await request.json()
        assert {"source_branch", "target_branch", "title", "description"} <= set(body)
        if any(one["head"] == body["source_branch"] for one in self.requests):
            return web.json_response({"message": ["Another open merge request already exists"]}, status=409)
        where = f"https://gitlab.test/{unquote(path)}/-/merge_requests/{len(self.requests) + 1}"
        return self._made(body["source_branch"], body["target_branch"], body["title"], body["description"], {"web_url": where})

    async def _found(self, request: web.Request) -> web.Response:
        if TOKEN not in {
            request.headers.get("PRIVATE-TOKEN"),
            request.headers.get("Authorization", "").removeprefix("Bearer "),
        }:
            return web.json_response({"message": "Bad credentials"}, status=401)
        known = request.raw_path in {"/repos/ada/twin", "/api/v4/projects/group%2Fsub%2Ftwin"}
        return web.json_response({"id": 1} if known else {"message": "Not Found"}, status=200 if known else 404)

    def _made(self, head, base, title, text, answer) -> web.Response:
        if self.status:
            return web.json_response(self.answer, status=self.status)
        self.requests.append({"head": head, "base": base, "title": title, "body": text})
        return web.json_response(answer, status=201)
