"""manifests/: what the API and our policies accept, and what charts and Terraform count on."""

from __future__ import annotations

import pytest
import yaml

from tests.charts.rendering import Render
from tools.charts import helm
from tools.charts.conform import wrong
from tools.charts.environments import DIFFERENCES, ENVIRONMENTS
from tools.charts.platform import applications, own, plain, platform
from tools.render import ROOT

MANIFESTS = ROOT / "manifests"
FILES = sorted(MANIFESTS.rglob("*.yaml"))
FOLDERS = [
    MANIFESTS / "base",
    MANIFESTS / "clusters" / "in-cluster",
    *(MANIFESTS / "environments" / one for one in ENVIRONMENTS),
]


def objects(folder, kind: str) -> dict[str, dict]:
    return {one["metadata"]["name"]: one for one in helm.objects(plain(folder)) if one["kind"] == kind}


def environment(name: str, kind: str) -> dict[str, dict]:
    return objects(MANIFESTS / "environments" / name, kind)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_folder_is_what_the_api_and_our_policies_accept(folder):
    assert wrong(plain(folder), helm.KUBERNETES) == []


def test_every_file_is_small_says_what_it_is_for_and_is_installed_by_something():
    sources = {one["spec"]["source"]["path"] for one in applications(platform()) if own(one)}
    for file in FILES:
        text = file.read_text()
        assert text.startswith("#") or file.name == "namespace.yaml", file
        assert len(text.splitlines()) <= 120, file
        assert any(file.is_relative_to(ROOT / path) for path in sources), file


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_everything_of_an_environment_is_in_its_namespace(name):
    things = list(helm.objects(plain(MANIFESTS / "environments" / name)))
    assert {one["metadata"].get("namespace") for one in things if one["kind"] != "Namespace"} == {f"twin-{name}"}
    assert "production" not in plain(MANIFESTS / "environments" / "staging")
    assert "staging" not in plain(MANIFESTS / "environments" / "production")


def test_environments_differ_in_size_alone():
    def same(name: str) -> list:
        text = plain(MANIFESTS / "environments" / name).replace(name, "ENVIRONMENT")
        return [one for one in helm.objects(text) if one["kind"] not in {"ResourceQuota", "LimitRange"}]

    assert same("staging") == same("production")


# --- secrets ---


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_store_reads_for_its_environment_alone(name):
    stores = objects(MANIFESTS / "clusters" / "in-cluster", "ClusterSecretStore")
    for secret in environment(name, "ExternalSecret").values():
        store = stores[secret["spec"]["secretStoreRef"]["name"]]["spec"]
        assert store["provider"]["aws"]["prefix"] == f"llm-twin/{name}/"
        assert store["conditions"] == [{"namespaces": [f"twin-{name}"]}]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_charts_secrets_are_made(name):
    made = environment(name, "ExternalSecret")
    keys = {one: [data["secretKey"] for data in secret["spec"].get("data", [])] for one, secret in made.items()}
    assert keys == {"twin-secrets": [], "twin-keys": ["keys.json"], "qdrant-api-key": ["api-key", "read-only-api-key"]}
    for chart in ("qdrant", "vllm", "rag-gateway"):
        values = yaml.safe_load((ROOT / "charts" / chart / "values.yaml").read_text())
        named = {values["existingSecret"], values.get("keysSecret"), values.get("apiKey", {}).get("existingSecret")}
        assert named - {None} <= set(made)


# --- room ---


def test_an_environment_fits_into_its_quota():
    """All pods that may run at once, with an update's extra one, against what the namespace may have."""
    for name in ENVIRONMENTS:
        hard = environment(name, "ResourceQuota")["environment"]["spec"]["hard"]
        needed = {"cpu": 0.0, "gpu": 0}
        for chart, kind in (("qdrant", "StatefulSet"), ("vllm", "Deployment"), ("rag-gateway", "Deployment")):
            values = yaml.safe_load((DIFFERENCES / name / f"{chart}.yaml").read_text())
            rendered = Render(chart, {**values, "global.bucket": "b", "global.host": "h"})
            scaled = values.get("autoscaling", {}).get("maxReplicas")
            pods = scaled or rendered(kind)["spec"]["replicas"]
            for container in rendered.pod(kind)["containers"]:
                requests = container["resources"]["requests"]
                needed["cpu"] += pods * _cpus(requests["cpu"])
                needed["gpu"] += pods * int(requests.get("nvidia.com/gpu", 0))
        assert needed["cpu"] <= _cpus(hard["requests.cpu"])
        assert needed["gpu"] <= int(hard["requests.nvidia.com/gpu"])


