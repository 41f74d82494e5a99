"""`twin <noun> <verb>`: settings -> drivers -> stage -> one record, shown. Knows no logic of a stage.

Modules here import nothing heavy at the top, so that `twin --help` answers at once.
"""

from __future__ import annotations

import sys

from twin.errors import TwinError

INTERRUPTED = 130


def main() -> None:
    """Run the command line: the exit status is 0 done, 1 failed, 2 usage, 3 refused by a rule, 130 interrupted."""
    from twin.cli.app import app

    try:
        app(prog_name="twin")
    except TwinError as exc:
        print(f"twin: {exc}", file=sys.stderr)
        sys.exit(exc.exit_status)
    except KeyboardInterrupt:
        print("twin: interrupted; what was written is complete, run the same command to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `twin documents list | head`
        sys.stderr.close()
        sys.exit(0)
