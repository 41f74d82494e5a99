"""Chunks, filters and questions -> the parts of requests to a Qdrant server. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from twin.drivers.qdrant.payload import DENSE, PREFETCH, RRF_K, SPARSE, conditions, payload, searched
from twin.records import Chunk, Filter

if TYPE_CHECKING:
    from qdrant_client.http import models


def layout(dimension: int, quantization: str) -> dict[str, Any]:
    """How a collection is made: unit vectors, and sparse ones that the server weighs by inverse document frequency."""
    from qdrant_client.http import models

    return {
        "vectors_config": {DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE)},
        "sparse_vectors_config": {SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        "quantization_config": _quantized(quantization),
    }


def _quantized(kind: str) -> Any:
    from qdrant_client.http import models

    if kind == "scalar":
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        return models.ScalarQuantization(scalar=scalar)
    if kind == "binary":
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    if kind == "product":
        product = models.ProductQuantizationConfig(compression=models.CompressionRatio.X8, always_ram=True)
        return models.ProductQuantization(product=product)
    return None


def made_with(config: models.CollectionConfig) -> dict[str, str | int]:
    """What `layout`, and the numbers beside it, made of a collection."""
    quantized = config.quantization_config
    kinds = ("scalar", "binary", "product")
    return {
        "quantization": next((kind for kind in kinds if getattr(quantized, kind, None) is not None), ""),
        "shards": config.params.shard_number or 1,
        "replicas": config.params.replication_factor or 1,
    }


def point(chunk: Chunk, vector: Sequence[float], bm25: Any) -> models.PointStruct:
    """A chunk with both of its vectors."""
    from qdrant_client.http import models

    sparse = bm25.embed_document(searched(chunk))
    words = models.SparseVector(indices=sparse.indices, values=sparse.values)
    return models.PointStruct(id=chunk.id, vector={DENSE: list(vector), SPARSE: words}, payload=payload(chunk))


def dense(vectors: Any) -> list[float]:
    """The vector of meanings among those that a point came with."""
    found: list[float] = vectors[DENSE]
    return found


def replaced(point_id: str, stored: dict[str, Any]) -> models.OverwritePayloadOperation:
    """Other knowledge of a point whose vectors stay."""
    from qdrant_client.http import models

    return models.OverwritePayloadOperation(overwrite_payload=models.SetPayload(payload=stored, points=[point_id]))


def any_of(key: str, values: Sequence[str]) -> models.Filter:
    """Points whose field `key` is one of `values`."""
    from qdrant_client.http import models

    return models.Filter(must=[models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))])


def legs(vector: Sequence[float] | None, words: Any, filter: Filter, limit: int) -> list[models.Prefetch]:
    """The candidates to be fused: near ones, and ones that share words."""
    from qdrant_client.http import models

    must: list[models.Condition] = [
        models.FieldCondition(key=key, match=models.MatchValue(value=value)) for key, value in conditions(filter).items()
    ]
    asked: list[tuple[str, Any]] = []
    if vector is not None:
        asked.append((DENSE, list(vector)))
    if words is not None and words.indices:
        asked.append((SPARSE, models.SparseVector(indices=words.indices, values=words.values)))
    only = models.Filter(must=must) if must else None
    return [models.Prefetch(query=query, using=using, filter=only, limit=max(PREFETCH, limit)) for using, query in asked]


def fusion() -> models.RrfQuery:
    """Reciprocal ranks."""
    from qdrant_client.http import models

    return models.RrfQuery(rrf=models.Rrf(k=RRF_K))


def switched(alias: str, index: str, *, since: str) -> list[Any]:
    """The alias away from `since` (if it stood anywhere) and onto `index`."""
    from qdrant_client.http import models

    away = [models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))] if since else []
    onto = models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=index, alias_name=alias))
    return [*away, onto]
