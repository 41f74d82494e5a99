"""A commit -> its images: built, described, pushed, scanned, signed, verified. `python -m tools.images build` is `make images`.

What was pushed is said in dist/images.json, by which the other commands know it. Each names in one line what is missing on this
machine. Knows nothing of releases.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.build import BuildError, binary

IMAGES = {"gateway": "Dockerfile.serve", "pipelines": "Dockerfile.train"}
DIST = Path("dist")
PUSHED = DIST / "images.json"
ISSUER = "https://token.actions.githubusercontent.com"
REFUSED = ("CRITICAL",)  # findings of a scan that no release is made with


class ImageError(Exception):
    """A command cannot be carried out; the message says what is missing and what to do."""


def build() -> None:
    """Both images from the lock. Times in them are the commit's, so that the same commit gives the same layers."""
    _need("docker", "install Docker with buildx and start its engine")
    if _run(["docker", "version"], quiet=True, check=False).returncode:
        raise ImageError("docker's engine does not answer: start it")
    commit, moment = _git("rev-parse", "HEAD"), _git("log", "-1", "--format=%ct")
    DIST.mkdir(exist_ok=True)
    for name, file in IMAGES.items():
        place = f"type=docker,name={_tag(name)},rewrite-timestamp=true"
        options = ["--build-arg", f"SOURCE_DATE_EPOCH={moment}", "--build-arg", f"REVISION={commit}", "--provenance=false"]
        _run(["docker", "buildx", "build", "--file", file, *options, "--output", place, "."])


def sbom() -> None:
    """What is in each image, as SPDX below dist/."""
    for name in IMAGES:
        _run([_tool("syft"), "scan", f"docker:{_tag(name)}", "--output", f"spdx-json={DIST / name}.spdx.json"])


def push() -> None:
    """Both images to REGISTRY, and their digests into dist/images.json."""
    _registry()
    made = {}
    for name in IMAGES:
        _run(["docker", "push", _tag(name)])
        said = _run(["docker", "inspect", "--format", "{{json .RepoDigests}}", _tag(name)], quiet=True).stdout
        made[name] = next(one for one in json.loads(said) if one.startswith(f"{_registry()}/{name}@"))
    PUSHED.write_text(json.dumps(made, indent=2) + "\n")


def scan() -> None:
    """Refuse what the registry finds critical in what was pushed, or in what release.yaml pins."""
    _need("aws", "install AWS's command line and log in")
    for image in pinned().values():
        repository, digest = image.partition("/")[2].split("@")
        which = ["--repository-name", repository, "--image-id", f"imageDigest={digest}"]
        _run(["aws", "ecr", "wait", "image-scan-complete", *which])
        said = _run(["aws", "ecr", "describe-image-scan-findings", *which], quiet=True).stdout
        counts = json.loads(said)["imageScanFindings"].get("findingSeverityCounts", {})
        print(f"{image}: {counts or 'nothing found'}")
        if any(counts.get(one) for one in REFUSED):
            raise ImageError(f"{image} has critical findings: mend them, or update what has them (`make lock`)")


def sign() -> None:
    """A signature and the SBOM as an attestation for each, by whom the workflow's own token names: there is no key."""
    if not (os.environ.get("SIGSTORE_ID_TOKEN") or os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")):
        raise ImageError("no identity to sign with: run this in a workflow with `id-token: write`, or set SIGSTORE_ID_TOKEN")
    for name, image in pinned().items():
        _run([_tool("cosign"), "sign", "--yes", image], more=_signatures())
        kept = ["--type", "spdxjson", "--predicate", f"{DIST / name}.spdx.json"]
        _run([_tool("cosign"), "attest", "--yes", *kept, image], more=_signatures())


def verify() -> None:
    """That what is pinned was signed by SIGNER, the workflow of staging, and by nobody else."""
    signer = os.environ.get("SIGNER") or ""
    if not signer:
        raise ImageError("SIGNER is not set: the workflow that signs, https://github.com/.../release.yaml@refs/heads/staging")
    who = ["--certificate-identity", signer, "--certificate-oidc-issuer", ISSUER]
    for image in pinned().values():
        _run([_tool("cosign"), "verify", *who, image], more=_signatures(), quiet=True)
        _run([_tool("cosign"), "verify-attestation", "--type", "spdxjson", *who, image], more=_signatures(), quiet=True)
        print(f"{image}: signed by {signer}, with its SBOM")


def pinned() -> Mapping[str, str]:
    """The images by name: those that were just pushed, else those of release.yaml. Raises ImageError where neither has any."""
    if PUSHED.exists():
        return dict(json.loads(PUSHED.read_text()))
    import msgspec

    from twin.release.reading import read

    file = Path("release.yaml")
    release = read(file.read_text(), file.name) if file.exists() else None
    if release is None or release.images is None:
        raise ImageError(f"neither {PUSHED} nor release.yaml names images: `make push` first")
    return dict(msgspec.to_builtins(release.images))


def _signatures() -> Mapping[str, str]:
    """Signatures go to a repository of their own: cosign adds to a tag, which an immutable repository refuses."""
    return {"COSIGN_REPOSITORY": f"{_registry()}/signatures"}


def _tag(name: str) -> str:
    registry = os.environ.get("REGISTRY") or "llm-twin"
    return f"{registry}/{name}:sha-{_git('rev-parse', 'HEAD')}"


def _registry() -> str:
    registry = os.environ.get("REGISTRY") or ""
    if not registry:
        raise ImageError(
            "REGISTRY is not set: what the images' names begin with (`terraform output registry` of infra/account)"
        )
    return registry


def _tool(name: str) -> str:
    try:
        return str(binary(name))
    except BuildError as exc:
        raise ImageError(str(exc)) from exc


def _git(*arguments: str) -> str:
    return _run(["git", *arguments], quiet=True).stdout.strip()


def _need(program: str, remedy: str) -> None:
    if not shutil.which(program):
        raise ImageError(f"{program} is not on PATH: {remedy}")


def _run(
    command: Sequence[str], *, more: Mapping[str, str] | None = None, quiet: bool = False, check: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env={**os.environ, **(more or {})}, capture_output=quiet, text=True, check=False)
    if check and done.returncode:
        raise ImageError(
            f"{' '.join(command[:3])} failed with status {done.returncode}{': ' + done.stderr[-500:] if quiet else ''}"
        )
    return done


COMMANDS = {one.__name__: one for one in (build, sbom, push, scan, sign, verify)}


def main() -> int:
    """Carry out the command that is named."""
    command = " ".join(sys.argv[1:])
    if command not in COMMANDS:
        print(f"usage: python -m tools.images {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        COMMANDS[command]()
    except ImageError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
