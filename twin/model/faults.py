"""What the libraries of training raise -> one TrainingError that says what to change. Maps by kind, then by words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from twin.errors import TrainingError, TwinError

FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up", errno.EFBIG: "a file would be too large"}
MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "cublas_status_alloc_failed")
WRITING = ("pytorchstreamwriter failed", "no space left on device", "disk quota exceeded", "file too large", "unexpected pos")


@contextmanager
def training(what: str, batch: int, length: int) -> Iterator[None]:
    """Map whatever training raises. `what` names the run; errors of the twin's own pass as they are."""
    try:
        yield
    except TwinError:
        raise
    except (MemoryError, OSError, RuntimeError, ValueError, TypeError, KeyError, ArithmeticError, ImportError) as exc:
        raise TrainingError(explained(exc, what, batch, length)) from exc
    except Exception as exc:  # safetensors and tokenizers raise kinds of their own, below Exception alone
        if type(exc).__module__.partition(".")[0] in ("builtins", "twin"):
            raise
        raise TrainingError(explained(exc, what, batch, length)) from exc


def explained(exc: BaseException, what: str, batch: int, length: int) -> str:
    """One line: what `exc` means for the run, and what to change."""
    said = " ".join(str(exc).split())
    words = said.lower()
    if isinstance(exc, MemoryError) or any(part in words for part in MEMORY):
        return (
            f"{what}: out of memory with batch {batch} and length {length}: lower batch (and raise accumulation), lower"
            " length, set checkpointing: true or base.quantize: nf4, or take a smaller base"
        )
    if isinstance(exc, OSError) and exc.errno in FULL:
        return f"{what}: {FULL[exc.errno]}: make room and run the same command; it goes on from the last whole checkpoint"
    if any(part in words for part in WRITING):
        return f"{what}: a file could not be written, the disk may be full ({said[:200]}): make room and run it again"
    return f"{what}: failed ({type(exc).__name__}: {said[:400]})"
