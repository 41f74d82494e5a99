"""The chart of the workflows: what an environment puts into what is rendered, and that it changes nothing else."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.charts.rendering import Render
from tools.charts import helm
from tools.charts.__main__ import render
from tools.charts.environments import CHARTS, components
from tools.charts.helm import HelmError

WORKFLOWS = CHARTS / "pipelines" / "workflows"
RENDERED = {path.name: yaml.safe_load(path.read_text()) for path in WORKFLOWS.glob("*.yaml")}
TEMPLATES = {one["metadata"]["name"]: one for one in RENDERED.values() if one["kind"] == "WorkflowTemplate"}
SCHEDULES = {one["metadata"]["name"]: one for one in RENDERED.values() if one["kind"] == "CronWorkflow"}
PIPELINES = [one for one in components() if one.name == "pipelines"]


def pipelines(sets: dict[str, Any] | None = None, **options: Any) -> Render:
    return Render("pipelines", sets, **options)


def steps(made: Render, workflow: str) -> dict[str, dict[str, Any]]:
    found = made("WorkflowTemplate", workflow)["spec"]["templates"]
    return {one["name"]: one for one in found if "container" in one}


STAMPED = {"image", "imagePullPolicy", "resources", "env", "volumeMounts", "nodeSelector", "tolerations", "volumes", "sidecars"}


def without(value: Any, keys: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: without(one, keys) for key, one in value.items() if key not in keys}
    return [without(one, keys) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_chart_changes_nothing_that_argo_reads_as_its_own(name):
    """Argo's {{...}} among it, which Helm would expand where it could."""
    ours, theirs = TEMPLATES[name]["spec"], pipelines()("WorkflowTemplate", name)["spec"]
    assert without(theirs, {*STAMPED, "podMetadata"}) == without(ours, {*STAMPED, "podMetadata"})
    braces = [re.findall(r"{{.*?}}", yaml.safe_dump(one, width=10_000)) for one in (ours, theirs)]
    assert braces[0] == braces[1] != []


# --- what an environment says


def test_each_kind_of_step_has_its_nodes_and_resources():
    spot = {"karpenter.sh/nodepool": "gpu-spot"}
    found = steps(pipelines({"needs.train.nodeSelector": spot}), "training")
    assert {name for name, one in found.items() if one.get("nodeSelector") == spot} == {"sft", "dpo"}
    assert {name for name, one in found.items() if "nvidia.com/gpu" in one["container"]["resources"]["limits"]} == {
        "sft",
        "dpo",
    }
    assert found["sft"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert "tolerations" not in found["dataset"]
    for one in found.values():
        assert set(one["container"]["resources"]["requests"]) >= {"cpu", "memory"}


def test_a_cluster_without_a_gpu_is_a_matter_of_values():
    none = {"requests": {"nvidia.com/gpu": None}, "limits": {"nvidia.com/gpu": None}}
    sets = {"needs.train": {"resources": none, "tolerations": None}, "needs.serve.tolerations": None, "server.resources": none}
    assert "nvidia" in pipelines().text
    assert "nvidia" not in pipelines(sets).text


def test_a_training_goes_on_on_a_volume_of_its_own():
    made = pipelines()
    claim = made("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"
    with_runs = {
        name: [one["mountPath"] for one in step["container"]["volumeMounts"] if one["name"] == "runs"]
        for name, step in steps(made, "training").items()
    }
    assert {name: paths for name, paths in with_runs.items() if paths} == {"sft": ["/work/runs"], "dpo": ["/work/runs"]}
    patched = [
        name
        for name, step in steps(made, "training").items()
        if "terminationGracePeriodSeconds" in step.get("podSpecPatch", "")
    ]
    assert patched == ["sft", "dpo"]  # a checkpoint takes its time
    volume = {"name": "runs", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
    assert volume in steps(made, "training")["sft"]["volumes"]


def test_a_chart_and_what_it_stamps_have_the_same_schedules():
    made = pipelines()
    for name, one in SCHEDULES.items():
        assert made("CronWorkflow", name)["spec"] == {**one["spec"], "suspend": False}


@pytest.mark.parametrize("component", PIPELINES, ids=lambda one: one.environment)
def test_every_environments_time_zone_is_one(component):
    for one in helm.objects(render(component, "1.34")):
        if one["kind"] == "CronWorkflow":
            ZoneInfo(one["spec"]["timezone"])


# --- rights


def test_a_pod_may_say_how_it_ended_and_nothing_else():
    made = pipelines()
    rules = {name: one["rules"] for (kind, name), one in made.objects.items() if kind == "Role"}
    assert rules["pipelines-executor"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]
    assert {verb for rule in rules["pipelines-collector"] for verb in rule["verbs"]} == {"list", "watch", "patch"}
    bound = {name: one["subjects"][0]["name"] for (kind, name), one in made.objects.items() if kind == "RoleBinding"}
    assert bound == {"pipelines-executor": "pipelines-executor", "pipelines-collector": "pipelines-collector"}


def test_every_account_that_a_workflow_names_is_there_and_has_no_token_of_its_own():
    made = pipelines()
    named = set(re.findall(r"serviceAccountName: (\S+)", made.text))
    accounts = {name: one for (kind, name), one in made.objects.items() if kind == "ServiceAccount"}
    assert named <= set(accounts)
    assert {one["automountServiceAccountToken"] for one in accounts.values()} == {False}


def test_argo_finds_the_executors_token_where_it_looks_for_it():
    secret = pipelines()("Secret")
    account = TEMPLATES["etl"]["spec"]["executor"]["serviceAccountName"]
    assert secret["metadata"]["name"] == f"{account}.service-account-token"
    assert secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] == account
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert "data" not in secret


def test_identities_in_a_cloud_are_by_value():
    made = pipelines({"serviceAccounts.train": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/train"}})
    annotated = {
        name for (kind, name), one in made.objects.items() if kind == "ServiceAccount" and "annotations" in one["metadata"]
    }
    assert annotated == {"pipelines-train"}


def test_a_network_policy_selects_the_pods_of_every_run():
    made = pipelines()
    selector = made("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    for name in TEMPLATES:
        spec = made("WorkflowTemplate", name)["spec"]
        assert selector.items() <= spec["podMetadata"]["labels"].items()
        assert selector.items() <= spec["artifactGC"]["podMetadata"]["labels"].items()


@pytest.mark.parametrize(
    ("sets", "named"),
    [
        ({"schedules.timezone": "local time"}, "timezone"),
        ({"schedules.etl": {"enabled": True, "schedule": "hourly"}}, "schedule"),
        ({"schedules.restore": {"enabled": True, "schedule": "5 * * * *"}}, "restore"),
        ({"needs.heavy": {}}, "heavy"),
        ({"needs.train.resources.limits.memory": None}, "memory"),
        ({"needs.train.nodeSelektor": {}}, "nodeSelektor"),
        ({"runs.size": "big"}, "size"),
        ({"serviceAccounts.root": {}}, "root"),
        ({"server.maxRank": "64"}, "maxRank"),
        ({"image.tag": "latest"}, "image/tag"),
        ({"settings": {"passage": 8}}, "passage"),
        ({"committer": {"name": "x", "email": "nobody"}}, "email"),
    ],
    ids=str,
)
def test_a_mistyped_value_is_refused_by_name(sets, named):
    with pytest.raises(HelmError, match=named):
        pipelines(sets)
