"""A chart, value files and a cluster's abilities -> YAML, as `helm template` makes it. Knows no environment."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.build import binary

KUBERNETES = ("1.32", "1.33", "1.34")
ADDED = {  # kinds that the add-ons bring, by the API that has them
    "argoproj.io/v1alpha1": ("Application", "ApplicationSet", "AppProject", "CronWorkflow", "WorkflowTemplate"),
    "cert-manager.io/v1": ("Certificate", "ClusterIssuer", "Issuer"),
    "external-secrets.io/v1": ("ClusterSecretStore", "ExternalSecret", "SecretStore"),
    "gateway.networking.k8s.io/v1": ("Gateway", "HTTPRoute"),
    "karpenter.sh/v1": ("NodePool",),
    "keda.sh/v1alpha1": ("ScaledJob", "ScaledObject", "TriggerAuthentication"),
    "monitoring.coreos.com/v1": ("PodMonitor", "PrometheusRule", "ServiceMonitor"),
}


class HelmError(Exception):
    """Helm refuses the chart or its values; the message is Helm's own."""


def apis(without: Sequence[str] = ()) -> list[str]:
    """What `Capabilities.APIVersions` has where all add-ons are, less the groups in `without`."""
    found = {api: kinds for api, kinds in ADDED.items() if api.partition("/")[0] not in without}
    return [*found, *(f"{api}/{kind}" for api, kinds in found.items() for kind in kinds)]


def template(
    chart: Path,
    name: str,
    *,
    namespace: str = "default",
    values: Sequence[Path] = (),
    sets: Mapping[str, Any] | None = None,
    files: Mapping[str, Path] | None = None,
    kubernetes: str = KUBERNETES[-1],
    has: Sequence[str] | None = None,
) -> str:
    """The rendered YAML. Over value files: `sets`, dotted, and `files`, texts; `has`: the cluster's APIs. Raises HelmError."""
    command = [str(binary("helm")), "template", name, str(chart), "--namespace", namespace, "--kube-version", kubernetes]
    command += [part for file in values for part in ("--values", str(file))]
    command += [part for key, value in (sets or {}).items() for part in ("--set-json", f"{key}={json.dumps(value)}")]
    command += [part for key, file in (files or {}).items() for part in ("--set-file", f"{key}={file}")]
    command += [part for api in (apis() if has is None else has) for part in ("--api-versions", api)]
    return run(command)


def run(command: Sequence[str]) -> str:
    """What a helm command prints. Raises HelmError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmError(done.stderr.strip() or done.stdout.strip())
    return done.stdout


class Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it, where a lone `=` is text."""


def _text(_loader: Any, node: yaml.ScalarNode) -> str:
    return str(node.value)


Loader.add_constructor("tag:yaml.org,2002:value", _text)


def objects(rendered: str) -> Iterator[dict[str, Any]]:
    """The objects of a render."""
    yield from filter(None, yaml.load_all(rendered, Loader=Loader))
