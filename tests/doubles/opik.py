"""A double of Opik's server: takes batches over real HTTP, checks their form and keeps them; can fail, refuse or be slow."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

REQUIRED = {
    "/api/v1/private/traces/batch": ("traces", ("id", "project_name", "name", "start_time", "end_time")),
    "/api/v1/private/spans/batch": ("spans", ("id", "trace_id", "project_name", "name", "type", "start_time", "end_time")),
    "/api/v1/private/traces/feedback-scores": ("scores", ("id", "project_name", "name", "value", "source")),
}


class OpikDouble:
    """`statuses` are answered first, one a request; while `held`, no request is answered."""

    def __init__(self):
        self.traces, self.spans, self.scores = [], [], []
        self.headers, self.statuses, self.faults = [], [], []
        self.requests = 0
        self.held = threading.Event()
        self.held.set()

    def __enter__(self):
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                double._take(self)

            def do_PUT(self):
                double._take(self)

            def log_message(self, *parts):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.held.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, handler):
        self.requests += 1
        data = handler.rfile.read(int(handler.headers["content-length"]))
        self.held.wait()
        status = self.statuses.pop(0) if self.statuses else 0
        if not status:
            status = self._keep(handler, data)
        body = b"" if status < 300 else b'{"message": "scripted"}'
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _keep(self, handler, data):
        if handler.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        name, required = REQUIRED[handler.path]
        items = json.loads(data)[name]
        wrong = [item for item in items if any(key not in item for key in required) or UUID(item["id"]).version != 7]
        if wrong or not 1 <= len(items) <= 1000:
            self.faults.append((handler.path, wrong))
            return 422
        getattr(self, name).extend(items)
        self.headers.append(dict(handler.headers))
        return 204
