"""Question -> answer: guard, understand, retrieve, rerank, prompt, generate, guard, cite. Knows no HTTP and no Qdrant."""
