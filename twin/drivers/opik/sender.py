"""Finished traces and feedback -> Opik's REST API, from a thread of its own. A slow or dead server costs an answer nothing.

Not the SDK: it was measured to stall the calling thread for up to a second, to import for seconds and to need 120 MB. What the
bounded queue or the retries cannot hold is dropped and counted. Knows no step.
"""

from __future__ import annotations

import gzip
import http.client
import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from twin.drivers.opik.wire import Score, as_score, as_span, as_trace
from twin.errors import SettingsError
from twin.records import Trace

log = logging.getLogger(__name__)
_BATCH = 200  # traces a request; each has up to ten spans, and Opik takes 1,000 items
_GATHER = 1.0  # seconds
_GZIP_FROM = 256  # bytes


class OpikSender:
    """A sink that sends. `sent` and `dropped` count traces and scores; `redact` may change a trace before it leaves."""

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        workspace: str = "default",
        project: str = "llm-twin",
        redact: Callable[[Trace], Trace] | None = None,
        queue_size: int = 2000,
        retries: int = 5,
        wait: float = 0.5,
        timeout: float = 10.0,
    ) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError("opik_url is no address: it should look like https://opik.example.org/api")
        self._https, self._host, self._port, self._path = parts.scheme == "https", parts.hostname, parts.port, parts.path
        self._headers = {"content-type": "application/json", "Comet-Workspace": workspace} | (
            {"authorization": key} if key else {}
        )
        self._project = project
        self._redact = redact
        self._retries, self._wait, self._timeout = retries, wait, timeout
        self._queue: queue.Queue[Trace | Score] = queue.Queue(queue_size)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self.sent = 0
        self.dropped = 0

    def put(self, trace: Trace) -> None:
        """Take a trace without waiting."""
        self._take(trace)

    def score(self, trace_id: str, name: str, value: float, comment: str = "") -> None:
        """Take feedback without waiting; Opik joins it to its trace whichever comes first."""
        self._take(Score(trace_id, name, value, comment))

    def flush(self, timeout: float = 5.0) -> bool:
        """Whether everything taken was sent or dropped within `timeout` seconds."""
        end = time.monotonic() + timeout
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._queue.all_tasks_done.wait(left)
        return True

    def close(self, timeout: float = 5.0) -> bool:
        """Send what waits, for `timeout` seconds at most, and end the thread; what is left is dropped and counted."""
        done = self.flush(timeout)
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._timeout)
        return done

    def _take(self, item: Trace | Score) -> None:
        if self._thread is None:
            self._start()
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self.dropped += 1

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_on, name="opik", daemon=True)
                self._thread.start()

    def _send_on(self) -> None:
        while not self._stopping.is_set():
            batch = self._gather()
            if batch:
                try:
                    self._send(batch)
                except Exception:  # the thread must outlive whatever one batch holds
                    self.dropped += len(batch)
                    log.exception("a batch for Opik was dropped", extra={"items": len(batch)})
                for _ in batch:
                    self._queue.task_done()
        if self._connection is not None:
            self._connection.close()

    def _gather(self) -> list[Trace | Score]:
        """What comes within a second of the first item, without waiting longer when someone flushes an empty queue."""
        try:
            batch = [self._queue.get(timeout=0.2)]
        except queue.Empty:
            return []
        end = time.monotonic() + _GATHER
        while len(batch) < _BATCH and not self._stopping.is_set():
            try:
                batch.append(self._queue.get(timeout=max(0.0, min(0.05, end - time.monotonic()))))
            except queue.Empty:
                break  # nothing came for 50 ms: a second is only waited for under load
            if time.monotonic() >= end:
                break
        return batch

    def _send(self, batch: Sequence[Trace | Score]) -> None:
        traces = [self._redact(item) if self._redact else item for item in batch if isinstance(item, Trace)]
        scores = [item for item in batch if isinstance(item, Score)]
        scores += [Score(trace.id, name, value) for trace in traces for name, value in trace.scores.items()]
        kept = True
        if traces:
            spans = [as_span(trace, span, self._project) for trace in traces for span in trace.spans[1:]]
            kept = self._deliver("POST", "/v1/private/traces/batch", {"traces": [as_trace(t, self._project) for t in traces]})
            for at in range(0, len(spans) if kept else 0, 1000):
                kept = self._deliver("POST", "/v1/private/spans/batch", {"spans": spans[at : at + 1000]}) and kept
        if scores:
            body = {"scores": [as_score(score, self._project) for score in scores]}
            kept = self._deliver("PUT", "/v1/private/traces/feedback-scores", body) and kept
        if kept:
            self.sent += len(batch)
        else:
            self.dropped += len(batch)

    def _deliver(self, method: str, path: str, body: Mapping[str, Any]) -> bool:
        """Whether Opik took it. A refusal is final; a busy or absent server is asked again, with growing pauses."""
        data = msgspec.json.encode(body)
        headers = dict(self._headers)
        if len(data) >= _GZIP_FROM:
            data, headers["content-encoding"] = gzip.compress(data, 1), "gzip"
        for attempt in range(self._retries + 1):
            status, words = self._request(method, path, data, headers)
            if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
                return True
            again = status in {0, 429} or status >= 500  # noqa: PLR2004
            log.warning(
                "Opik did not take a batch", extra={"path": path, "status": status, "reason": words, "attempt": attempt}
            )
            pause = min(30.0, self._wait * 2**attempt) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
            if not again or attempt == self._retries or self._stopping.wait(pause):
                return False
        return False

    def _request(self, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Status and words of a reply; status 0 when none came."""
        try:
            connection = self._connection or self._connect()
            connection.request(method, self._path + path, data, dict(headers))
            reply = connection.getresponse()
            words = reply.read(2000).decode("utf-8", "replace")
            if not reply.isclosed():
                self._drop_connection()
        except (OSError, http.client.HTTPException) as exc:
            self._drop_connection()
            return 0, f"{type(exc).__name__}: {exc}"
        return reply.status, " ".join(words.split())[:200]

    def _connect(self) -> http.client.HTTPConnection:
        if self._https:
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        else:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return self._connection

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
