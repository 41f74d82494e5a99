"""Weights in safetensors -> an OpenVINO graph from token ids and mask to unit vectors (mean pooling over the mask).

BERT as in Devlin et al. 2018, six layers of 384 with 12 heads; pooling and normalisation as in sentence-transformers. The graph
is made in the process at each start: it takes 0.05 s, and the weights stay in their file, mapped, until the runtime has its own
form of them. Knows neither tokens nor threads.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from openvino import Model

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
FAR = -1e9  # added to the score of a token that is padding
Tensors = Mapping[str, np.ndarray[Any, Any]]


def mapped(file: Path) -> mmap.mmap:
    """The file's bytes, read where they are used. Nothing that is written to them reaches the file."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)


def tensors(data: mmap.mmap) -> dict[str, np.ndarray[Any, Any]]:
    """The float32 tensors of a safetensors file by name, without a copy; anything else in it is left out."""
    begin = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8:begin]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            found[name] = np.frombuffer(data, np.float32, (end - start) // 4, begin + start).reshape(entry["shape"])
    return found


def graph(weights: Tensors, *, int8: bool = False) -> Model:
    """Inputs `ids` and `mask`, int64 [batch, length]; output `vectors`, float32 [batch, 384]. `weights` must outlive it.

    With `int8` the linear layers' weights are bytes, with a scale for each row.
    """
    import openvino

    b = _Builder(weights, int8=int8)
    ids, mask = b.input("ids"), b.input("mask")
    shown = b.op.convert(mask, "f32")
    x = b.embeddings(ids)
    far = b.op.multiply(b.op.subtract(b.number(1.0), shown), b.number(FAR))
    bias = b.op.unsqueeze(far, b.axes(1, 2))
    for layer in range(LAYERS):
        x = b.layer(x, bias, f"encoder.layer.{layer}")
    vectors = b.pooled(x, shown)
    vectors.output(0).set_names({"vectors"})
    return openvino.Model([vectors], [ids, mask], "minilm")


class _Builder:
    """Each method gives the node of its result."""

    def __init__(self, weights: Tensors, *, int8: bool) -> None:
        from openvino import opset13

        self.op: Any = opset13
        self.int8 = int8
        self.weights = weights

    def input(self, name: str) -> Any:
        made = self.op.parameter([-1, -1], np.int64, name=name)
        made.output(0).set_names({name})
        return made

    def number(self, value: float) -> Any:
        return self.op.constant(np.array(value, np.float32))

    def axes(self, *values: int) -> Any:
        return self.op.constant(np.array(values, np.int64))

    def axis(self, value: int) -> Any:
        return self.op.constant(np.array(value, np.int64))

    def weight(self, name: str) -> Any:
        return self.op.constant(self.weights[name], shared_memory=True)

    def rows(self, name: str) -> Any:
        """A weight as bytes and their scales, in the form that the runtime multiplies as bytes."""
        value = self.weights[name]
        scale = np.abs(value).max(axis=1, keepdims=True) / 127
        short = self.op.convert(self.op.constant(np.round(value / scale).astype(np.int8)), "f32")
        short.get_rt_info()["decompression"] = ""  # or it would be computed once, back to floats
        return self.op.multiply(short, self.op.constant(scale.astype(np.float32)))

    def linear(self, x: Any, name: str) -> Any:
        weight = self.rows(f"{name}.weight") if self.int8 else self.weight(f"{name}.weight")
        product = self.op.matmul(x, weight, transpose_a=False, transpose_b=True)
        return self.op.add(product, self.weight(f"{name}.bias"))

    def norm(self, x: Any, name: str) -> Any:
        centred = self.op.mvn(x, self.axes(-1), normalize_variance=True, eps=EPSILON, eps_mode="inside_sqrt")
        return self.op.add(self.op.multiply(centred, self.weight(f"{name}.weight")), self.weight(f"{name}.bias"))

    def heads(self, x: Any) -> Any:
        split = self.op.reshape(x, self.axes(0, 0, HEADS, WIDTH // HEADS), special_zero=True)
        return self.op.transpose(split, self.axes(0, 2, 1, 3))

    def embeddings(self, ids: Any) -> Any:
        words = self.op.gather(self.weight("embeddings.word_embeddings.weight"), ids, self.axis(0))
        length = self.op.gather(self.op.shape_of(ids), self.axis(1), self.axis(0))
        places = self.op.range(self.axis(0), length, self.axis(1), "i64")
        positions = self.op.gather(self.weight("embeddings.position_embeddings.weight"), places, self.axis(0))
        segment = self.op.constant(self.weights["embeddings.token_type_embeddings.weight"][0].copy())
        return self.norm(self.op.add(self.op.add(words, positions), segment), "embeddings.LayerNorm")

    def layer(self, x: Any, bias: Any, name: str) -> Any:
        query, key, value = (self.heads(self.linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        scores = self.op.matmul(query, key, transpose_a=False, transpose_b=True)
        scaled = self.op.multiply(scores, self.number((WIDTH // HEADS) ** -0.5))
        shares = self.op.softmax(self.op.add(scaled, bias), -1)
        mixed = self.op.transpose(self.op.matmul(shares, value, transpose_a=False, transpose_b=False), self.axes(0, 2, 1, 3))
        joined = self.op.reshape(mixed, self.axes(0, 0, WIDTH), special_zero=True)
        x = self.norm(
            self.op.add(x, self.linear(joined, f"{name}.attention.output.dense")), f"{name}.attention.output.LayerNorm"
        )
        inner = self.op.gelu(self.linear(x, f"{name}.intermediate.dense"), "erf")
        return self.norm(self.op.add(x, self.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")

    def pooled(self, x: Any, shown: Any) -> Any:
        total = self.op.reduce_sum(self.op.multiply(x, self.op.unsqueeze(shown, self.axes(2))), self.axes(1), keep_dims=False)
        count = self.op.maximum(self.op.reduce_sum(shown, self.axes(1), keep_dims=True), self.number(1e-9))
        return self.op.normalize_l2(self.op.divide(total, count), self.axes(1), EPSILON, "max")
