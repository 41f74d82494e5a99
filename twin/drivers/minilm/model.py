"""Texts -> unit vectors of 384, by all-MiniLM-L6-v2 on OpenVINO in threads, so that an event loop never waits.

bf16 where the processor computes in it (cosine to fp32 0.9999, twice as fast), else fp32. Texts are cut at 256 tokens as the
upstream model does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twin.drivers.minilm.weights import DIGEST, folder, verified, write_atomically
from twin.errors import EmbeddingError, ModelFileError

MAX_TOKENS = 256
BATCH = 8  # measured: larger ones lose more to padding and cache misses than they gain


class MiniLM:
    """The default embedder. Loading waits for the first text; `cache` keeps the graph between processes."""

    name = "minilm-l6-v2"
    dimension = 384
    digest = DIGEST

    def __init__(self, cache: Path, threads: int = 0, *, exact: bool = False) -> None:
        self._cache = cache
        self._threads = threads
        self._exact = exact  # fp32 even where bf16 is faster
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm")
        self._query_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm-query")
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    async def load(self) -> None:
        """Verify, build and compile now rather than at the first text. Raises ModelFileError."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._load)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text, in order. Raises EmbeddingError or ModelFileError."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, list(texts))

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question; does not wait behind a batch of documents."""
        found = await asyncio.get_running_loop().run_in_executor(self._query_pool, self._embed, [text])
        return found[0]

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._query_pool.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = _tokenizer(), self._compiled()
            return self._loaded

    def _compiled(self) -> Any:
        import openvino

        file = _graph_file(self._cache)
        core = openvino.Core()
        options = {"PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": str(self._cache / "openvino")}
        if self._threads:
            options["INFERENCE_NUM_THREADS"] = str(self._threads)
        bf16 = not self._exact and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        options["INFERENCE_PRECISION_HINT"] = "bf16" if bf16 else "f32"
        try:
            return core.compile_model(str(file), "CPU", options)
        except RuntimeError as exc:
            raise ModelFileError(f"{file}: OpenVINO cannot load it ({exc}); remove {self._cache} and try again") from exc

    def _embed(self, texts: list[str]) -> list[Sequence[float]]:
        import numpy as np

        tokenizer, compiled = self._load()
        encoded = [one.ids for one in tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])]
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        vectors: list[Any] = [None] * len(texts)
        request = compiled.create_infer_request()
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            length = max(len(encoded[i]) for i in rows)
            ids = np.zeros((len(rows), length), np.int64)
            mask = np.zeros((len(rows), length), np.int64)
            for at, i in enumerate(rows):
                ids[at, : len(encoded[i])] = encoded[i]
                mask[at, : len(encoded[i])] = 1
            try:
                made = request.infer({"ids": ids, "mask": mask})["vectors"]
            except RuntimeError as exc:
                raise EmbeddingError(f"MiniLM could not embed {len(rows)} texts: {exc}") from exc
            for at, i in enumerate(rows):
                vectors[i] = made[at].tolist()
        return vectors


def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _graph_file(cache: Path) -> Path:
    from twin.drivers.minilm.graph import VERSION, graph, tensors

    weights = verified(folder() / "model.safetensors", cache)
    file = cache / f"minilm-{DIGEST[:12]}-{VERSION}.onnx"
    if not file.exists():
        write_atomically(file, graph(tensors(weights)).SerializeToString())
    return file
