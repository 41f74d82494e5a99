"""What a sync of one source has counted so far -> its progress and its report. Knows no store and no fetcher."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from twin.documents.sources import Source
from twin.errors import RefusedError, TwinError
from twin.records import Note, SourceReport

NOTES = 1000  # of failed and of skipped documents each; what is beyond is only counted
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceProgress:
    """How far one source is. `stored` is how many documents it had before the run: the best guess at the total."""

    stored: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def done(self) -> int:
        """Documents that were looked at."""
        return self.new + self.changed + self.unchanged + self.failed


@dataclass(slots=True)
class Tally:
    """The counts of one source, kept by the reconciler while it works, whole whenever it is stopped."""

    source: Source
    stored: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    failed: int = 0
    skipped: int = 0
    error: str = ""
    refused: bool = False
    taken_from: set[str] = field(default_factory=set)
    _failed: list[Note] = field(default_factory=list)
    _skipped: list[Note] = field(default_factory=list)

    def fail(self, uri: str, reason: str) -> None:
        """One document could not be taken."""
        self.failed += 1
        if len(self._failed) < NOTES:
            self._failed.append(Note(uri, reason))

    def skip(self, uri: str, reason: str) -> None:
        """One thing was no document by rule."""
        self.skipped += 1
        if len(self._skipped) < NOTES:
            self._skipped.append(Note(uri, reason))

    def stop(self, error: Exception) -> None:
        """The source as a whole failed or was refused. An error that nobody raised on purpose is also logged."""
        error = _told(error)
        self.refused = isinstance(error, RefusedError)
        self.error = str(error)
        if not isinstance(error, TwinError):
            self.error = (
                f"{type(error).__name__} while syncing: a defect of twin, please report it with the traceback in the log"
            )
            log.error("source %s: unexpected error", self.source.name, exc_info=error)

    def progress(self) -> SourceProgress:
        """The counts as they are now."""
        return SourceProgress(self.stored, self.new, self.changed, self.unchanged, self.gone, self.failed, self.skipped)

    def report(self, seconds: float = 0.0) -> SourceReport:
        """The counts as the run's report."""
        return SourceReport(
            source=self.source.name,
            kind=self.source.kind,
            new=self.new,
            changed=self.changed,
            unchanged=self.unchanged,
            gone=self.gone,
            failed=tuple(self._failed),
            skipped=tuple(self._skipped),
            failed_more=self.failed - len(self._failed),
            skipped_more=self.skipped - len(self._skipped),
            error=self.error,
            refused=self.refused,
            taken_from=tuple(sorted(self.taken_from)),
            seconds=seconds,
        )


def _told(error: Exception) -> Exception:
    """Of a group (a fetcher that does several things at once) the first error that is no TwinError, else the first."""
    while isinstance(error, ExceptionGroup):
        defects = error.split(TwinError)[1]
        error = (defects or error).exceptions[0]
    return error
