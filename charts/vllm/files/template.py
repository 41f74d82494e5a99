"""release.yaml -> its adapter's chat template as one file of a fixed name, verified: vLLM takes it only when it starts.

The name of the file does not change with the adapter, so that another adapter restarts nothing. The adapter is fetched and
verified by `twin`; a template of another digest than the release's ends this, and so keeps vLLM from starting.
"""
# ruff: noqa: INP001, T201 - a script that prints, and no package

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

RELEASE = Path("release.yaml")


def main() -> int:
    """Fetch, compare, copy."""
    wanted = yaml.safe_load(RELEASE.read_text(encoding="utf-8"))["release"]["model"]["chatTemplate"]
    shown = ["twin", "model", "serve", "--dry-run", "--python", sys.executable]  # fetches and verifies what it would serve
    words = shlex.split(subprocess.run(shown, stdout=subprocess.PIPE, text=True, check=True).stdout)
    template = Path(words[words.index("--chat-template") + 1]).read_bytes()
    found = f"sha256:{hashlib.sha256(template).hexdigest()}"
    if found != wanted:
        print(f"the adapter's chat template is {found}, but the release pins {wanted}", file=sys.stderr)
        return 1
    out = Path(os.environ["TWIN_ADAPTERS_FOLDER"]) / "chat_template.jinja"
    partial = out.with_suffix(".partial")
    partial.write_bytes(template)
    partial.replace(out)
    print(f"{out} is {found}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as exc:  # which has said why
        sys.exit(exc.returncode)
