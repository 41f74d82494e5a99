"""`python -m tests.bench [name [options]]`: run the benchmarks, scripts of their own that print figures against a baseline."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = {path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_")}
NAMES = sorted(SCRIPTS | {path.parent.name for path in HERE.glob("*/__main__.py")})


def main() -> int:
    """Run what is named, with the options that follow a name, or all."""
    if sys.argv[1:2] and sys.argv[1].startswith("-"):
        print(f"{__doc__}\nThere are {', '.join(NAMES)}; `python -m tests.bench NAME --help` shows a benchmark's options.")
        return 0
    wanted = _wanted(sys.argv[1:])
    unknown = [name for name, _ in wanted if name not in NAMES]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name, options in wanted:
        print(f"== {name}", flush=True)
        sys.argv = [name, *options]
        runpy.run_module(f"tests.bench.{name}", run_name="__main__")
    return 0


def _wanted(arguments: list[str]) -> list[tuple[str, list[str]]]:
    """Each named benchmark with its options: after the first option everything belongs to the last name."""
    first = next((at for at, one in enumerate(arguments) if one.startswith("-")), len(arguments))
    names = arguments[:first] or NAMES
    return [(name, arguments[first:] if name == names[-1] else []) for name in names]


if __name__ == "__main__":
    sys.exit(main())
