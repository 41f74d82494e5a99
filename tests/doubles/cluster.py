"""A double of the Kubernetes API over HTTP: objects by their paths, read, listed, made and applied, with its refusals.

Kinds are known once they are built in or a CustomResourceDefinition was applied. Fields that an object lacks are kept when it is applied
over, which is the part of a server-side apply that our commands rely on; who owns what is not followed, and nothing is validated. The
real server runs in tests/cluster.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

TOKEN = "a-token-that-must-never-be-shown"  # gitleaks:allow
BUILT_IN = {
    "/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1", "/apis/networking.k8s.io/v1", "/apis/apiextensions.k8s.io/v1",
}  # fmt: skip
STARTS = {"deployments", "statefulsets"}  # become ready at once, unless `starts` is False


class ClusterDouble:
    """`objects` by path; `asked` are the requests that would change something; `refusal` is answered to them."""

    def __init__(self) -> None:
        self.objects: dict[str, dict] = {}
        self.kinds: set[str] = set()
        self.asked: list[str] = []
        self.refusal: tuple[int, str] | None = None
        self.admin = self.starts = True
        self.made: list[dict] = []  # what was posted, in order; the server names them
        self.phases: list[str] = []  # which a run has, one at each reading of it
        self.nodes: dict[str, dict] = {}  # that such a run has then
        self._version = 0

    def __enter__(self):
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in one packet, else each waits for an acknowledgement

            def log_message(self, *_):
                pass

            def _answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, said = 401, refused(401, "Unauthorized")
                else:
                    status, said = double.answer(self.command, self.path, body, self.headers.get("Content-Type", ""))
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def kubeconfig(self, file: Path, *contexts: str, namespace: str = "default") -> Path:
        """A kubeconfig whose contexts, the first being current, all lead here."""
        names = contexts or ("test",)
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": names[0],
                    "clusters": [{"name": "here", "cluster": {"server": self.url}}],
                    "users": [{"name": "me", "user": {"token": TOKEN}}],
                    "contexts": [
                        {"name": name, "context": {"cluster": "here", "user": "me", "namespace": namespace}} for name in names
                    ],
                }
            )
        )
        return file

    def put(self, path: str, **fields) -> None:
        """Have an object there, whatever its kind."""
        self.kinds.add(path[: path.index("/namespaces/")] + "/" + path.split("/")[-2])
        self.objects[path] = {"metadata": {"name": path.split("/")[-1], **fields.pop("metadata", {})}, **fields}

    def answer(self, method: str, target: str, body, content_type: str) -> tuple[int, dict]:
        where = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(where.query).items()}
        if where.path.endswith("/selfsubjectaccessreviews"):
            return 201, {**body, "status": {"allowed": self.admin}}
        if method == "GET":
            return self._read(where.path, query.get("labelSelector", ""))
        self.asked.append(f"{method} {where.path}")
        if self.refusal:
            return self.refusal[0], refused(*self.refusal)
        if method == "POST":
            self.made.append(json.loads(json.dumps(body)))
            number = len(self.made)
            name = body["metadata"].get("name") or f"{body['metadata']['generateName']}{number:05}"
            body["metadata"] |= {"name": name, "creationTimestamp": f"2026-01-01T00:00:{number:02}Z"}
            return 201, self._kept(f"{where.path}/{name}", body)
        assert content_type == "application/apply-patch+yaml", content_type
        assert query["fieldManager"], "an apply names its owner"
        return self._applied(where.path, body, dry_run=query.get("dryRun") == "All")

    def _known(self, path: str) -> bool:
        api, rest = _parts(path)
        plural = rest[2] if rest[0] == "namespaces" and len(rest) > 2 else rest[0]
        return api in BUILT_IN or f"{api}/{plural}" in self.kinds

    def _read(self, path: str, labels: str) -> tuple[int, dict]:
        if path in self.objects:
            if self.phases and self.objects[path].get("kind") == "Workflow":
                self.objects[path]["status"] = {"phase": self.phases.pop(0), "nodes": self.nodes}
            return 200, self.objects[path]
        if len(_parts(path)[1]) in {1, 3} and self._known(path):
            found = [one for at, one in self.objects.items() if at.rpartition("/")[0] == path]
            return 200, {"kind": "List", "items": [one for one in found if _has(one, labels)]}
        return 404, refused(404, "the server could not find the requested resource")

    def _applied(self, path: str, body: dict, *, dry_run: bool) -> tuple[int, dict]:
        namespace = path.partition("/namespaces/")[2].split("/")[0]
        if not self._known(path) or (
            path.count("/") > 4 and namespace and f"/api/v1/namespaces/{namespace}" not in self.objects
        ):
            return 404, refused(404, "the server could not find the requested resource")
        merged = _merged(self.objects.get(path, {}), body)
        return 200, merged if dry_run else self._kept(path, merged)

    def _kept(self, path: str, one: dict) -> dict:
        self._version += 1
        one = {**one, "metadata": {**one["metadata"], "resourceVersion": str(self._version), "generation": 1}}
        if path.split("/")[-2] in STARTS:
            one["status"] = {"readyReplicas": int(self.starts), "observedGeneration": 1}
        if one.get("kind") == "CustomResourceDefinition":
            spec = one["spec"]
            self.kinds |= {f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}" for version in spec["versions"]}
        self.objects[path] = one
        return one


def _parts(path: str) -> tuple[str, list[str]]:
    """The API of a path, and what follows: `[namespaces, NAMESPACE,] PLURAL[, NAME]`."""
    parts = path.split("/")
    at = 3 if parts[1] == "api" else 4
    return "/".join(parts[:at]), parts[at:]


def _has(one: dict, selector: str) -> bool:
    found = one["metadata"].get("labels", {})
    wanted = [part.partition("=") for part in filter(None, selector.split(","))]
    return all(key in found and (not equals or found[key] == value) for key, equals, value in wanted)


def _merged(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new


def refused(status: int, message: str) -> dict:
    """What the API says when it refuses."""
    return {"kind": "Status", "status": "Failure", "code": status, "message": message}
