"""Steps as they happen -> one Trace, put into a sink exactly once. Knows no step by name and nothing of where traces go."""

from __future__ import annotations

import os
import time
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from twin.answer.ports import TraceSink
from twin.records import Span, Trace, Usage

Clock = Callable[[], float]
TEXT_LIMIT = 8000  # characters of one text kept in a trace


def uuid7(milliseconds: int, random: bytes) -> str:
    """A UUIDv7 (RFC 9562) of a time and ten random bytes, in its usual text form."""
    value = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(random[:10], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_trace_id() -> str:
    """An id for an answer that is about to be made, for who must name it before it begins."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def short(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text`, or its beginning and how much was left out; what is no valid Unicode becomes a question mark."""
    if len(text) > limit:
        text = f"{text[:limit]}… (+{len(text) - limit} characters)"
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def steady_clock() -> Clock:
    """Seconds since the epoch that never step back while this clock lives."""
    offset = time.time() - time.perf_counter()
    return lambda: offset + time.perf_counter()


class OpenSpan:
    """A step that is running. As a context manager it closes itself and keeps the error that left it.

    A step that works now and then, while another waits, is entered each time: it lasts as long as its own work in all.
    """

    __slots__ = (
        "attributes",
        "clock",
        "end",
        "error",
        "id",
        "input",
        "name",
        "output",
        "parent",
        "since",
        "start",
        "status",
        "usage",
    )

    def __init__(self, recorder: Recorder, name: str, parent: str, input: Any) -> None:
        self.clock = recorder.clock  # not the recorder, which holds its spans: a circle would wait for the collector
        self.id = recorder.new_id()
        self.name = name
        self.parent = parent
        self.input = input
        self.output: Any = None
        self.start = self.end = self.since = self.clock()
        self.status = "ok"
        self.error = ""
        self.usage: Usage | None = None
        self.attributes: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.since = self.clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end += self.clock() - self.since
        if error is not None:
            self.status = "cancelled" if isinstance(error, CancelledError | GeneratorExit) else "error"
            self.error = self.error or explain(error)

    def degrade(self, error: BaseException) -> None:
        """Keep why an optional step gave up; the answer goes on without it."""
        self.status = "degraded"
        self.error = explain(error)

    def skip(self, reason: str = "") -> None:
        self.status = "skipped"
        if reason:
            self.attributes["reason"] = reason

    def frozen(self) -> Span:
        return Span(
            id=self.id,
            parent=self.parent,
            name=self.name,
            start=self.start,
            end=self.end,
            status=self.status,
            input=self.input,
            output=self.output,
            usage=self.usage,
            attributes=self.attributes,
            error=self.error,
        )


class Recorder:
    """One answer's trace in the making. `finish` puts it into the sink the first time and does nothing after."""

    def __init__(
        self,
        *,
        sink: TraceSink,
        release: str,
        model: str,
        id: str = "",
        thread: str = "",
        input: Any = None,
        clock: Clock | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.clock = clock or steady_clock()
        self._random = random
        self._sink = sink
        self.release = release
        self.model = model
        self.index = ""
        self.thread = thread
        self.id = id or self.new_id()
        self.root = OpenSpan(self, "answer", "", input)
        self._spans = [self.root]
        self._trace: Trace | None = None
        self.scores: dict[str, float] = {}

    def new_id(self) -> str:
        return uuid7(int(self.clock() * 1000), self._random(10))

    def span(self, name: str, input: Any = None) -> OpenSpan:
        """Open a step below the root; spans stand in the order they were opened."""
        span = OpenSpan(self, name, self.root.id, input)
        self._spans.append(span)
        return span

    def finish(
        self, status: str = "ok", *, output: Any = None, error: str = "", attributes: Mapping[str, Any] | None = None
    ) -> Trace:
        """Close the root and hand the trace over; a second call changes nothing and returns the same trace."""
        if self._trace is not None:
            return self._trace
        root = self.root
        root.end, root.status, root.error = self.clock(), status, error
        root.output = output
        root.attributes.update(attributes or {})
        self._trace = Trace(
            id=self.id,
            release=self.release,
            index=self.index,
            model=self.model,
            thread=self.thread,
            status=status,
            spans=tuple(span.frozen() for span in self._spans),
            scores=self.scores,
        )
        self._sink.put(self._trace)
        return self._trace


def ending(error: BaseException) -> tuple[str, str]:
    """Status and reason of what was cancelled: whoever cancelled it may have said why; otherwise the client left."""
    reason = str(error)
    return ("error", reason) if reason else ("cancelled", "the client went away")


def explain(error: BaseException) -> str:
    """One line about an error, with its kind."""
    text = " ".join(str(error).split())
    return short(f"{type(error).__name__}: {text}" if text else type(error).__name__, 500)
