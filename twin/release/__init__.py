"""Adapter -> release: evaluate, gate, promote, roll back. Knows no HTTP, no store and no training."""
