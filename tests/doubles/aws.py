"""A double of AWS: moto's server, and before it those calls of EKS that moto lacks (add-ons, access entries, Pod Identity), kept as they were made."""

from __future__ import annotations

import json
import os
import re
import sys
from http import HTTPStatus

from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

REGION, ACCOUNT = "eu-central-1", "123456789012"


class Eks:
    """A WSGI application that answers what moto's EKS cannot, and hands all else to `below`."""

    def __init__(self, below) -> None:
        self.below = below
        self.kept: dict[tuple[str, str], dict[str, dict]] = {}
        self.count = 0

    def __call__(self, environ, start):
        request = Request(environ)
        found = "/eks/aws4_request" in request.headers.get("Authorization", "") and re.fullmatch(
            r"/clusters/([^/]+)/(addons|access-entries|pod-identity-associations)(?:/(.+))?", request.path
        )
        if not found:
            return self.below(environ, start)
        cluster, kind, rest = found.groups()
        status, answer = getattr(self, f"_{kind.replace('-', '_')}")(request, cluster, rest)
        headers = {"x-amzn-errortype": "ResourceNotFoundException"} if status == HTTPStatus.NOT_FOUND else {}
        return Response(json.dumps(answer), status, headers, content_type="application/json")(environ, start)

    def _addons(self, request: Request, cluster: str, rest: str | None):
        body = request.get_json(silent=True) or {}
        made = {**body, "clusterName": cluster, "status": "ACTIVE", "health": {"issues": []}}
        made |= {"addonArn": _arn(f"addon/{cluster}/{body.get('addonName', rest)}"), "createdAt": 0, "modifiedAt": 0}
        return self._record(request, cluster, "addons", rest or body.get("addonName"), "addon", made, rest)

    def _pod_identity_associations(self, request: Request, cluster: str, rest: str | None):
        body = request.get_json(silent=True) or {}
        self.count += request.method == "POST"
        key = rest or f"a-{self.count:08}"
        made = {**body, "clusterName": cluster, "associationId": key, "createdAt": 0, "modifiedAt": 0}
        made["associationArn"] = _arn(f"podidentityassociation/{cluster}/{key}")
        return self._record(request, cluster, "pod-identity-associations", key, "association", made, rest)

    def _access_entries(self, request: Request, cluster: str, rest: str | None):
        principal, _, policies = (rest or "").partition("/access-policies")
        if "/access-policies" in (rest or ""):
            return self._access_policies(request, cluster, principal, policies.lstrip("/"))
        body = request.get_json(silent=True) or {}
        made = {"kubernetesGroups": [], "type": "STANDARD", **body, "clusterName": cluster, "createdAt": 0, "modifiedAt": 0}
        made |= {"accessEntryArn": _arn(f"access-entry/{cluster}/{body.get('principalArn')}"), "username": "user"}
        return self._record(request, cluster, "access-entries", rest or body.get("principalArn"), "accessEntry", made, rest)

    def _access_policies(self, request: Request, cluster: str, principal: str, policy: str):
        kept = self.kept.setdefault((cluster, f"policies of {principal}"), {})
        if request.method == "POST":
            body = request.get_json()
            kept[body["policyArn"]] = {**body, "associatedAt": 0, "modifiedAt": 0}
            return 200, {"clusterName": cluster, "principalArn": principal, "associatedAccessPolicy": kept[body["policyArn"]]}
        if request.method == "DELETE":
            return (200, {}) if kept.pop(policy, None) else _missing(policy)
        return 200, {"clusterName": cluster, "principalArn": principal, "associatedAccessPolicies": list(kept.values())}

    def _record(self, request: Request, cluster: str, kind: str, key: str, name: str, made: dict, rest: str | None):
        kept = self.kept.setdefault((cluster, kind), {})
        if request.method == "POST":
            kept[key] = {**kept.get(key, {}), **made}
            return 200, {name: kept[key]}
        if rest is None:
            return 200, {"associations" if name == "association" else kind.replace("-e", "E"): list(kept)}
        if key not in kept:
            return _missing(key)
        return 200, {name: kept.pop(key) if request.method == "DELETE" else kept[key]}


def _arn(rest: str) -> str:
    return f"arn:aws:eks:{REGION}:{ACCOUNT}:{rest}"


def _missing(key: str):
    return HTTPStatus.NOT_FOUND, {"message": f"no {key} here"}


def main() -> None:
    """Serve on the port that is given."""
    port = int(sys.argv[1])
    os.environ |= {"MOTO_PORT": str(port), "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    app = Eks(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
