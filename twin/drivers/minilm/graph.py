"""Weights in safetensors -> an ONNX graph from token ids and mask to unit vectors (mean pooling over the mask).

BERT as in Devlin et al. 2018, six layers of 384 with 12 heads; pooling and normalisation as in sentence-transformers.
Opset 20 has LayerNormalization and Gelu as single nodes, which the runtime fuses.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
VERSION = "1"  # of this file's graph, part of the cached file's name


def tensors(file: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The float32 tensors of a safetensors file by name; anything else in it is left out."""
    with file.open("rb") as opened:
        (size,) = struct.unpack("<Q", opened.read(8))
        header = json.loads(opened.read(size))
        data = opened.read()
    found = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            found[name] = np.frombuffer(data, np.float32, (end - start) // 4, start).reshape(entry["shape"])
    return found


class _Builder:
    """Collects nodes and weights; every method gives the name of its result."""

    def __init__(self, weights: dict[str, np.ndarray[Any, Any]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray[Any, Any]] = {}

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.array(value, dtype)
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        value = self.weights[name]
        self.constants[name] = np.ascontiguousarray(value.T) if transposed else value
        return name

    def linear(self, x: str, name: str) -> str:
        product = self.node("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        return self.node("Add", product, self.weight(f"{name}.bias"))

    def norm(self, x: str, name: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, x: str) -> str:
        split = self.node("Reshape", x, self.constant([0, 0, HEADS, WIDTH // HEADS]))
        return self.node("Transpose", split, perm=[0, 2, 1, 3])


def graph(weights: dict[str, np.ndarray[Any, Any]]) -> ModelProto:
    """Inputs `ids` and `mask`, int64 [batch, length]; output `vectors`, float32 [batch, 384]."""
    b = _Builder(weights)
    mask = b.node("Cast", "mask", to=1)
    x = _embeddings(b)
    far = b.node("Mul", b.node("Sub", b.constant(1.0, np.float32), mask), b.constant(-1e9, np.float32))
    bias = b.node("Unsqueeze", far, b.constant([1, 2]))
    for layer in range(LAYERS):
        x = _layer(b, x, bias, f"encoder.layer.{layer}")
    _pooled(b, x, mask)
    return _model(b)


def _embeddings(b: _Builder) -> str:
    words = b.node("Gather", b.weight("embeddings.word_embeddings.weight"), "ids")
    length = b.node("Gather", b.node("Shape", "ids"), b.constant(1))
    places = b.node("Range", b.constant(0), length, b.constant(1))
    positions = b.node("Gather", b.weight("embeddings.position_embeddings.weight"), places)
    b.constants["segment"] = b.weights["embeddings.token_type_embeddings.weight"][0]
    summed = b.node("Add", b.node("Add", words, positions), "segment")
    return b.norm(summed, "embeddings.LayerNorm")


def _layer(b: _Builder, x: str, bias: str, name: str) -> str:
    query, key, value = (b.heads(b.linear(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
    scores = b.node("MatMul", query, b.node("Transpose", key, perm=[0, 1, 3, 2]))
    scaled = b.node("Mul", scores, b.constant((WIDTH // HEADS) ** -0.5, np.float32))
    weights = b.node("Softmax", b.node("Add", scaled, bias), axis=-1)
    mixed = b.node("Transpose", b.node("MatMul", weights, value), perm=[0, 2, 1, 3])
    joined = b.node("Reshape", mixed, b.constant([0, 0, WIDTH]))
    x = b.norm(b.node("Add", x, b.linear(joined, f"{name}.attention.output.dense")), f"{name}.attention.output.LayerNorm")
    inner = b.node("Gelu", b.linear(x, f"{name}.intermediate.dense"))
    return b.norm(b.node("Add", x, b.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")


def _pooled(b: _Builder, x: str, mask: str) -> None:
    from onnx import helper

    weighted = b.node("Mul", x, b.node("Unsqueeze", mask, b.constant([2])))
    total = b.node("ReduceSum", weighted, b.constant([1]), keepdims=0)
    count = b.node("ReduceSum", mask, b.constant([1]), keepdims=1)
    mean = b.node("Div", total, b.node("Max", count, b.constant(1e-9, np.float32)))
    b.nodes.append(helper.make_node("LpNormalization", [mean], ["vectors"], axis=1, p=2))


def _model(b: _Builder) -> ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("ids", "mask")]
    output = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", WIDTH])
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in b.constants.items()]
    made = helper.make_graph(b.nodes, "minilm", inputs, [output], constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
