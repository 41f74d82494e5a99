"""Objects of any kind in a Kubernetes cluster: read, listed, made and applied on the server's side. Knows no platform.

Objects are plain mappings, as in YAML. An apply states what is ours and leaves what others own; twice is once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from twin.drivers.kubeconfig import NOT_FOUND, TIMEOUT, connected, mapped

Done = Literal["created", "changed", "unchanged"]
OWNER = "twin"  # of the fields that we apply
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "PriorityClass"}
OF_SERVER = {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"}  # metadata that nobody states


class Objects:
    """Of the cluster of the kubeconfig's `context` (empty: the current one), or of the pod that this runs in."""

    def __init__(self, context: str = "") -> None:
        connection = connected(context)
        self.context, self.server, self.namespace = connection.context, connection.server, connection.namespace
        self._client = connection.client

    def get(self, api: str, kind: str, name: str, namespace: str = "") -> Mapping[str, Any] | None:
        """One object; None where it, or its kind, is not there. Raises ClusterError."""
        with mapped(f"read {_called(kind, name, namespace)}"):
            return self._found(path(api, kind, name, namespace))

    def list(self, api: str, kind: str, namespace: str = "", labels: str = "") -> list[Mapping[str, Any]] | None:
        """All of a kind; None where the cluster has no such kind. Raises ClusterError."""
        with mapped(f"list {_called(kind, '', namespace)}"):
            found = self._found(path(api, kind, "", namespace), {"labelSelector": labels} if labels else {})
        return None if found is None else list(found["items"])

    def create(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an object, which the server may name, and give it as it is then. Raises ClusterError."""
        api, kind, namespace = body["apiVersion"], body["kind"], str(body["metadata"].get("namespace", ""))
        with mapped(f"make {_called(kind, '', namespace)}", f"the cluster has no such kind or no namespace {namespace}"):
            return self._asked("POST", path(api, kind, "", namespace), {}, body)

    def apply(self, body: Mapping[str, Any], *, dry_run: bool = False) -> Done:
        """State an object; others' fields stay. `dry_run` has the cluster say what it would do. Raises ClusterError."""
        api, kind, metadata = body["apiVersion"], body["kind"], body["metadata"]
        name, namespace = str(metadata["name"]), str(metadata.get("namespace", ""))
        where = path(api, kind, name, namespace)
        with mapped(f"apply {_called(kind, name, namespace)}", f"the cluster has no such kind or no namespace {namespace}"):
            before = self._found(where)
            if before is None and dry_run:
                return "created"  # its namespace or kind may be made by the same run, so the cluster could not say
            asked = {"fieldManager": OWNER, "force": "true", **({"dryRun": "All"} if dry_run else {})}
            after = self._asked("PATCH", where, asked, body)
        if before is None:
            return "created"
        return "unchanged" if _stated(before) == _stated(after) else "changed"

    def may_do_all(self) -> bool:
        """Whether whoever asks is an administrator of the cluster. Raises ClusterError."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}},
        }
        with mapped("ask the cluster for our rights"):
            said = self._asked("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {}, review)
        return bool(said["status"].get("allowed"))

    def _found(self, where: str, query: Mapping[str, str] | None = None) -> Mapping[str, Any] | None:
        from kubernetes.client.exceptions import ApiException

        try:
            return self._asked("GET", where, query or {})
        except ApiException as exc:
            if exc.status == NOT_FOUND:
                return None
            raise

    def _asked(self, method: str, where: str, query: Mapping[str, str], body: Any = None) -> Mapping[str, Any]:
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        said: Mapping[str, Any] = self._client.call_api(
            where,
            method,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=body,
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _request_timeout=TIMEOUT,
        )
        return said


def path(api: str, kind: str, name: str = "", namespace: str = "") -> str:
    """Where the API has an object, or all of a kind."""
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    within = f"/namespaces/{namespace}" if namespace and kind not in CLUSTER_WIDE else ""
    plural = kind.lower()
    plural = f"{plural[:-1]}ies" if plural.endswith("y") else f"{plural}es" if plural.endswith(("s", "x")) else f"{plural}s"
    return f"{root}{within}/{plural}" + (f"/{name}" if name else "")


def _stated(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object without what the server keeps about it."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in OF_SERVER}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": metadata}


def _called(kind: str, name: str, namespace: str) -> str:
    return f"{kind}{f' {name}' if name else 's'}" + (f" in namespace {namespace}" if namespace else "")
