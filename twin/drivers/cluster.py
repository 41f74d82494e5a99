"""A Kubernetes cluster, as far as workflows need it: templates read, runs made and watched. Knows no workflow by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.drivers.kubeconfig import TIMEOUT, connected, mapped

GROUP, VERSION = "argoproj.io", "v1alpha1"
MISSING = f"there is none, or Argo Workflows is not installed (`kubectl get {GROUP}`)"


class Cluster:
    """The cluster of the kubeconfig's `context` (empty: the current one), or of the pod that this runs in."""

    def __init__(self, context: str = "", namespace: str = "") -> None:
        from kubernetes import client

        connection = connected(context)
        self.namespace = namespace or connection.namespace
        self._api = client.CustomObjectsApi(connection.client)

    def get(self, kind: str, name: str) -> Mapping[str, Any]:
        """One object of Argo's, `kind` being the plural. Raises ClusterError."""
        with mapped(f"read {kind} {name}{self._where}", MISSING):
            found: Mapping[str, Any] = self._api.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, kind, name, _request_timeout=TIMEOUT
            )
        return found

    def list(self, kind: str, labels: str = "") -> list[Mapping[str, Any]]:
        """All of a kind, the newest first. Raises ClusterError."""
        with mapped(f"list {kind}{self._where}", MISSING):
            found = self._api.list_namespaced_custom_object(
                GROUP, VERSION, self.namespace, kind, label_selector=labels, _request_timeout=TIMEOUT
            )
        return sorted(found["items"], key=lambda one: str(one["metadata"].get("creationTimestamp", "")), reverse=True)

    def create(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an object. Raises ClusterError."""
        with mapped(f"make {kind}{self._where}", MISSING):
            made: Mapping[str, Any] = self._api.create_namespaced_custom_object(
                GROUP, VERSION, self.namespace, kind, dict(body), _request_timeout=TIMEOUT
            )
        return made

    @property
    def _where(self) -> str:
        return f" in namespace {self.namespace}"
