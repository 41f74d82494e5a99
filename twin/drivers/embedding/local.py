"""Texts -> unit vectors, by a model that fastembed knows by name, in a thread. Knows no index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from twin.drivers.embedding.unit import unit
from twin.errors import EmbeddingError


class FastEmbed:
    """`model` is a name from fastembed's list; its files are fetched at the first use. Raises EmbeddingError."""

    def __init__(self, model: str, threads: int = 0) -> None:
        try:
            from fastembed import TextEmbedding
        except ImportError as exc:
            raise EmbeddingError(
                "embedder fastembed needs the extra `fastembed`: `uv sync --extra fastembed`, or set TWIN_EMBEDDER=minilm"
            ) from exc
        self.name = f"fastembed:{model}"
        self.digest = self.name  # fastembed pins the files of a name
        try:
            self._model: Any = TextEmbedding(model, threads=threads or None)
            self.dimension = len(self._vectors(self._model.query_embed, ["dimension"])[0])
        except EmbeddingError:
            raise
        except Exception as exc:  # it raises whatever its downloader and its runtime raise
            raise EmbeddingError(f"fastembed cannot load {model!r}: {exc}") from exc
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fastembed")

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text, in order. Raises EmbeddingError."""
        return await self._run(self._model.passage_embed, list(texts))

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question. Raises EmbeddingError."""
        return (await self._run(self._model.query_embed, [text]))[0]

    async def _run(self, call: Callable[[list[str]], Iterable[Any]], texts: list[str]) -> list[list[float]]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._vectors, call, texts)
        except EmbeddingError:
            raise
        except Exception as exc:  # its runtime has no error type of its own
            raise EmbeddingError(f"{self.name} could not embed {len(texts)} texts: {type(exc).__name__}") from exc

    def _vectors(self, call: Callable[[list[str]], Iterable[Any]], texts: list[str]) -> list[list[float]]:
        return [unit(vector.tolist()) for vector in call(texts)]
