"""What a gateway is made of: built once by an entry point, handed to every route."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from services.gateway.limits import Admission, RateLimits
from services.gateway.metrics import Metrics

if TYPE_CHECKING:
    from services.gateway.reviews import Desk
    from services.gateway.standing import Standing
    from twin.answer.answerer import Answerer
    from twin.answer.ports import Searcher, TextEmbedder, TraceSink
    from twin.drivers.keys import Keys
    from twin.records import Fault, Trace

PAGE = Path(__file__).parent / "page"
TRACE_BEGUN = re.compile(r"[0-9a-f-]{8,36}")
TRACE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Traces(Protocol):
    """What the gateway asks of the trace store."""

    async def score(self, trace_id: str, name: str, value: float, comment: str = "") -> None: ...

    async def get(self, id: str) -> Trace | None: ...


class Upstream(Protocol):
    """The model server, for plain pass-through: bytes in, status, headers and bytes out."""

    model: str

    async def models(self) -> Sequence[str]: ...


@dataclass(slots=True)
class Gateway:
    """Everything the routes use. `upstream` is None when the twin is extractive."""

    answerer: Answerer
    searcher: Searcher
    embedder: TextEmbedder
    embedder_name: str
    sink: TraceSink
    traces: Traces
    desk: Desk
    keys: Keys
    admission: Admission
    release: str
    upstream: Upstream | None = None
    upstream_url: str = ""
    upstream_headers: Mapping[str, str] = field(default_factory=dict)
    standing: Standing | None = None  # None: no release and no candidate to be held to
    on_feedback: Callable[[str, str, float, str], None] | None = None  # a second place for scores, which never waits
    find_fault: Callable[[Trace], Awaitable[Fault | None]] | None = None
    passages: int = 6  # for who does not ask for a number
    metrics: Metrics = field(default_factory=Metrics)
    rates: RateLimits = field(default_factory=RateLimits)
    page: Path = PAGE
    loopback: bool = True  # only this machine can connect: without keys nobody else is answered
    draining: bool = False
    session: Any = None  # the pass-through's HTTP client, made at the first use in the loop
    first_token_timeout: float = 60.0
    connect_timeout: float = 3.0
    idle_timeout: float = 30.0
    total_timeout: float = 300.0
