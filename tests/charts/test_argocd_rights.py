"""Who may do what in Argo CD, and who hears of what: by its own enforcer and its own notifications, to a real receiver."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from tools.charts import helm
from tools.charts.platform import PLATFORM, argocd, platform

OBJECTS = list(helm.objects(platform()))
CONFIG = {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] == "ConfigMap"}
GROUPS = yaml.safe_load((PLATFORM / "values.yaml").read_text())["groups"]


# --- rights ---


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """policy.csv with the roles of all projects, as Argo CD puts them together."""
    lines = [CONFIG["argocd-rbac-cm"]["data"]["policy.csv"]]
    for project in (one for one in OBJECTS if one["kind"] == "AppProject"):
        for role in project["spec"].get("roles", []):
            subject = f"proj:{project['metadata']['name']}:{role['name']}"
            lines += [*role["policies"], *(f"g, {group}, {subject}" for group in role["groups"])]
    path = tmp_path_factory.mktemp("policy") / "policy.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("group", "asked", "answer"),
    [
        ("platform", ("applications", "sync", "production/production-vllm"), "yes"),
        ("platform", ("applications", "get", "cluster-in-cluster/in-cluster-base"), "yes"),
        ("platform", ("applications", "delete", "production/production-vllm"), "no"),
        ("platform", ("applications", "override", "production/production-vllm"), "no"),
        ("platform", ("exec", "create", "production/production-vllm"), "no"),
        ("platform", ("projects", "update", "production"), "no"),
        ("engineers", ("applications", "sync", "staging/staging-vllm"), "yes"),
        ("engineers", ("logs", "get", "production/production-vllm"), "yes"),
        ("engineers", ("applications", "sync", "production/production-vllm"), "no"),
        ("engineers", ("applications", "sync", "addons-in-cluster/in-cluster-keda"), "no"),
        ("readers", ("applications", "get", "production/production-vllm"), "yes"),
        ("readers", ("applications", "sync", "staging/staging-vllm"), "no"),
        ("readers", ("logs", "get", "staging/staging-vllm"), "no"),
    ],
    ids=str,
)
def test_a_group_may_do_what_it_should_and_no_more(policy, group, asked, answer):
    assert argocd("can", str(policy), GROUPS[group], *asked).strip() == answer


def test_whoever_is_in_no_group_sees_nothing(policy):
    assert CONFIG["argocd-rbac-cm"]["data"]["policy.default"] == ""
    assert argocd("can", str(policy), "somebody", "applications", "get", "staging/staging-vllm").strip() == "no"


def test_production_is_not_synced_by_itself_at_weekends_but_a_person_may():
    [production] = [one for one in OBJECTS if one["kind"] == "AppProject" and one["metadata"]["name"] == "production"]
    [window] = production["spec"]["syncWindows"]
    assert (window["kind"], window["manualSync"], window["applications"]) == ("deny", True, ["production-*"])
    [staging] = [one for one in OBJECTS if one["kind"] == "AppProject" and one["metadata"]["name"] == "staging"]
    assert "syncWindows" not in staging["spec"]


# --- notifications ---


@pytest.fixture
def channel():
    """A receiver on loopback: its address, and what it was sent."""
    received: list[tuple[str, dict]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received
    server.shutdown()
    server.server_close()


def sent(address: str, phase: str, health: str, message: str = "") -> list[str]:
    plain = {"channel-url": address, "channel-authorization": "Bearer abc"}
    secret = {"data": {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}}
    state = {"phase": phase, "message": message, "syncResult": {"revision": "0123456789abcdef"}}
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "production-vllm", "namespace": "argocd"},
        "status": {"operationState": state, "health": {"status": health}},
    }
    given = yaml.safe_dump_all([CONFIG["argocd-notifications-cm"], secret, application])
    return argocd("notify", given=given).split()


@pytest.mark.parametrize(
    ("phase", "health", "triggers", "said"),
    [
        ("Succeeded", "Healthy", ["on-synced"], "production-vllm: deployed 01234567"),
        ("Succeeded", "Degraded", ["on-degraded"], "production-vllm: degraded"),
        ("Failed", "Healthy", ["on-failed"], 'production-vllm: not deployed: job "index-live" failed'),
        ("Error", "Healthy", ["on-failed"], "production-vllm: not deployed"),
        ("Running", "Progressing", [], ""),
    ],
)
def test_the_channel_hears_how_a_deployment_went(channel, phase, health, triggers, said):
    address, received = channel
    assert sent(address, phase, health, 'job "index-live" failed') == triggers
    assert len(received) == len(triggers)
    for authorization, body in received:
        assert authorization == "Bearer abc"
        assert body["text"] == body["content"] == body["body"]
        assert said in body["text"]


def test_no_address_of_a_channel_is_written_down():
    text = CONFIG["argocd-notifications-cm"]["data"]["service.webhook.channel"]
    assert "url: $channel-url" in text
    assert "http" not in text
