"""A double of AWS: moto's server; before it, kept as they were made, those calls of EKS and Budgets that moto lacks.

moto also reads no conditions of a bucket's policy, so that a denial of plain HTTP would deny everything: the decision is IAM's double's.
"""

from __future__ import annotations

import json
import os
import re
import sys
from http import HTTPStatus
from io import BytesIO

from werkzeug.serving import run_simple
from werkzeug.wrappers import Request, Response

from tests.doubles.iam import Asked, allowed, denied

REGION, ACCOUNT = "eu-central-1", "123456789012"
FORGOTTEN = ("accessConfig", "upgradePolicy")  # what moto's clusters forget of what they were made with


class Eks:
    """A WSGI application that answers what moto's EKS cannot, and hands all else to `below`."""

    def __init__(self, below) -> None:
        self.below = below
        self.kept: dict[tuple[str, str], dict[str, dict]] = {}
        self.clusters: dict[str, dict] = {}
        self.count = 0

    def __call__(self, environ, start):
        request = Request(environ)
        if "/eks/aws4_request" not in request.headers.get("Authorization", ""):
            return self.below(environ, start)
        known = r"/clusters/([^/]+)/(addons|access-entries|node-groups|pod-identity-associations)(?:/(.+))?"
        found = re.fullmatch(known, request.path)
        if not found:
            return self._cluster(request)(environ, start)
        cluster, kind, rest = found.groups()
        status, answer = getattr(self, f"_{kind.replace('-', '_')}")(request, cluster, rest)
        headers = {"x-amzn-errortype": "ResourceNotFoundException"} if status == HTTPStatus.NOT_FOUND else {}
        return Response(json.dumps(answer), status, headers, content_type="application/json")(environ, start)

    def _cluster(self, request: Request) -> Response:
        """moto's answer, with what it forgets of a cluster and a group of its own."""
        asked = request.get_data()
        request.environ["wsgi.input"] = BytesIO(asked)
        said = Response.from_app(self.below, request.environ)
        answer = said.get_json(silent=True) or {}
        if said.status_code != HTTPStatus.OK or "cluster" not in answer:
            return said
        made = answer["cluster"]
        if request.method == "POST" and request.path == "/clusters":
            body = json.loads(asked)
            self.clusters[body["name"]] = {key: body[key] for key in FORGOTTEN} | {"group": _group(body)}
        own = self.clusters[made["name"]]
        made |= {key: own[key] for key in FORGOTTEN}
        made["resourcesVpcConfig"] |= {"clusterSecurityGroupId": own["group"]}
        return Response(json.dumps(answer), HTTPStatus.OK, content_type="application/json")

    def _addons(self, request: Request, cluster: str, rest: str | None):
        body = request.get_json(silent=True) or {}
        made = {**body, "clusterName": cluster, "status": "ACTIVE", "health": {"issues": []}}
        made |= {"addonArn": _arn(f"addon/{cluster}/{body.get('addonName', rest)}"), "createdAt": 0, "modifiedAt": 0}
        return self._record(request, (cluster, "addons"), rest or body.get("addonName"), "addon", made)

    def _node_groups(self, request: Request, cluster: str, rest: str | None):
        body = request.get_json(silent=True) or {}
        made = {**body, "clusterName": cluster, "status": "ACTIVE", "health": {"issues": []}, "capacityType": "ON_DEMAND"}
        made |= {"nodegroupArn": _arn(f"nodegroup/{cluster}/{body.get('nodegroupName')}/1"), "resources": {}}
        made |= {"version": "1.33", "releaseVersion": "1.33.1", "createdAt": 0, "modifiedAt": 0}
        return self._record(request, (cluster, "node-groups"), rest or body.get("nodegroupName"), "nodegroup", made)

    def _pod_identity_associations(self, request: Request, cluster: str, rest: str | None):
        body = request.get_json(silent=True) or {}
        self.count += request.method == "POST"
        key = rest or (f"a-{self.count:08}" if request.method == "POST" else None)
        made = {**body, "clusterName": cluster, "associationId": key, "createdAt": 0, "modifiedAt": 0}
        made["associationArn"] = _arn(f"podidentityassociation/{cluster}/{key}")
        return self._record(request, (cluster, "pod-identity-associations"), key, "association", made)

    def _access_entries(self, request: Request, cluster: str, rest: str | None):
        principal, found, policy = (rest or "").partition("/access-policies")
        if found:
            return self._access_policies(request, cluster, principal, policy.lstrip("/"))
        body = request.get_json(silent=True) or {}
        made = {"kubernetesGroups": [], "type": "STANDARD", **body, "clusterName": cluster, "createdAt": 0, "modifiedAt": 0}
        made |= {"accessEntryArn": _arn(f"access-entry/{cluster}/{body.get('principalArn')}"), "username": "user"}
        return self._record(request, (cluster, "access-entries"), rest or body.get("principalArn"), "accessEntry", made)

    def _access_policies(self, request: Request, cluster: str, principal: str, policy: str):
        kept = self.kept.setdefault((cluster, f"policies of {principal}"), {})
        if request.method == "POST":
            body = request.get_json()
            kept[body["policyArn"]] = {**body, "associatedAt": 0, "modifiedAt": 0}
            return HTTPStatus.OK, {
                "clusterName": cluster,
                "principalArn": principal,
                "associatedAccessPolicy": kept[body["policyArn"]],
            }
        if request.method == "DELETE":
            return (HTTPStatus.OK, {}) if kept.pop(policy, None) else _missing(policy)
        return HTTPStatus.OK, {
            "clusterName": cluster,
            "principalArn": principal,
            "associatedAccessPolicies": list(kept.values()),
        }

    def _record(self, request: Request, where: tuple[str, str], key: str, name: str, made: dict):
        kept = self.kept.setdefault(where, {})
        if request.method == "POST":
            kept[key] = {**kept.get(key, {}), **made}
        if key is None:
            plural = {
                "association": "associations",
                "addon": "addons",
                "accessEntry": "accessEntries",
                "nodegroup": "nodegroups",
            }[name]
            return HTTPStatus.OK, {plural: list(kept.values()) if name == "association" else list(kept)}
        if key not in kept:
            return _missing(key)
        return HTTPStatus.OK, {name: kept.pop(key) if request.method == "DELETE" else kept[key]}


