"""Texts -> unit vectors of 384, by all-MiniLM-L6-v2 on OpenVINO in threads, so that an event loop never waits.

bf16 where the processor computes in it (cosine to fp32 0.9999, three times as fast), else bytes where it multiplies those at
once (0.997, twice as fast), else fp32. Texts are cut at 256 tokens as the upstream model does.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

from twin.drivers.minilm.batch import batches, padded
from twin.drivers.minilm.weights import DIGEST, TOKENIZER_DIGEST, folder, read_verified, verified
from twin.errors import EmbeddingError, ModelFileError

MAX_TOKENS = 256
MOST_STREAMS = 8
GROUP = 128  # activations that share a scale: 64 is a fifth slower and as exact
BYTES = frozenset({"avx512_vnni", "avx_vnni"})  # instructions that multiply bytes, without which they are slower than floats


class _Loaded(NamedTuple):
    """A tokenizer, and as many requests and threads as the processor should work on at once."""

    tokenizer: Any
    requests: SimpleQueue[Any]
    workers: ThreadPoolExecutor
    weights: mmap.mmap  # the runtime reads some of them in place

    def forget(self) -> None:
        """Let go of the weights' pages: the runtime has its own form of most, and the rest comes back page by page."""
        self.weights.madvise(mmap.MADV_DONTNEED)

    def infer(self, encoded: Sequence[Sequence[int]]) -> list[list[float]]:
        """The vectors of one batch of token ids. Raises EmbeddingError."""
        request = self.requests.get()
        try:
            return request.infer(padded(encoded))["vectors"].tolist()  # type: ignore[no-any-return]  # numpy's
        except RuntimeError as exc:
            raise EmbeddingError(f"MiniLM could not embed {len(encoded)} texts: {exc}") from exc
        finally:
            self.requests.put(request)


class MiniLM:
    """The default embedder. Loading waits for the first text; `cache` remembers that the weights were verified."""

    name = "minilm-l6-v2"
    dimension = 384
    digest = DIGEST

    def __init__(self, cache: Path, threads: int = 0, *, precision: str = "") -> None:
        self._cache = cache
        self._threads = threads
        self._precision = precision  # bf16, int8 or f32; empty: the fastest that this processor has
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm")
        self._query_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minilm-query")
        self._lock = threading.Lock()
        self._loaded: _Loaded | None = None

    async def load(self) -> None:
        """Verify, build and compile now rather than at the first text. Raises ModelFileError."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._load)

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text, in order. Raises EmbeddingError or ModelFileError."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._embed, list(texts))

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question; waits at most for a part of a batch of documents."""
        return await asyncio.get_running_loop().run_in_executor(self._query_pool, self._embed_one, text)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._query_pool.shutdown(wait=False, cancel_futures=True)
        if self._loaded:
            self._loaded.workers.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._made()
            return self._loaded

    def _made(self) -> _Loaded:
        tokenizer = _tokenizer()
        compiled, weights = self._compiled()
        requests: SimpleQueue[Any] = SimpleQueue()
        streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        for _ in range(streams):
            requests.put(compiled.create_infer_request())
        made = _Loaded(tokenizer, requests, ThreadPoolExecutor(streams, "minilm-stream"), weights)
        made.infer([[0]])  # the runtime takes its own form of the weights at the first use
        made.forget()
        return made

    def _compiled(self) -> tuple[Any, mmap.mmap]:
        import openvino

        from twin.drivers.minilm.graph import graph, mapped, tensors

        file = verified(folder() / "model.safetensors", self._cache)
        core = openvino.Core()
        precision = self._precision or _fastest(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        options = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32", "NUM_STREAMS": str(self._streams())}
        if precision == "int8":
            options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = str(GROUP)
        if self._threads:
            options["INFERENCE_NUM_THREADS"] = str(self._threads)
        weights = mapped(file)
        try:
            compiled = core.compile_model(graph(tensors(weights), int8=precision == "int8"), "CPU", options)
        except RuntimeError as exc:
            raise ModelFileError(f"{file}: OpenVINO cannot run it ({exc}); reinstall openvino") from exc
        return compiled, weights

    def _streams(self) -> int:
        """A batch on each core at once is faster than all cores on one batch after another."""
        return min(self._threads or _cores(), MOST_STREAMS)

    def _embed_one(self, text: str) -> list[float]:
        loaded = self._load()
        return loaded.infer(_encoded(loaded.tokenizer, [text]))[0]

    def _embed(self, texts: list[str]) -> list[list[float]]:
        loaded = self._load()
        encoded = _encoded(loaded.tokenizer, texts)
        parts = batches([len(ids) for ids in encoded])
        made = loaded.workers.map(lambda rows: loaded.infer([encoded[i] for i in rows]), parts)
        vectors: list[list[float]] = [[]] * len(texts)
        for rows, found in zip(parts, made, strict=True):
            for i, vector in zip(rows, found, strict=True):
                vectors[i] = vector
        loaded.forget()
        return vectors


def _fastest(capabilities: Collection[str], processors: Path = Path("/proc/cpuinfo")) -> str:
    """The precision to compute in, from what the runtime can and what the processor says of itself."""
    if "BF16" in capabilities:
        return "bf16"
    try:
        flags = set(processors.read_text(encoding="utf-8", errors="replace").split())
    except OSError:  # not Linux
        return "f32"
    return "int8" if BYTES & flags else "f32"


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(read_verified(folder() / "tokenizer.json", TOKENIZER_DIGEST))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _encoded(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids; half of a surrogate pair, which no tokenizer takes, becomes a question mark."""
    return [one.ids for one in tokenizer.encode_batch([text.encode("utf-8", "replace").decode() for text in texts])]
