"""Opik as a sink of traces. The opik package itself is not needed."""
