"""The monitoring chart: rules that Prometheus takes, about what the gateway counts; monitors where they are asked for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from services.gateway.metrics import Metrics
from tests.charts.rendering import Render
from tools.build import binary
from tools.charts.environments import CHARTS

CHART = "monitoring"
HERE = Path(__file__).parent
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.fixture(scope="module")
def plain() -> Render:
    return Render(CHART)


def rules_of(render: Render) -> dict:
    return render("PrometheusRule")["spec"]


def promtool(folder: Path, *words: str) -> str:
    done = subprocess.run([binary("promtool"), *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(plain, tmp_path) -> Path:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules_of(plain)))
    return tmp_path


def test_prometheus_takes_the_rules(folder):
    promtool(folder, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")


def test_each_alert_fires_at_its_threshold_and_not_before(folder):
    (folder / "tests.yaml").write_text((HERE / "gateway.alerts.yaml").read_text())
    promtool(folder, "test", "rules", "tests.yaml")


def test_each_alert_has_its_test(plain):
    alerts = {rule["alert"] for group in rules_of(plain)["groups"] for rule in group["rules"] if "alert" in rule}
    cases = yaml.safe_load((HERE / "gateway.alerts.yaml").read_text())["tests"]
    tested = [(one["alertname"], bool(one["exp_alerts"])) for case in cases for one in case["alert_rule_test"]]
    assert {name for name, fires in tested if fires} == alerts
    assert {name for name, fires in tested if not fires} == alerts


def counted() -> set[str]:
    """The series that a gateway has."""
    collected: list[Metric] = list(Metrics().registry.collect())
    return {one.name + ending for one in collected for ending in ENDINGS[one.type]}


@pytest.mark.parametrize("file", ["monitoring/files/gateway.yaml", "rag-gateway/templates/scaledobject.yaml"])
def test_rules_and_scalers_ask_for_what_the_gateway_counts(file):
    text = (CHARTS / file).read_text()
    asked = set(re.findall(r"\btwin_\w+(?=\{|\b)", text)) - {"twin_answer_step_seconds"}  # named in a description
    assert asked
    assert asked <= counted()


def test_rules_are_of_the_namespace_alone(plain):
    text = str(rules_of(plain))
    assert "NAMESPACE" not in text
    selected = re.findall(r"\b(?:twin_\w+|up)\{[^}]*\}", text)
    assert selected
    assert [one for one in selected if 'namespace="twin-staging"' not in one] == []


def test_every_alert_says_what_to_look_at(plain):
    for group in rules_of(plain)["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert {"summary", "description"} <= rule["annotations"].keys()
                assert rule["labels"]["severity"] in {"warning", "critical"}


def test_rules_are_rendered_where_the_cluster_takes_them(plain):
    assert plain.kinds() == {"PrometheusRule"}
    assert Render(CHART, {"rules.enabled": False}).kinds() == set()
    assert Render(CHART, without=("monitoring.coreos.com",)).kinds() == set()


def test_monitors_of_what_environments_share_are_rendered_where_asked_for():
    on = {"workflows.enabled": True, "argocd.enabled": True, "labels": {"release": "p"}}
    render = Render(CHART, on)
    assert render("PodMonitor")["spec"]["namespaceSelector"] == {"matchNames": ["argo"]}
    assert render("ServiceMonitor")["spec"]["namespaceSelector"] == {"matchNames": ["argocd"]}
    assert {one["metadata"]["labels"]["release"] for one in render.objects.values()} == {"p"}
    assert Render(CHART, on, without=("monitoring.coreos.com",)).kinds() == set()
