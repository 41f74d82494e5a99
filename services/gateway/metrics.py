"""What the gateway counts, for Prometheus. Labels hold route names, steps and reasons: never what a client sends."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from twin.records import Answer, Trace

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """One registry a gateway, so that several can live in one process."""

    def __init__(self) -> None:
        r = self.registry = CollectorRegistry()
        self.requests = Counter("twin_http_requests", "Requests by route and status.", ("route", "status"), registry=r)
        self.seconds = Histogram("twin_http_request_seconds", "Time to the last byte.", ("route",), buckets=SECONDS, registry=r)
        self.first_token = Histogram(
            "twin_first_token_seconds", "Time to the first text.", ("adapter",), buckets=SECONDS, registry=r
        )
        self.steps = Histogram("twin_answer_step_seconds", "Time of a step.", ("step",), buckets=SECONDS, registry=r)
        self.answers = Counter(
            "twin_answers", "Answers by mode, who gave them and how they ended.", ("mode", "adapter", "result"), registry=r
        )
        self.tokens = Counter("twin_tokens", "Tokens by direction and who used them.", ("direction", "adapter"), registry=r)
        self.degraded = Counter("twin_answer_degraded", "Optional steps that failed.", ("step",), registry=r)
        self.citations = Counter("twin_citations", "Citations kept, and invented ones dropped.", ("result",), registry=r)
        self.active = Gauge("twin_answers_active", "Answers being made.", registry=r)
        self.waiting = Gauge("twin_answers_waiting", "Questions in the queue.", registry=r)
        self.dropped = Gauge("twin_traces_dropped", "Traces that found no room.", registry=r)
        self.release = Gauge("twin_release_info", "What answers.", ("release", "index", "adapter", "prompt"), registry=r)
        self.differences = Gauge("twin_release_differences", "What is found otherwise than the release says.", registry=r)

        self._of_route: dict[tuple[str, int], Counter] = {}  # a look-up by labels costs a microsecond
        self._seconds_of: dict[str, Histogram] = {}

    def requested(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        counter = self._of_route.get((route, status))
        if counter is None:
            counter = self._of_route[route, status] = self.requests.labels(route, str(status))
        histogram = self._seconds_of.get(route)
        if histogram is None:
            histogram = self._seconds_of[route] = self.seconds.labels(route)
        counter.inc()
        histogram.observe(seconds)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def answered(self, answer: Answer, trace: Trace, adapter: str) -> None:
        """Count what a finished answer took."""
        self.tokens.labels("prompt", adapter).inc(answer.usage.prompt)
        self.tokens.labels("completion", adapter).inc(answer.usage.completion)
        self.citations.labels("kept").inc(len(answer.citations))
        self.citations.labels("dropped").inc(answer.dropped)
        for step in answer.degraded:
            self.degraded.labels(step).inc()
        for span in trace.spans[1:]:
            self.steps.labels(span.name).observe(max(0.0, span.end - span.start))
