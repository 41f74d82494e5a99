"""A kubeconfig's context, or the pod that this runs in -> a client of its cluster; its errors -> ours. Knows no object."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.errors import ClusterError

DEFAULT = "~/.kube/config"
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
TIMEOUT = 30  # seconds for one request
NOT_FOUND, UNAUTHORIZED, FORBIDDEN = 404, 401, 403


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, and what it is connected to. `context` is empty within a pod."""

    client: Any
    server: str
    context: str
    namespace: str


def connected(context: str = "") -> Connection:
    """A client for `context` (empty: the current one). Nothing is asked yet. Raises ClusterError."""
    from kubernetes import client, config
    from kubernetes.config.config_exception import ConfigException

    configuration = client.Configuration()
    configuration.retries = 2
    try:
        try:
            file = os.environ.get("KUBECONFIG") or DEFAULT  # the client itself would keep what it found when it was imported
            config.load_kube_config(file, context or None, configuration)
            name, namespace = _chosen(file, context)
        except ConfigException:
            if context:
                raise
            config.load_incluster_config(client_configuration=configuration)
            name, namespace = "", NAMESPACE.read_text(encoding="utf-8").strip()
    except (ConfigException, OSError) as exc:
        raise ClusterError(f"no cluster is known ({_line(str(exc))}); set KUBECONFIG, or give --context") from exc
    return Connection(client.ApiClient(configuration), str(configuration.host), name, namespace)


def _chosen(file: str, context: str) -> tuple[str, str]:
    from kubernetes import config

    contexts, current = config.list_kube_config_contexts(file)
    chosen = next((one for one in contexts if one["name"] == context), current) if context else current
    return str(chosen["name"]), str((chosen.get("context") or {}).get("namespace") or "default")


@contextmanager
def mapped(what: str, missing: str = "there is none") -> Iterator[None]:
    """Errors of the client in the block -> ClusterError: `cannot WHAT: ...`. `missing` is said of what is not found."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as exc:
        if exc.status == NOT_FOUND:
            raise ClusterError(f"cannot {what}: {missing}") from exc
        remedy = "; ask for the right to" if exc.status in {UNAUTHORIZED, FORBIDDEN} else ""
        raise ClusterError(f"cannot {what}: the cluster says {exc.status} {_reason(exc)}{remedy}") from exc
    except HTTPError as exc:
        raise ClusterError(f"cannot {what}: the cluster does not answer ({type(exc).__name__}); is it running?") from exc


def _reason(exc: Any) -> str:
    try:
        return _line(str(json.loads(exc.body)["message"]))
    except (TypeError, ValueError, KeyError):
        return str(exc.reason)


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
