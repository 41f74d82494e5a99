"""argocd/ -> its objects, the Applications that Argo CD makes of them, and what each Application puts into a cluster.

The Applications come from Argo CD's own code (tools/argocd). A source of this repository is rendered from the tree as Argo CD
does: value files that are missing are left out, a path that begins with / begins at the root. Upstream charts are not fetched.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.build import binary
from tools.charts import helm
from tools.charts.environments import FIXTURES
from tools.render import ROOT

PLATFORM = ROOT / "argocd"
RELEASE = FIXTURES / "release.yaml"
Object = dict[str, Any]


class ArgoError(Exception):
    """Argo CD refuses what it was given; the message is its own."""


def argocd(*words: str, given: str = "") -> str:
    """What Argo CD says. Raises ArgoError."""
    done = subprocess.run([str(binary("argocd")), *words], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArgoError(done.stderr.strip())
    return done.stdout


def platform(sets: Mapping[str, Any] | None = None, folder: Path = PLATFORM) -> str:
    """What the Application of root.yaml installs, by its values with `sets` over them. Raises HelmError."""
    return helm.template(folder, "platform", namespace="argocd", sets=sets)


def applications(rendered: str) -> list[Object]:
    """The Applications that the ApplicationSets among `rendered` generate. Raises ArgoError."""
    sets = [one for one in helm.objects(rendered) if one["kind"] == "ApplicationSet"]
    return list(helm.objects(argocd("apps", given=yaml.safe_dump_all(sets))))


def own(application: Mapping[str, Any]) -> bool:
    """Whether it is of this repository, and no upstream chart."""
    return str(application["spec"]["source"].get("path", ".")) != "."


def manifests(application: Mapping[str, Any], release: Path | None = RELEASE, root: Path = ROOT) -> str:
    """What an Application of this repository puts into a cluster, with `release` in place of release.yaml. Raises HelmError."""
    source = application["spec"]["source"]
    if "helm" not in source:
        return plain(root / source["path"])
    chart, given = root / source["path"], source["helm"]
    values = [_resolved(chart, one, release, root) for one in given["valueFiles"]]
    return helm.template(
        chart,
        given["releaseName"],
        namespace=application["spec"]["destination"]["namespace"],
        values=[one for one in values if one.is_file()],
        files={one["name"]: _resolved(chart, one["path"], release, root) for one in given.get("fileParameters", ())},
    )


def _resolved(chart: Path, path: str, release: Path | None, root: Path) -> Path:
    if path == "/release.yaml":
        return release or root / "release.yaml"
    return root / path.lstrip("/") if path.startswith("/") else chart / path


def plain(folder: Path) -> str:
    """The objects that lie in a folder and below it; value files and the like, which are no objects, are left out."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.yaml")))
    return "\n---\n".join(text for text in texts if "\nkind: " in f"\n{text}" and "\napiVersion: " in f"\n{text}")


def kinds(rendered: str) -> Iterator[tuple[str, str]]:
    """Group and kind of every object, less those of `helm test`, which Argo CD leaves alone."""
    for one in helm.objects(rendered):
        if one["metadata"].get("annotations", {}).get("helm.sh/hook") != "test":
            group, _, _version = one["apiVersion"].rpartition("/")
            yield group, one["kind"]
