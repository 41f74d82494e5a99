"""A double of the calls of GitHub's and GitLab's APIs that make requests to merge and find a project: checks path, headers and body, keeps them."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

TOKEN = "forge-token-that-must-never-be-shown"  # gitleaks:allow


REPOSITORIES = {"ada/twin", "group/sub/twin"}


class ForgeDouble:
    """`requests` are those that were made. `status` and `answer` are given instead, when they are set.

    `expired` says that the token is no longer valid; `branches` are the only ones that are there, None when any is.
    """

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.status, self.answer = 0, None
        self.expired = False
        self.branches: set[str] | None = None

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
        if self.expired or request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials", "status": "401"}, status=401)
        assert request.headers["Accept"] == "application/vnd.github+json"
        assert request.headers["X-GitHub-Api-Version"] == "2022-11-28"
        assert request.content_type == "application/json"
        if "{owner}/{name}".format_map(request.match_info) not in REPOSITORIES:
            return web.json_response({"message": "Not Found", "status": "404"}, status=404)
        body = await request.json()
        assert set(body) == {"title", "head", "base", "body"}
        if any(one["head"] == body["head"] for one in self.requests):
            message = f"A pull request already exists for ada:{body['head']}."
            return web.json_response({"message": "Validation Failed", "errors": [{"message": message}]}, status=422)
        for field in ("head", "base"):
            if self.branches is not None and body[field] not in self.branches:
                errors = [{"resource": "PullRequest", "field": field, "code": "invalid"}]
                return web.json_response({"message": "Validation Failed", "errors": errors}, status=422)
        where = f"https://github.test/{request.match_info['owner']}/{request.match_info['name']}/pull/{len(self.requests) + 1}"
        return self._made(body["head"], body["base"], body["title"], body["body"], {"html_url": where, "number": 1})

    async def _gitlab(self, request: web.Request) -> web.Response:
        if request.headers.get("PRIVATE-TOKEN") != TOKEN:
            return web.json_response({"message": "401 Unauthorized"}, status=401)
        if self.expired:
            said = {"error": "invalid_token", "error_description": "Token is expired."}
            return web.json_response(said, status=401)
        assert request.content_type == "application/json"
        path = request.raw_path.removeprefix("/api/v4/projects/").removesuffix("/merge_requests")
        assert "/" not in path, "a project's path is one part of the address"
        if unquote(path) not in REPOSITORIES:
            return web.json_response({"message": "404 Project Not Found"}, status=404)
        body = await request.json()
        assert set(body) == {"source_branch", "target_branch", "title", "description", "remove_source_branch", "squash"}
        assert body["squash"] is False, "of a squashed request only the title is left"
        if any(one["head"] == body["source_branch"] for one in self.requests):
            return web.json_response({"message": ["Another open merge request already exists"]}, status=409)
        for field in ("source_branch", "target_branch"):
            if self.branches is not None and body[field] not in self.branches:
                return web.json_response({"message": {field: ["does not exist"]}}, status=422)
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
