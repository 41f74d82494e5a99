"""A Kubernetes cluster, as far as workflows need it: templates read, runs made and watched. Knows no workflow by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twin.errors import ClusterError

GROUP, VERSION = "argoproj.io", "v1alpha1"
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
TIMEOUT = 30  # seconds for one request
NOT_FOUND, UNAUTHORIZED, FORBIDDEN = 404, 401, 403


class Cluster:
    """The cluster of the kubeconfig's `context` (empty: the current one), or of the pod that this runs in."""

    def __init__(self, context: str = "", namespace: str = "") -> None:
        from kubernetes import client, config
        from kubernetes.config.config_exception import ConfigException

        configuration = client.Configuration()
        try:
            try:
                config.load_kube_config(context=context or None, client_configuration=configuration)
                found = _namespace(context)
            except ConfigException:
                if context:
                    raise
                config.load_incluster_config(client_configuration=configuration)
                found = NAMESPACE.read_text(encoding="utf-8").strip()
        except (ConfigException, OSError) as exc:
            raise ClusterError(
                f"no cluster is known ({' '.join(str(exc).split())[:200]}); set KUBECONFIG, or give --context"
            ) from exc
        configuration.retries = 2
        self.namespace = namespace or found
        self._api = client.CustomObjectsApi(client.ApiClient(configuration))

    def get(self, kind: str, name: str) -> Mapping[str, Any]:
        """One object of Argo's, `kind` being the plural. Raises ClusterError."""
        with self._mapped(f"read {kind} {name}"):
            found: Mapping[str, Any] = self._api.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, kind, name, _request_timeout=TIMEOUT
            )
        return found

    def list(self, kind: str, labels: str = "") -> list[Mapping[str, Any]]:
        """All of a kind, the newest first. Raises ClusterError."""
        with self._mapped(f"list {kind}"):
            found = self._api.list_namespaced_custom_object(
                GROUP, VERSION, self.namespace, kind, label_selector=labels, _request_timeout=TIMEOUT
            )
        return sorted(found["items"], key=lambda one: str(one["metadata"].get("creationTimestamp", "")), reverse=True)

    def create(self, kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make an object. Raises ClusterError."""
        with self._mapped(f"make {kind}"):
            made: Mapping[str, Any] = self._api.create_namespaced_custom_object(
                GROUP, VERSION, self.namespace, kind, dict(body), _request_timeout=TIMEOUT
            )
        return made

    @contextmanager
    def _mapped(self, what: str) -> Iterator[None]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        where = f"{what} in namespace {self.namespace}"
        try:
            yield
        except ApiException as exc:
            if exc.status == NOT_FOUND:
                raise ClusterError(
                    f"cannot {where}: there is none, or Argo Workflows is not installed (`kubectl get {GROUP}`)"
                ) from exc
            remedy = "; ask for the right to" if exc.status in {UNAUTHORIZED, FORBIDDEN} else ""
            raise ClusterError(f"cannot {where}: the cluster says {exc.status} {_reason(exc)}{remedy}") from exc
        except HTTPError as exc:
            raise ClusterError(f"cannot {where}: the cluster does not answer ({type(exc).__name__}); is it running?") from exc


def _namespace(context: str) -> str:
    from kubernetes import config

    contexts, current = config.list_kube_config_contexts()
    chosen = next((one for one in contexts if one["name"] == context), current) if context else current
    return str((chosen.get("context") or {}).get("namespace") or "default")


def _reason(exc: Any) -> str:
    import json

    try:
        return str(json.loads(exc.body)["message"])[:300]
    except (TypeError, ValueError, KeyError):
        return str(exc.reason)
