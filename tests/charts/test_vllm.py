"""vLLM's chart: what it renders, and what it does not."""

from __future__ import annotations

import pytest
import yaml

from tests.charts.rendering import Render, env, released
from tools.charts.helm import HelmError
from tools.render import ROOT
from twin.drivers.vllm.launch import Launch
from twin.settings import load

CHART = "vllm"
BASE = {"model.base": "org/base"}


@pytest.fixture(scope="module")
def plain() -> Render:
    return Render(CHART)


def words_of(render: Render) -> list[str]:
    return render.container("Deployment", "vllm")["args"]


def option(render: Render, name: str) -> str:
    words = words_of(render)
    return words[words.index(name) + 1] if name in words else ""


# --- what is served ---


def test_the_base_and_its_revision_are_the_releases(plain):
    model = released()["model"]
    assert (option(plain, "--model"), option(plain, "--revision")) == (model["base"], model["revision"])


def test_before_the_first_release_the_values_say_what_is_served_and_nothing_is_followed():
    render = Render(CHART, BASE | {"model.revision": "abc"}, release=False)
    assert (option(render, "--model"), option(render, "--revision")) == ("org/base", "abc")
    assert "--chat-template" not in words_of(render)
    assert "initContainers" not in render.pod("Deployment")
    with pytest.raises(HelmError, match=r"model\.base is empty"):
        Render(CHART, {"model.base": ""}, release=False)


def test_before_the_first_release_the_base_is_one_that_a_recipe_trains():
    recipe = yaml.safe_load((ROOT / "recipes" / "qwen-2.5-0.5b-lora.yaml").read_text())["base"]
    render = Render(CHART, release=False)
    assert (option(render, "--model"), option(render, "--revision")) == (recipe["name"], recipe["revision"])


def test_a_release_without_a_model_serves_the_base_alone():
    render = Render(CHART, BASE, release=released("model", "dataset"))
    assert option(render, "--model") == "org/base"
    assert "initContainers" not in render.pod("Deployment")


def test_the_command_is_what_twin_would_start(plain):
    from pathlib import Path

    started = Launch(python=Path("python3"), base=Path("org/base"), context=4096, max_lora_rank=64, host="0.0.0.0").command()
    container = Render(CHART, {"contextLength": 4096, "lora.maxAdapters": 4}).container("Deployment", "vllm")
    assert container["command"] == started[:4]
    flags = {word for word in started if word.startswith("--")} - {"--served-model-name"}
    assert flags <= set(container["args"])


@pytest.mark.parametrize(
    ("sets", "model", "offline"),
    [
        ({}, released()["model"]["base"], False),
        ({"weights.offline": True}, released()["model"]["base"], True),
        ({"weights.source": "image", "weights.image": "r/w@sha256:" + "8" * 64, "weights.path": "base"}, "/models/base", True),
        ({"weights.source": "volume", "weights.existingClaim": "weights"}, "/models", True),
        ({"weights.source": "s3", "weights.uri": "s3://bucket/base"}, "s3://bucket/base", True),
    ],
)
def test_weights_come_from_a_hub_an_image_a_volume_or_s3(sets, model, offline):
    render = Render(CHART, sets)
    assert option(render, "--model") == model
    assert ("HF_HUB_OFFLINE" in env(render.container("Deployment", "vllm"))) is offline
    assert bool(option(render, "--revision")) is (sets.get("weights.source", "hub") == "hub")
    mounts = {one["name"] for one in render.container("Deployment", "vllm")["volumeMounts"]}
    volumes = {one["name"] for one in render.pod("Deployment")["volumes"]}
    assert mounts <= volumes
    assert ("weights" in volumes) is model.startswith("/models")


@pytest.mark.parametrize(("source", "lacks"), [("image", "image"), ("volume", "existingClaim"), ("s3", "uri")])
def test_weights_that_are_nowhere_are_refused(source, lacks):
    with pytest.raises(HelmError, match=rf"weights\.{lacks}"):
        Render(CHART, {"weights.source": source})


# --- adapters ---


def test_another_adapter_restarts_nothing_but_another_template_or_base_does(plain):
    def pod(**changes: str) -> dict:
        release = released()
        release["model"] = release["model"] | changes
        return Render(CHART, release=release)("Deployment")["spec"]["template"]

    other = "s3://bucket/other.json#sha256:" + "9" * 64
    assert pod(adapter=other) == pod()
    assert pod(chatTemplate="sha256:" + "9" * 64) != pod()
    assert pod(revision="other") != pod()


