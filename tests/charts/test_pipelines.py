"""The workflows as an environment gets them: what the chart adds, and that Argo's own words survive it."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.charts.rendering import Render
from tools.build import binary
from tools.charts import helm
from tools.charts.environments import CHARTS
from workflows.steps import SECRETS

RENDERED = CHARTS / "pipelines" / "workflows"


@pytest.fixture(scope="module")
def render():
    return Render("pipelines")


def templates(render):
    """Container templates by workflow and name."""
    found = {}
    for (kind, workflow), one in render.objects.items():
        if kind == "WorkflowTemplate":
            found |= {(workflow, each["name"]): each for each in one["spec"]["templates"] if "container" in each}
    return found


def linted(*files):
    return subprocess.run([str(binary("argo-lint")), *map(str, files)], capture_output=True, text=True, check=False)


def test_argo_finds_nothing_wrong_before_and_after_the_chart(render, tmp_path):
    made = tmp_path / "rendered.yaml"
    made.write_text(render.text)
    for files in (sorted(RENDERED.glob("*.yaml")), [made]):
        said = linted(*files)
        assert (said.returncode, said.stdout) == (0, "no linting errors found!\n"), said.stdout + said.stderr


@pytest.mark.parametrize(
    ("found", "put", "words"),
    [
        ("template: build\n", "template: biuld\n", "is not there"),
        ("{{inputs.parameters.part}}", "{{inputs.parameters.prat}}", "prat"),
        ("depends: switch", "depends: swich", "swich"),
        ("onExit: ended", "onExit: endde", "is not there"),
        ("withParam: '{{inputs.parameters.names}}'", "withParam: '{{inputs.parameters.nmaes}}'", "nmaes"),
    ],
)
def test_a_slip_in_a_workflow_is_found(tmp_path, found, put, words):
    text = (RENDERED / "etl.yaml").read_text()
    assert found in text
    (tmp_path / "etl.yaml").write_text(text.replace(found, put))
    said = linted(tmp_path / "etl.yaml")
    assert said.returncode != 0
    assert words in said.stdout + said.stderr
    assert "goroutine" not in said.stderr


def test_what_argo_fills_in_is_untouched(render):
    for (kind, name), one in render.objects.items():
        if kind == "WorkflowTemplate":
            before = (RENDERED / f"{name}.yaml").read_text()
            assert sorted(re.findall(r"\{\{[^}]+\}\}", yaml.safe_dump(one, width=10_000))) == sorted(
                re.findall(r"\{\{[^}]+\}\}", yaml.safe_dump(yaml.safe_load(before), width=10_000))
            )


def test_every_step_runs_the_release_with_the_resources_of_its_kind(render):
    needs = yaml.safe_load((CHARTS / "pipelines" / "values.yaml").read_text())["needs"]
    for one in templates(render).values():
        assert one["container"]["image"].startswith("registry.example.org/llm-twin/pipelines@sha256:")
        assert one["container"]["resources"] == needs[one["metadata"]["labels"]["twin/needs"]]["resources"]


def test_before_the_first_release_the_image_is_that_of_the_values():
    early = Render("pipelines", {"image.registry": "registry.example.org"}, release=False)
    assert {one["container"]["image"] for one in templates(early).values()} == {"registry.example.org/llm-twin/pipelines:0.1.0"}


def test_a_step_knows_the_secrets_of_its_account_and_no_others(render):
    for one in templates(render).values():
        account = one["serviceAccountName"].removeprefix("pipelines-")
        refs = [each["valueFrom"]["secretKeyRef"] for each in one["container"]["env"] if "valueFrom" in each]
        assert {ref["key"] for ref in refs} == set(SECRETS[account])
        assert {ref["name"] for ref in refs} == {"twin-secrets"}
        assert "envFrom" not in one["container"]


def test_another_secret_is_named_everywhere():
    other = Render("pipelines", {"existingSecret": "ours"})
    assert "twin-secrets" not in other.text


def test_only_training_has_a_gpu_and_the_volume_of_runs(render):
    trained = {key for key, one in templates(render).items() if "runs" in {v["name"] for v in one.get("volumes", ())}}
    assert trained == {("training", "sft"), ("training", "dpo")}
    assert (
        render("PersistentVolumeClaim")["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
        == "Prune=false,Delete=false"
    )
    without = Render("pipelines", {"runs.enabled": False})
    assert "PersistentVolumeClaim" not in without.kinds()
    assert not [one for one in templates(without).values() if "runs" in {v["name"] for v in one.get("volumes", ())}]


def test_an_evaluation_has_a_model_server_of_the_base_beside_it(render):
    one = templates(render)[("training", "evaluate")]
    (server,) = one["sidecars"]
    assert "--model=Qwen/Qwen2.5-0.5B-Instruct" in server["args"]
    assert "--enable-lora" in server["args"]
    shared = {mount["mountPath"] for mount in server["volumeMounts"]} & {
        m["mountPath"] for m in one["container"]["volumeMounts"]
    }
    assert "/adapters" in shared
    assert {"name": "TWIN_ADAPTERS_FOLDER", "value": "/adapters"} in one["container"]["env"]
    assert not [key for key, each in templates(render).items() if "sidecars" in each and key != ("training", "evaluate")]


def test_schedules_follow_the_values():
    made = Render("pipelines", {"schedules.etl.enabled": False, "schedules.timezone": "Europe/Berlin", "schedules.etl.schedule": "1 2 * * *"})  # fmt: skip
    etl = made("CronWorkflow", "etl")["spec"]
    assert (etl["suspend"], etl["timezone"], etl["schedules"]) == (True, "Europe/Berlin", ["1 2 * * *"])
    assert made("CronWorkflow", "training")["spec"]["suspend"] is False


def test_files_and_settings_of_the_branch_reach_the_steps():
    made = Render("pipelines", {"files.sources": "author: {id: ada, name: Ada}\nsources: []\n", "settings.passages": 8, "global.bucket": "ours"})  # fmt: skip
    data = made("ConfigMap", "twin-files")["data"]
    assert yaml.safe_load(data["sources.yaml"]) == {"author": {"id": "ada", "name": "Ada"}, "sources": []}
    assert data["twin.toml"] == 'artifacts_url = "s3://ours/artifacts"\npassages = 8\nqdrant_url = "http://qdrant:6333"\n'
    assert yaml.safe_load(data["release.yaml"])["release"]["id"] == "2026-11-20.1"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("need.light", "{}", "need"),
        ("needs.gpu.resources", "{}", "gpu"),
        ("schedules.etl.schedule", "daily", "schedule"),
        ("schedules.timezone", "berlin", "timezone"),
        ("settings.passges", "8", "passges"),
        ("runs.size", "much", "size"),
        ("committer.email", "nobody", "email"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(key, value, words):
    with pytest.raises(helm.HelmError, match=words):
        Render("pipelines", {key: value})
