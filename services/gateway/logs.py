"""Log records -> JSON lines with run and release, on a stream. Knows no route and sets up nothing until it is asked to."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any, TextIO

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One line a record: what was said, by whom, and the fields that came with it."""

    def __init__(self, release: str) -> None:
        super().__init__()
        self._always = {"stage": "answer", "release": release, "run": os.urandom(6).hex()}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._always,
            **{key: value for key, value in vars(record).items() if key not in STANDARD},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=repr)  # in ASCII, whatever was said


def configure(release: str, stream: TextIO) -> None:
    """Send all logs there from now on; libraries' only from warnings up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(release))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in ("services", "twin"):
        logging.getLogger(ours).setLevel(logging.INFO)