def _arn(rest: str) -> str:
    return f"arn:aws:eks:{REGION}:{ACCOUNT}:{rest}"


def _missing(key: str):
    return HTTPStatus.NOT_FOUND, {"message": f"no {key} here"}


def _group(cluster: dict) -> str:
    """The security group that EKS makes for a new cluster."""
    from moto.ec2.models import ec2_backends

    ec2 = ec2_backends[ACCOUNT][REGION]
    vpc = ec2.get_subnet(cluster["resourcesVpcConfig"]["subnetIds"][0]).vpc_id
    return ec2.create_security_group(f"eks-cluster-sg-{cluster['name']}", "made by EKS", vpc_id=vpc).id


def _bucket_permission(bucket, action: str, resource: str):
    """What the bucket's policy says of a request, over TLS as every real one would be."""
    from moto.iam.access_control import PermissionResult

    policy = [json.loads(bucket.policy)] if bucket.policy else []
    asked = Asked(action, resource, {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"})
    if denied(policy, asked):
        return PermissionResult.DENIED
    return PermissionResult.PERMITTED if allowed(policy, asked) else PermissionResult.NEUTRAL


def _subscribers(response) -> str:
    """Who hears of one notification of a budget."""
    budget = response.backend.budgets[response._get_param("AccountId")][response._get_param("BudgetName")]
    asked = response._get_param("Notification")
    kinds = ("NotificationType", "ComparisonOperator", "Threshold")
    found = [one.subscribers for one in budget.notifications if all(one.details[kind] == asked[kind] for kind in kinds)]
    return json.dumps({"Subscribers": found[0]})


def _create_budget(response) -> str:
    """As moto does, and its tags are kept."""
    name = response._get_param("Budget")["BudgetName"]
    BUDGET_TAGS[f"arn:aws:budgets::{ACCOUNT}:budget/{name}"] = response._get_param("ResourceTags", [])
    return MOTO["create_budget"](response)


def _budget_tags(response) -> str:
    """The tags that a budget was made with."""
    return json.dumps({"ResourceTags": BUDGET_TAGS.get(response._get_param("ResourceARN"), [])})


def _template_version(self, template, number, data, description) -> None:
    """As moto makes it, without the tags of the template itself, which moto takes for its instances'."""
    data["TagSpecifications"] = [one for one in data.get("TagSpecifications", []) if one["ResourceType"] != "launch-template"]
    MOTO["template_version"](self, template, number, data, description)


BUDGET_TAGS: dict[str, list] = {}
MOTO: dict[str, object] = {}  # its own functions, where one is called by what replaces it


def main() -> None:
    """Serve on the port that is given."""
    port = int(sys.argv[1])
    os.environ |= {"MOTO_PORT": str(port), "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    from moto.budgets.responses import BudgetsResponse
    from moto.ec2.models.launch_templates import LaunchTemplateVersion
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from moto.s3.models import FakeBucket, FakeDeleteMarker

    FakeBucket.get_permission = _bucket_permission
    FakeDeleteMarker.dispose = lambda _: None  # which moto forgot: a bucket with one could not be emptied
    BudgetsResponse.describe_subscribers_for_notification = _subscribers
    BudgetsResponse.list_tags_for_resource = _budget_tags
    MOTO.update({"create_budget": BudgetsResponse.create_budget, "template_version": LaunchTemplateVersion.__init__})
    BudgetsResponse.create_budget, LaunchTemplateVersion.__init__ = _create_budget, _template_version
    app = Eks(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
