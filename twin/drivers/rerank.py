"""A question and passages -> one score a passage, by a cross-encoder in the process or a server's /rerank. Knows no prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from twin.drivers.openai import replies
from twin.drivers.openai.http import Server
from twin.errors import ModelFileError, UpstreamError
from twin.records import Passage


class ServerReranker:
    """A server's `/rerank` as Jina, Cohere, vLLM and TEI speak it."""

    def __init__(self, server: Server, model: str) -> None:
        self.server = server
        self.model = model

    async def close(self) -> None:
        await self.server.close()

    async def score(self, question: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Raises UpstreamError."""
        body = {"model": self.model, "query": question, "documents": [shown(p) for p in passages], "top_n": len(passages)}
        deadline = asyncio.get_running_loop().time() + self.server.timeouts.idle
        async with self.server.post("/rerank", body, deadline) as response:
            reply = replies.decode(await self.server.read(response, deadline))
        return _scores(reply, len(passages))


class FastembedReranker:
    """A cross-encoder of fastembed, loaded at the first question."""

    def __init__(self, model: str, *, threads: int = 0, cache: str = "") -> None:
        self.model = model
        self._threads = threads
        self._cache = cache
        self._encoder: Any = None
        self._loading = asyncio.Lock()

    async def score(self, question: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Raises ModelFileError when the model cannot be loaded."""
        async with self._loading:
            if self._encoder is None:
                self._encoder = await asyncio.to_thread(self._load)
        return await asyncio.to_thread(lambda: [float(s) for s in self._encoder.rerank(question, [shown(p) for p in passages])])

    def _load(self) -> Any:
        try:
            from fastembed.rerank.cross_encoder import TextCrossEncoder
        except ImportError as exc:
            raise ModelFileError("rerank by fastembed needs the extra: pip install 'llm-twin[fastembed]'") from exc
        try:
            return TextCrossEncoder(self.model, threads=self._threads or None, cache_dir=self._cache or None)
        except (ValueError, OSError, RuntimeError) as exc:
            raise ModelFileError(f"the reranker {self.model!r} cannot be loaded: {exc}") from exc


def shown(passage: Passage) -> str:
    """What a cross-encoder reads of a passage: where it stands and what it says."""
    head = " > ".join((passage.chunk.title, *passage.chunk.heading))
    return f"{head}\n{passage.chunk.text}" if head else passage.chunk.text


def _scores(reply: Mapping[str, Any], count: int) -> list[float]:
    results = reply.get("results", reply.get("data"))
    scores: dict[int, float] = {}
    for result in results if isinstance(results, list) else ():
        number = result.get("index") if isinstance(result, dict) else None
        score = result.get("relevance_score", result.get("score")) if isinstance(result, dict) else None
        if isinstance(number, int) and isinstance(score, int | float):
            scores[number] = float(score)
    if set(scores) != set(range(count)):
        raise UpstreamError(f"the reranker scored {len(scores)} of {count} passages")
    return [scores[number] for number in range(count)]