def test_the_sidecar_sees_the_release_without_a_restart_and_makes_the_pod_ready(plain):
    sidecar = plain.container("Deployment", "adapters")
    assert (sidecar["command"], sidecar["args"], sidecar["restartPolicy"]) == (["twin"], ["model", "follow"], "Always")
    mounts = {one["mountPath"]: one for one in sidecar["volumeMounts"]}
    assert "subPath" not in mounts["/twin"]  # which would never change
    assert env(sidecar)["TWIN_ADAPTERS_FOLDER"] == "/adapters"
    assert sidecar["readinessProbe"]["exec"]["command"] == ["test", "-f", "/adapters/ready"]
    assert sidecar["image"] == released()["images"]["gateway"]


def test_the_sidecars_variables_are_such_as_twin_reads(tmp_path):
    candidate = "s3://bucket/c.json#sha256:" + "9" * 64
    sets = {"global": {"bucket": "twin", "region": "eu-central-1", "canary": {"share": 10, "adapter": candidate}}}
    for name in ("adapters", "chat-template"):
        given = env(Render(CHART, sets).container("Deployment", name))
        found = load(tmp_path, {key: value for key, value in given.items() if isinstance(value, str)})
        assert (found.adapters_folder, found.artifacts_url) == ("/adapters", "s3://twin/artifacts")
        assert (found.canary, found.canary_adapter) == (10, candidate)


def test_new_code_restarts_no_model_where_the_sidecar_is_pinned_by_itself(plain):
    def pod(sets: dict, gateway: str) -> dict:
        release = released()
        release["images"] = release["images"] | {"gateway": f"r.example.org/llm-twin/gateway@sha256:{gateway * 64}"}
        return Render(CHART, sets, release=release)("Deployment")["spec"]["template"]

    pinned = {"adapters.image.registry": "r.example.org", "adapters.image.digest": "sha256:" + "c" * 64}
    assert pod({}, "a") != pod({}, "b")
    assert pod(pinned, "a") == pod(pinned, "b")
    assert (
        Render(CHART, pinned).container("Deployment", "adapters")["image"]
        == "r.example.org/llm-twin/gateway@sha256:" + "c" * 64
    )


def test_vllm_reads_adapters_from_the_folder_that_the_sidecar_writes(plain):
    server = {one["mountPath"]: one for one in plain.container("Deployment", "vllm")["volumeMounts"]}
    sidecar = {one["mountPath"]: one for one in plain.container("Deployment", "adapters")["volumeMounts"]}
    assert server["/adapters"]["name"] == sidecar["/adapters"]["name"]
    assert server["/adapters"]["readOnly"] is True


