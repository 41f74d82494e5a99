"""What this process trains on: the device's name, its place among the processes, and the most memory that was in use."""

from __future__ import annotations

import resource
import sys
from typing import Any


def device() -> str:
    """The name of the GPU, or `cpu`."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"


def memory() -> int:
    """The most bytes that were in use: of the GPU where there is one, else of this process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _place() -> Any:
    """Started by torchrun or `accelerate launch`, this joins the other processes."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.cuda.is_available())


def processes() -> int:
    """How many train together."""
    return int(_place().num_processes)


def main_process() -> bool:
    """Whether this is the one that writes."""
    return bool(_place().is_main_process)


def agreed(asked: bool) -> bool:
    """Whether any process says so: all must stop at the same step, or some would wait for the others for ever."""
    place = _place()
    if place.num_processes == 1:
        return asked
    import torch

    votes = torch.tensor([int(asked)], device=place.device)
    torch.distributed.all_reduce(votes)
    return bool(votes.item())


def together() -> None:
    """Wait until all are here."""
    _place().wait_for_everyone()
