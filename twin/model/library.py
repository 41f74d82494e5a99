"""The libraries of training, found or missed by name; quiet, offline-minded and versioned. Imports them, does nothing else.

Every other module here calls `needed()` before it imports one of them.
"""

from __future__ import annotations

import importlib
import os
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from twin.errors import TrainingError

NEEDED = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")


def needed(*further: str) -> None:
    """Import what training takes, without telemetry. Raises TrainingError naming the extra when one is missing."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads would not survive the fork of a data loader
    for name in (*further, *NEEDED):  # unsloth patches the others, so it is first
        try:
            importlib.import_module(name)
        except ImportError as exc:
            missing = exc.name or name
            remedy = "pip install 'llm-twin[train]'" if missing.partition(".")[0] not in further else f"pip install {name}"
            raise TrainingError(f"{missing} is not installed, and training needs it: {remedy}") from exc
    _quiet()


def library(name: str) -> Any:
    """One of them, after `needed()`: without its types, which are as heavy as it is and differ by version."""
    return importlib.import_module(name)


def _quiet() -> None:
    library("huggingface_hub.constants").HF_HUB_DISABLE_TELEMETRY = True
    library("datasets").disable_progress_bars()
    logging = library("transformers").logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|trl|peft|accelerate)\.")


def versions() -> dict[str, str]:
    """What a run was made with: another version is another run, and is not resumed."""
    found = {}
    for name in ("torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "bitsandbytes", "unsloth"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
