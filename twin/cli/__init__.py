"""`twin <noun> <verb>`: settings -> drivers -> stage -> one record, shown. Knows no logic of a stage.

Modules here import nothing heavy at the top, so that `twin --help` answers at once.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from twin.errors import TwinError

INTERRUPTED, TERMINATED = 130, 143


def main() -> None:
    """Run the command line: the exit status is 0 done, 1 failed, 2 usage, 3 refused by a rule, 130 and 143 for
    Ctrl-C and SIGTERM, which both let a command finish what it is writing and let go of what it holds.
    """
    asked_to_end: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        asked_to_end.append(number)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs would ignore it, and SIGTERM with it
    signal.signal(signal.SIGTERM, end)
    try:
        from twin.cli.app import app
        from twin.cli.group import run

        status = run(app)
    except TwinError as exc:
        print(f"twin: {exc}", file=sys.stderr)
        status = exc.exit_status
    except KeyboardInterrupt:  # before the command began
        print("twin: interrupted", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(TERMINATED if status == INTERRUPTED and asked_to_end else status)
