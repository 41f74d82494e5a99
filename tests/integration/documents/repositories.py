"""Repositories for the tests of git: made by git itself, served over HTTP by git's own backend."""

import base64
import os
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

IDENTITY = {
    "GIT_AUTHOR_NAME": "Cy Committer",
    "GIT_AUTHOR_EMAIL": "cy@example.org",
    "GIT_COMMITTER_NAME": "Cy Committer",
    "GIT_COMMITTER_EMAIL": "cy@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "2024-03-05T10:00:00Z",
    "GIT_COMMITTER_DATE": "2024-03-05T10:00:00Z",
}


class Repository:
    """A repository with a working tree on `main`."""

    def __init__(self, path: Path, *options: str):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self("init", "--quiet", "--initial-branch=main", *options)

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", self.path, *arguments], env=os.environ | IDENTITY, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def write(self, **texts) -> None:
        """`docs__a_md="x"` writes docs/a.md."""
        for name, text in texts.items():
            head, _, suffix = name.replace("__", "/").rpartition("_")
            self.put(f"{head}.{suffix}", text)

    def put(self, name, text) -> None:
        path = self.path / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self, message="A change", **texts) -> str:
        self.write(**texts)
        self("add", "--all", "--force")
        self("commit", "--quiet", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD")


class _Backend(BaseHTTPRequestHandler):
    """CGI for `git http-backend`; with a password set, only for who gives it."""

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization", "")))
        if self.server.redirect:
            self.send_response(302)
            self.send_header("Location", self.server.redirect + self.path)
            self.end_headers()
            return
        wanted = self.server.password and "Basic " + base64.b64encode(self.server.password.encode()).decode()
        if wanted and self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "uploadpack.allowReachableSHA1InWant",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
        }
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=self.rfile.read(length), capture_output=True, check=False
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for key, value in fields.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@contextmanager
def serving(root: Path, password: str = ""):
    """Serve the repositories below `root` by git's smart HTTP protocol."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Backend)
    server.root, server.password, server.redirect, server.seen = root, password, "", []
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
