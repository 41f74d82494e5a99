"""Slices of the corpus -> chunks, vectors and points the naive way. A program that `index.py` gives its tasks; knows no twin.

Runs in the environment that index.txt pins: sentence-transformers in fp32, LangChain's recursive splitter, and for each ten chunks
one `encode` and one upsert into Qdrant's client, which keeps its points in a folder.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
sys.path.insert(0, str(Path(__file__).parents[2]))

BATCH = 10


class Naive:
    """What a first version of an indexer does."""

    def __init__(self, folder: str, model: str, size: int) -> None:
        from langchain_text_splitters import RecursiveCharacterTextSplitter
        from qdrant_client import QdrantClient, models
        from sentence_transformers import SentenceTransformer

        self.models = models
        self.model = SentenceTransformer(model, device="cpu")
        self.splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=0)
        self.client = QdrantClient(path=folder)
        self.client.create_collection("naive", vectors_config=models.VectorParams(size=384, distance=models.Distance.COSINE))

    def index(self, documents: list[dict]) -> int:
        """How many chunks were written."""
        chunks = [(document, text) for document in documents for text in self.splitter.split_text(document["text"])]
        for start in range(0, len(chunks), BATCH):
            self.write(chunks[start : start + BATCH])
        return len(chunks)

    def write(self, batch: list[tuple[dict, str]]) -> None:
        vectors = self.vectors([text for _, text in batch])
        points = [
            self.models.PointStruct(
                id=str(uuid.uuid4()),
                vector=vector.tolist(),
                payload={"uri": about["uri"], "title": about["title"], "text": text},
            )
            for (about, text), vector in zip(batch, vectors, strict=True)
        ]
        self.client.upsert("naive", points)

    def vectors(self, texts: list[str]):
        return self.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def main() -> None:
    from tests.bench._memory import peak_memory
    from tests.bench._turns import Watch, reply, tasks

    begun = time.perf_counter()
    naive = Naive(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    loading = time.perf_counter() - begun
    for line in tasks():
        task = json.loads(line)
        if "corpus" in task:
            documents = [json.loads(line) for line in Path(task["corpus"]).read_text(encoding="utf-8").splitlines()]
            with Watch() as watch:
                chunks = naive.index(documents)
            reply({"documents": len(documents), "chunks": chunks, "seconds": watch.seconds, "processors": watch.processors})
        elif "texts" in task:
            reply({"vectors": naive.vectors(task["texts"]).tolist()})
        else:
            reply({"loading": loading, "memory": peak_memory()})
    naive.client.close()


if __name__ == "__main__":
    main()
