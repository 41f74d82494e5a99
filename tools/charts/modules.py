"""Pinned Go modules -> their folders, where the real schemas of Kubernetes and of its operators lie.

A module is taken from Go's own cache or proxy and verified by its sum, so no site of schemas is asked and none can change them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.build import BuildError


@dataclass(frozen=True, slots=True)
class Module:
    """A module at a version, the sum of its files, and the folders below it where definitions lie."""

    path: str
    version: str
    sum: str
    folders: tuple[str, ...]


KUBERNETES = {
    "1.32": Module(
        "k8s.io/kubernetes", "v1.32.9", "h1:w4Zv/2dVwQKUqCZOSBnMzjMYZQ33TNuSZvbkJ9HEaGE=", ("api/openapi-spec/swagger.json",)
    ),
    "1.33": Module(
        "k8s.io/kubernetes", "v1.33.5", "h1:uf0/5VVQodYf61FudCbwtWjg5ApQcKKA7mwanTLjxyw=", ("api/openapi-spec/swagger.json",)
    ),
    "1.34": Module(
        "k8s.io/kubernetes", "v1.34.4", "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=", ("api/openapi-spec/swagger.json",)
    ),
}
ADDED = (
    Module("github.com/argoproj/argo-cd/v3", "v3.2.0", "h1:m2eGAV+nXQGgzZbH5SyJD5laaPW27mzWXBrgisUHY/0=", ("manifests/crds",)),
    Module(
        "github.com/argoproj/argo-workflows/v3",
        "v3.7.3",
        "h1:b0o03RTLXIL7lQunDEvLoDTeI5TbfXe2obGaItvvifk=",
        ("manifests/base/crds/full",),
    ),
    Module(
        "github.com/argoproj/argo-events", "v1.9.6", "h1:tQTyUmMt0/4UI+9fbXrmK1/h9oalV7KBCC3YgPI7qz0=", ("manifests/base/crds",)
    ),
    Module(
        "github.com/aws/karpenter-provider-aws", "v1.6.3", "h1:+qI/dw3gaEEWTubxwYJUj+QBuh5yUTdBk2GBB+CLxzY=", ("pkg/apis/crds",)
    ),
    Module(
        "github.com/cert-manager/cert-manager", "v1.18.0", "h1:v7vxC1Mx5tkDz1oGOAktB88zA6TbGKcmpLM92+AIXRc=", ("deploy/crds",)
    ),
    Module(
        "github.com/external-secrets/external-secrets",
        "v0.16.1",
        "h1:irK7ePVBYI+6nNEN9kAtP7CYPMr6EKqwK3uo3FB4w1M=",
        ("config/crds/bases",),
    ),
    Module("github.com/kedacore/keda/v2", "v2.17.0", "h1:Msot3UuN6WOhaOaOcVmokmVM0cu3uqSGvnDgg1LkESU=", ("config/crd/bases",)),
    Module(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.82.0",
        "h1:gqz+z31co8+qaEpsJKGfbrBuaMAPiAo/Z08dBIlSM+E=",
        ("example/prometheus-operator-crd",),
    ),
    Module("sigs.k8s.io/gateway-api", "v1.3.0", "h1:q6okN+/UKDATola4JY7zXzx40WO4VISk7i9DIfOvr9M=", ("config/crd/standard",)),
    Module("sigs.k8s.io/karpenter", "v1.6.0", "h1:82SIWF3FIaTkD5WFx+2wjCqgkZK5m1CHY5p+uIu4ScI=", ("pkg/apis/crds",)),
)


def folder(module: Module) -> Path:
    """Where the module's files are. Raises BuildError when it cannot be had, or is not what was pinned."""
    go = Path(sysconfig.get_path("scripts")) / "go"
    name = f"{module.path}@{module.version}"
    with tempfile.TemporaryDirectory() as nowhere:  # outside any module, so that no go.mod picks another version
        done = subprocess.run(
            [str(go), "mod", "download", "-json", name],
            cwd=nowhere,
            env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            check=False,
        )
    told = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in told:
        raise BuildError(f"{name} cannot be had: {told.get('Error') or done.stderr.strip()}")
    if told["Sum"] != module.sum:
        raise BuildError(
            f"{name} has the sum {told['Sum']}, but {module.sum} is pinned: look at what changed before you pin it"
        )
    return Path(told["Dir"])
