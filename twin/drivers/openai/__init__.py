"""Any OpenAI-compatible server as generator, completer and reranker."""
