"""A run as the cluster's API has it -> how it stands, and which of its steps have ended. Knows no cluster."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

from workflows.told import refused

API = "argoproj.io/v1alpha1"
LABEL = "twin/workflow"  # of a run: of which workflow it is
ENDED = ("Succeeded", "Failed", "Error", "Refused")
_EXIT_HANDLER = ".onExit"


def phase(run: Mapping[str, Any]) -> str:
    """Argo's phase; `Refused` of a run that failed because a rule said no, and for no other reason."""
    found = str(run.get("status", {}).get("phase") or "Pending")
    if found not in {"Failed", "Error"}:
        return found
    failed = [one for one in nodes(run).values() if one.get("phase") in {"Failed", "Error"}]
    rows = [(str(one.get("displayName", "")), str(one.get("message", ""))) for one in failed]
    return "Refused" if refused(rows) else found


def newest(runs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest first."""
    return sorted(runs, key=lambda one: str(one["metadata"].get("creationTimestamp", "")), reverse=True)


def nodes(run: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Its nodes by id, without those of its exit handler. Argo compresses those of a large run; what it keeps in a database
    of its own is not here.
    """
    status = run.get("status", {})
    found: Mapping[str, Mapping[str, Any]] = status.get("nodes") or {}
    if packed := status.get("compressedNodes"):
        found = json.loads(gzip.decompress(base64.b64decode(packed)))
    return {key: one for key, one in found.items() if _EXIT_HANDLER not in str(one.get("name", ""))}


def steps_ended(run: Mapping[str, Any]) -> Mapping[str, str]:
    """A line of each attempt of a step that has ended, by the node's id."""
    pods = {key: one for key, one in nodes(run).items() if one.get("type") == "Pod" and one.get("phase") in ENDED}
    return {key: f"{one.get('displayName')}: {one['phase']} {one.get('message', '')}".rstrip() for key, one in pods.items()}