def _cpus(text: str) -> float:
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


# --- nodes ---

POOLS = objects(MANIFESTS / "base", "NodePool")
CLASSES = objects(MANIFESTS / "clusters" / "in-cluster", "EC2NodeClass")


@pytest.mark.parametrize("pool", POOLS)
def test_a_pool_has_a_limit_machines_and_an_end(pool):
    spec = POOLS[pool]["spec"]
    assert "cpu" in spec["limits"]
    assert spec["template"]["spec"]["nodeClassRef"]["name"] in CLASSES
    assert spec["template"]["spec"]["expireAfter"] == "336h"
    assert spec["disruption"]["budgets"]


def test_nodes_with_gpus_take_only_what_asks_for_one():
    for name, pool in POOLS.items():
        taints = [one["key"] for one in pool["spec"]["template"]["spec"].get("taints", [])]
        assert taints == (["nvidia.com/gpu"] if name.startswith("gpu") else [])
        assert ("nvidia.com/gpu" in pool["spec"]["limits"]) == name.startswith("gpu")


def test_answers_are_not_given_on_machines_that_may_be_taken_back():
    def capacity(pool: str) -> list[str]:
        wanted = POOLS[pool]["spec"]["template"]["spec"]["requirements"]
        return next(one["values"] for one in wanted if one["key"] == "karpenter.sh/capacity-type")

    vllm = yaml.safe_load((DIFFERENCES / "production" / "vllm.yaml").read_text())
    assert capacity(vllm["nodeSelector"]["karpenter.sh/nodepool"]) == ["on-demand"]


def test_the_pools_that_charts_ask_for_and_their_priorities_are_there():
    priorities = objects(MANIFESTS / "base", "PriorityClass")
    for file in sorted(DIFFERENCES.glob("*/*.yaml")):
        values = yaml.safe_load(file.read_text())
        assert values.get("nodeSelector", {}).get("karpenter.sh/nodepool", "cpu") in POOLS, file
        assert values.get("priorityClassName", "twin-serving") in priorities, file


def test_machines_are_encrypted_and_give_pods_no_role():
    for one in CLASSES.values():
        assert one["spec"]["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        assert all(disk["ebs"]["encrypted"] for disk in one["spec"]["blockDeviceMappings"])
        assert not any(term["alias"].endswith("@latest") for term in one["spec"]["amiSelectorTerms"])


# --- Argo Workflows ---

CONTROLLER = objects(MANIFESTS / "base", "ConfigMap")["workflow-controller-configmap"]["data"]


def test_the_controllers_configuration_is_yaml_and_nobody_signs_in_by_sso():
    parsed = {key: yaml.safe_load(text) for key, text in CONTROLLER.items()}
    assert "sso" not in parsed
    assert parsed["persistence"]["archive"] is True
    assert int(parsed["namespaceParallelism"]) < int(parsed["parallelism"])
    assert parsed["workflowDefaults"]["spec"]["podPriorityClassName"] in objects(MANIFESTS / "base", "PriorityClass")


def test_the_archive_is_where_the_controller_looks_for_it():
    database = yaml.safe_load(CONTROLLER["persistence"])["postgresql"]
    assert database["host"] in objects(MANIFESTS / "base", "Service")
    [secret] = objects(MANIFESTS / "base", "ExternalSecret").values()
    assert secret["spec"]["target"]["name"] == database["passwordSecret"]["name"]
    assert set(secret["spec"]["target"]["template"]["data"]) == {
        database["userNameSecret"]["key"],
        database["passwordSecret"]["key"],
    }


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_logs_of_runs_go_to_the_environments_bucket(name):
    [found] = environment(name, "ConfigMap").values()
    store = yaml.safe_load(found["data"][found["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]])
    shared = yaml.safe_load((DIFFERENCES / f"{name}.yaml").read_text())["global"]
    assert (store["s3"]["bucket"], store["s3"]["region"]) == (shared["bucket"], shared["region"])
    assert store["s3"]["keyFormat"].startswith(f"{name}/argo/")
    assert "accessKeySecret" not in store["s3"]
