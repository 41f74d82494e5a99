"""Health as Argo CD's own Lua tells it, a table a kind; and that argocd-cm has exactly these scripts."""

from __future__ import annotations

import json

import pytest
import yaml

from tools.charts import helm
from tools.charts.platform import PLATFORM, ArgoError, argocd, platform

HEALTH = PLATFORM / "health"


def conditions(*found: tuple[str, str]) -> dict:
    return {"conditions": [{"type": kind, "status": status, "message": f"{kind} is {status}"} for kind, status in found]}


CRON = {"schedules": ["0 1 * * *"], "workflowSpec": {"workflowTemplateRef": {"name": "etl"}}}
CASES = {
    "argoproj.io/v1alpha1 WorkflowTemplate": [
        ("Healthy", {"spec": {"templates": [{"name": "a"}]}}),
        ("Healthy", {"spec": {"workflowTemplateRef": {"name": "etl"}}}),
        ("Suspended", {"spec": {"templates": [{"name": "a"}], "suspend": True}}),
        ("Degraded", {"spec": {}}),
        ("Degraded", {}),
    ],
    "argoproj.io/v1alpha1 CronWorkflow": [
        ("Healthy", {"spec": CRON}),
        ("Healthy", {"spec": CRON, "status": {"active": [{"name": "etl-1"}], "lastScheduledTime": "2026-11-20T01:00:00Z"}}),
        ("Healthy", {"spec": CRON, "status": conditions(("SubmissionError", "False"))}),
        ("Degraded", {"spec": CRON, "status": conditions(("SubmissionError", "True"))}),
        ("Degraded", {"spec": CRON, "status": conditions(("SpecError", "True"))}),
        ("Degraded", {"spec": {**CRON, "suspend": True}, "status": conditions(("SpecError", "True"))}),
        ("Healthy", {"spec": {**CRON, "suspend": True}}),
        ("Suspended", {"spec": {**CRON, "suspend": True}, "status": {"phase": "Stopped"}}),
        ("Suspended", {"spec": CRON, "status": {"phase": "Stopped"}}),
    ],
    "keda.sh/v1alpha1 ScaledObject": [
        ("Progressing", {}),
        ("Progressing", {"status": conditions(("Ready", "Unknown"))}),
        (
            "Healthy",
            {"status": conditions(("Ready", "True"), ("Active", "True"), ("Fallback", "False"), ("Paused", "Unknown"))},
        ),
        ("Healthy", {"status": conditions(("Ready", "True"), ("Active", "False"))}),
        ("Degraded", {"status": conditions(("Ready", "False"))}),
        ("Degraded", {"status": conditions(("Ready", "True"), ("Fallback", "True"))}),
        ("Suspended", {"status": conditions(("Ready", "True"), ("Paused", "True"))}),
        ("Suspended", {"status": conditions(("Ready", "False"), ("Paused", "True"))}),
    ],
    "external-secrets.io/v1 ExternalSecret": [
        ("Progressing", {}),
        ("Progressing", {"status": conditions(("Ready", "Unknown"))}),
        ("Healthy", {"status": conditions(("Ready", "True"))}),
        ("Degraded", {"status": conditions(("Ready", "False"))}),
        ("Suspended", {"status": conditions(("Deleted", "True"), ("Ready", "False"))}),
    ],
}
TABLE = [(kind, *case) for kind, cases in CASES.items() for case in cases]


def health(kind: str, thing: dict) -> dict:
    api, name = kind.split(" ")
    return json.loads(argocd("health", str(HEALTH), given=yaml.safe_dump({"apiVersion": api, "kind": name, **thing})))


@pytest.mark.parametrize(("kind", "expected", "thing"), TABLE)
def test_health_is_what_its_status_says(kind, expected, thing):
    assert health(kind, thing)["status"] == expected


@pytest.mark.parametrize(
    "kind", ["argoproj.io/v1alpha1 CronWorkflow", "keda.sh/v1alpha1 ScaledObject", "external-secrets.io/v1 ExternalSecret"]
)
def test_why_something_is_degraded_is_said_in_its_own_words(kind):
    told = {"CronWorkflow": "SpecError", "ScaledObject": "Ready", "ExternalSecret": "Ready"}[kind.split(" ")[1]]
    status = "True" if told == "SpecError" else "False"
    assert health(kind, {"status": conditions((told, status))})["message"] == f"{told} is {status}"


def test_every_script_has_its_table_and_is_what_argo_cd_reads():
    [config] = [one for one in helm.objects(platform()) if one["metadata"]["name"] == "argocd-cm"]
    prefix = "resource.customizations.health."
    read = {key.removeprefix(prefix): text for key, text in config["data"].items() if key.startswith(prefix)}
    assert {key: text.strip() for key, text in read.items()} == {
        one.stem: one.read_text().strip() for one in HEALTH.glob("*.lua")
    }
    assert {f"{api.split('/')[0]}_{name}" for api, name in (kind.split(" ") for kind in CASES)} == set(read)


def test_a_script_that_says_something_else_than_health_counts_for_nothing(tmp_path):
    (tmp_path / "keda.sh_ScaledObject.lua").write_text('return {status = "Fine"}')
    assert "Fine" not in argocd("health", str(tmp_path), given="{apiVersion: keda.sh/v1alpha1, kind: ScaledObject}")


def test_a_script_may_not_reach_out(tmp_path):
    (tmp_path / "keda.sh_ScaledObject.lua").write_text('return {status = os.getenv("HOME") and "Healthy"}')
    with pytest.raises(ArgoError, match="getenv"):
        argocd("health", str(tmp_path), given="{apiVersion: keda.sh/v1alpha1, kind: ScaledObject}")