def test_adapters_are_loaded_for_named_pods_alone(plain):
    assert env(plain.container("Deployment", "vllm"))["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    peers = [peer for rule in plain("NetworkPolicy", "vllm")["spec"]["ingress"] for peer in rule["from"]]
    assert sorted(one["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for one in peers) == [
        "pipelines",
        "prometheus",
        "rag-gateway",
        "vllm-test",
    ]


def test_clients_and_vllm_have_the_same_key(plain):
    key = {"name": "twin-secrets", "key": "TWIN_MODEL_KEY"}
    assert env(plain.container("Deployment", "vllm"))["VLLM_API_KEY"]["secretKeyRef"] == key
    for name in ("adapters", "chat-template"):
        assert env(plain.container("Deployment", name))["TWIN_MODEL_KEY"]["secretKeyRef"] == key | {"optional": False}


# --- what computes ---


def test_gpus_are_asked_for_as_many_as_a_model_is_split_over(plain):
    render = Render(CHART, {"tensorParallel": 2, "tolerations": [{"key": "spot", "operator": "Exists"}]})
    resources = render.container("Deployment", "vllm")["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == 2
    assert option(render, "--tensor-parallel-size") == "2"
    assert [one["key"] for one in render.pod("Deployment")["tolerations"]] == ["spot", "nvidia.com/gpu"]


def test_without_a_gpu_none_is_asked_for(plain):
    render = Render(CHART, {"device": "cpu", "cpu": {"cacheGiB": 2, "threads": 4}})
    container = render.container("Deployment", "vllm")
    assert "nvidia" not in render.text
    assert not option(render, "--tensor-parallel-size")
    assert option(render, "--dtype") == "float32"
    wanted = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "4"}
    assert wanted.items() <= env(container).items()
    assert not wanted.keys() & env(plain.container("Deployment", "vllm")).keys()


def test_shared_memory_is_memory(plain):
    volumes = {one["name"]: one for one in plain.pod("Deployment")["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}
    assert {"name": "shm", "mountPath": "/dev/shm"} in plain.container("Deployment", "vllm")["volumeMounts"]


def test_what_vllm_writes_to_is_a_volume_since_its_root_is_read_only(plain):
    container = plain.container("Deployment", "vllm")
    writable = [one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")]
    for name in ("HOME", "HF_HOME", "VLLM_CACHE_ROOT", "XDG_CACHE_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"):
        path = env(container)[name]
        assert any(path == place or path.startswith(f"{place}/") for place in writable), name


# --- the cache ---


def test_the_cache_outlives_the_pod_and_the_release(plain):
    annotations = plain("PersistentVolumeClaim")["metadata"]["annotations"]
    assert annotations == {
        "helm.sh/resource-policy": "keep",
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    }
    for sets in ({"cache.kind": "emptyDir"}, {"cache.existingClaim": "mine"}):
        assert "PersistentVolumeClaim" not in Render(CHART, sets).kinds()


def test_a_volume_for_one_pod_is_given_up_before_the_next_pod_starts(plain):
    assert plain("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    shared = Render(CHART, {"cache.accessMode": "ReadWriteMany"})("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert shared == {"maxUnavailable": 0, "maxSurge": 1}
    scarce = Render(CHART, {"cache.kind": "emptyDir", "surge": False})("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert scarce == {"maxUnavailable": 1, "maxSurge": 0}


@pytest.mark.parametrize("sets", [{"replicaCount": 2}, {"autoscaling.enabled": True}])
def test_a_volume_for_one_pod_is_refused_for_several(sets):
    with pytest.raises(HelmError, match="ReadWriteOnce"):
        Render(CHART, sets)


# --- start and end ---


def test_a_load_of_twenty_minutes_is_survived(plain):
    probe = plain.container("Deployment", "vllm")["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 20 * 60
    assert plain("Deployment")["spec"]["progressDeadlineSeconds"] > probe["periodSeconds"] * probe["failureThreshold"]
    longer = Render(CHART, {"startupMinutes": 60}).container("Deployment", "vllm")["startupProbe"]
    assert longer["periodSeconds"] * longer["failureThreshold"] == 3600


def test_running_answers_have_their_time_before_vllm_is_told_to_stop(plain):
    command = plain.container("Deployment", "vllm")["lifecycle"]["preStop"]["exec"]["command"]
    assert plain.pod("Deployment")["terminationGracePeriodSeconds"] > float(command[2])


# --- scaling ---


def test_waiting_requests_scale_it_where_the_cluster_has_keda(plain):
    assert "ScaledObject" not in plain.kinds()
    sets = {"autoscaling.enabled": True, "cache.kind": "emptyDir"}
    render = Render(CHART, sets)
    spec = render("ScaledObject")["spec"]
    assert spec["triggers"][0]["metadata"]["query"] == 'sum(vllm:num_requests_waiting{namespace="twin-staging"})'
    assert spec["fallback"]["replicas"] == 1
    assert "replicas" not in render("Deployment")["spec"]
    bare = Render(CHART, sets, without=("keda.sh",))
    assert "ScaledObject" not in bare.kinds()
    assert bare("Deployment")["spec"]["replicas"] == 1


def test_scaling_to_zero_needs_something_that_wakes_the_first_pod():
    sets = {"autoscaling.enabled": True, "autoscaling.minReplicas": 0, "autoscaling.maxReplicas": 1}
    with pytest.raises(HelmError, match="nothing wakes the first pod"):
        Render(CHART, sets)
    hours = {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 19 * * 1-5", "replicas": 1}
    spec = Render(CHART, sets | {"autoscaling.schedule": hours})("ScaledObject")["spec"]
    assert (spec["minReplicaCount"], spec["fallback"]["replicas"]) == (0, 1)
    assert [one["type"] for one in spec["triggers"]] == ["prometheus", "cron"]


def test_a_monitor_and_a_budget_are_made_where_asked_for(plain):
    assert "ServiceMonitor" not in plain.kinds()
    assert "ServiceMonitor" in Render(CHART, {"monitor.enabled": True}).kinds()
    assert "ServiceMonitor" not in Render(CHART, {"monitor.enabled": True}, without=("monitoring.coreos.com",)).kinds()
    assert "PodDisruptionBudget" in plain.kinds()
    assert "PodDisruptionBudget" not in Render(CHART, {"podDisruptionBudget.enabled": False}).kinds()
