"""Rendered YAML -> what the API of a Kubernetes version would refuse, and what our policies refuse; empty where nothing is.

kubeconform holds it to the schemas of tools/charts/schemas.py, conftest to tests/charts/policies.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.build import binary
from tools.charts.environments import FIXTURES
from tools.charts.schemas import schemas

POLICIES = FIXTURES / "policies"
RELEASE = FIXTURES / "release.yaml"


def refused_by_schema(rendered: str, version: str) -> list[str]:
    """What does not fit the API of Kubernetes `version` (1.34), a line each. A kind without a schema is refused, too."""
    where = f"{schemas(version)}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [str(binary("kubeconform")), "-strict", "-output", "json", "-schema-location", where, "-"]
    done = subprocess.run(command, input=rendered, capture_output=True, text=True, check=False)
    try:
        resources = json.loads(done.stdout)["resources"] or []
    except (ValueError, KeyError):
        return [f"kubeconform: {done.stderr.strip() or done.stdout.strip()}"]
    return [
        f"{one['kind']}/{one['name']}: {one['msg']}"
        for one in resources
        if one["status"] not in {"statusValid", "statusSkipped"}
    ]


def refused_by_policy(rendered: str, release: Path = RELEASE) -> list[str]:
    """What our policies refuse in all that is rendered together, a line each."""
    command = [str(binary("conftest")), "test", "--combine", "--all-namespaces", "--no-color", "--output", "json"]
    command += ["--parser", "yaml", "--policy", str(POLICIES), "--data", str(release), "-"]
    done = subprocess.run(command, input=rendered, capture_output=True, text=True, check=False)
    try:
        results = json.loads(done.stdout)
    except ValueError:
        return [f"conftest: {done.stderr.strip() or done.stdout.strip()}"]
    return sorted({one["msg"] for result in results for one in result.get("failures") or ()})


def wrong(rendered: str, versions: Sequence[str]) -> list[str]:
    """All of both."""
    found = [f"Kubernetes {version}: {one}" for version in versions for one in refused_by_schema(rendered, version)]
    return [*found, *refused_by_policy(rendered)]
