"""`terraform output -json` of infra/cluster -> the lines of argocd/envs/<environment>.yaml under `global` that it knows.

Everything else of these files, comments too, stays. `--check` writes nothing and exits with 1 where a line differs.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.terraform import TerraformError, environment, program

ENVIRONMENTS = Path("argocd/envs")


def filled(text: str, known: Mapping[str, str]) -> str:
    """The file with each known value in its line under `global`. Raises KeyError for a key that has no line there."""
    head, found, rest = text.partition("global:\n")
    for key, value in known.items():
        rest, count = re.subn(rf"^(  {key}:)[^#\n]*?( +#.*)?$", rf"\1 {value}\2", rest, count=1, flags=re.MULTILINE)
        if not found or not count:
            raise KeyError(key)
    return head + found + rest


def outputs(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """By environment, what the applied cluster says. Raises TerraformError where it says nothing."""
    command = [program(), f"-chdir={folder}", "output", "-json", "global"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise TerraformError(f"{folder} has no output `global`; apply it first: {done.stderr.strip()[-300:]}")
    return dict(json.loads(done.stdout))


def main(folder: Path = Path("infra/cluster")) -> int:
    """Write or compare; the exit status."""
    differ = False
    try:
        for name, known in outputs(folder).items():
            file = ENVIRONMENTS / f"{name}.yaml"
            before = file.read_text()
            after = filled(before, known)
            if before != after:
                differ = True
                print(
                    f"{file} {'differs from what Terraform knows: make infra-values' if '--check' in sys.argv else 'written'}"
                )
                if "--check" not in sys.argv:
                    file.write_text(after)
    except TerraformError as exc:
        print(exc, file=sys.stderr)
        return 1
    except FileNotFoundError as exc:
        print(f"{exc.filename} is missing: each environment of the cluster has a file", file=sys.stderr)
        return 1
    except KeyError as exc:
        print(f"{file} has no line {exc.args[0]!r} under global: add it", file=sys.stderr)
        return 1
    return 1 if differ and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
