"""A dimension and a kind of quantization -> how the engine keeps an index, and back. Opens and searches none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from twin.drivers.qdrant.payload import DENSE, KEYWORDS, SPARSE
from twin.errors import IndexStoreError


def made(place: Path, dimension: int, quantization: str) -> Any:
    """A new shard at `place`, of unit vectors and of sparse ones that are weighed by inverse document frequency."""
    import qdrant_edge as q

    shard = q.EdgeShard.create(
        str(place),
        q.EdgeConfig(
            vectors={DENSE: q.EdgeVectorParams(dimension, q.Distance.Cosine)},
            sparse_vectors={SPARSE: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
            quantization_config=_quantized(quantization),
        ),
    )
    for key in KEYWORDS:
        shard.update(q.UpdateOperation.create_field_index(key, q.PayloadSchemaType.Keyword))
    return shard


def _quantized(kind: str) -> Any:
    import qdrant_edge as q

    known: dict[str, Callable[[], Any]] = {
        "": lambda: None,
        "scalar": lambda: q.ScalarQuantizationConfig(q.ScalarType.Int8, always_ram=True),
        "binary": lambda: q.BinaryQuantizationConfig(always_ram=True),
        "product": lambda: q.ProductQuantizationConfig(q.CompressionRatio.X8, always_ram=True),
    }
    return known[kind]()


def made_with(place: Path) -> dict[str, str | int]:
    """What `made` was told. Raises IndexStoreError when the shard at `place` does not say."""
    file = place / "edge_config.json"
    try:
        kinds = msgspec.json.decode(file.read_bytes()).get("quantization_config") or {}
    except (OSError, msgspec.MsgspecError, AttributeError) as exc:
        raise IndexStoreError(f"{file}: is damaged; remove {place.parent} and run `twin index build`") from exc
    return {"quantization": next(iter(kinds), "")}
