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
    from twin.cli.app import app

    asked_to_end: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        asked_to_end.append(number)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs would ignore it, and SIGTERM with it
    signal.signal(signal.SIGTERM, end)
    try:
        app(prog_name="twin")
    except TwinError as exc:
        print(f"twin: {exc}", file=sys.stderr)
        sys.exit(exc.exit_status)
    except SystemExit as exc:  # Typer turns an interrupt into this
        if exc.code != INTERRUPTED:
            raise
        print("twin: interrupted; what was written is complete, run the same command to go on", file=sys.stderr)
        sys.exit(TERMINATED if asked_to_end else INTERRUPTED)
    except BrokenPipeError:  # `twin documents list | head`
        sys.stderr.close()
        sys.exit(0)
