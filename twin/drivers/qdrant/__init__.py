"""Indexes in Qdrant: its engine in the process (`EdgeIndexes`), shared between processes, or a server (`ServerIndexes`)."""
