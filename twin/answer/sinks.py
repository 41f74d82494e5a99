"""One sink out of several: the local store and, where configured, Opik. Knows neither."""

from __future__ import annotations

from twin.answer.ports import TraceSink
from twin.records import Trace


class Sinks:
    """Puts each trace into every one of `sinks`."""

    def __init__(self, *sinks: TraceSink) -> None:
        self._sinks = sinks

    def put(self, trace: Trace) -> None:
        for sink in self._sinks:
            sink.put(trace)
