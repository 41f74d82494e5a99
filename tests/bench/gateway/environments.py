"""The name of a target -> the environment that NAME.txt beside this script pins."""

from __future__ import annotations

from pathlib import Path

from tests.bench import _environment
from tests.bench._environment import MissingError

__all__ = ["MissingError", "environment"]


def environment(name: str) -> Path:
    """The `bin` folder of the environment. Raises MissingError when its pins cannot be installed."""
    return _environment.environment(Path(__file__).with_name(f"{name}.txt"))
