"""The gateway's chart: what it renders, and what it does not."""

from __future__ import annotations

import pytest

from tests.charts.rendering import RELEASE, Render, env, released
from tools.charts.helm import HelmError
from twin.release.reading import read
from twin.settings import load

CHART = "rag-gateway"
HOST = {"global.host": "twin.example.org"}


@pytest.fixture(scope="module")
def plain() -> Render:
    return Render(CHART)


def settings_of(render: Render) -> dict[str, str]:
    return render("ConfigMap", "rag-gateway-settings")["data"]


# --- the release and the files ---


def test_the_file_in_the_pod_is_the_release_as_twin_reads_it(plain):
    text = plain("ConfigMap", "rag-gateway-files")["data"]["release.yaml"]
    assert read(text, "release.yaml") == read(RELEASE.read_text(), "release.yaml")


def test_the_image_is_the_releases_and_before_the_first_that_of_the_values(plain):
    assert plain.container("Deployment")["image"] == released()["images"]["gateway"]
    assert Render(CHART, release=False).container("Deployment")["image"] == "llm-twin/gateway:0.1.0"


def test_a_digest_wins_over_a_tag_and_the_global_registry_over_the_charts():
    sets = {"image.registry": "a.example.org", "image.tag": "1", "image.digest": "sha256:" + "7" * 64}
    image = Render(CHART, sets, release=False).container("Deployment")["image"]
    assert image == "a.example.org/llm-twin/gateway@sha256:" + "7" * 64
    image = Render(CHART, {"global.imageRegistry": "b.example.org"} | sets, release=False).container("Deployment")["image"]
    assert image.startswith("b.example.org/llm-twin/gateway@")


@pytest.mark.parametrize("sets", [{"settings.passages": 7}, {"files.sources": "author: {id: ada, name: Ada}\nsources: []\n"}])
def test_a_changed_setting_or_file_rolls_the_pods(plain, sets):
    def checksums(render: Render) -> dict:
        annotations = render("Deployment")["spec"]["template"]["metadata"]["annotations"]
        return {name: value for name, value in annotations.items() if name.startswith("checksum/")}

    assert checksums(plain) != checksums(Render(CHART, sets))
    assert checksums(plain) == checksums(Render(CHART, {"replicaCount": 5}))


def test_sources_are_there_where_they_are_given(plain):
    assert "sources.yaml" not in plain("ConfigMap", "rag-gateway-files")["data"]
    text = "author: {id: ada, name: 'Ada: the author'}\nsources:\n  - {kind: files, path: notes/}\n"
    assert Render(CHART, {"files.sources": text})("ConfigMap", "rag-gateway-files")["data"]["sources.yaml"] == text


# --- settings ---


def test_settings_are_such_as_twin_reads(tmp_path):
    sets = {"settings": {"passages": 8, "rerank": "sentences", "crawl_max_bytes": 20000000, "crawl_delay": 0.5, "expand": 2}}
    data = settings_of(Render(CHART, sets | {"global.bucket": "twin", "drainSeconds": 40}))
    found = load(tmp_path, data)
    assert (found.passages, found.rerank, found.crawl_max_bytes, found.crawl_delay) == (8, "sentences", 20000000, 0.5)
    assert (found.keys_file, found.load_adapters) == ("/keys/keys.json", False)
    assert (found.host, found.port, found.drain_timeout, found.artifacts_url) == ("0.0.0.0", 8400, 40, "s3://twin/artifacts")


def test_a_release_without_a_model_is_answered_by_quotes_alone(plain, tmp_path):
    assert "TWIN_MODEL_URL" in settings_of(plain)
    assert "TWIN_MODEL_URL" not in settings_of(Render(CHART, release=released("model", "dataset")))
    assert "TWIN_MODEL_URL" not in settings_of(Render(CHART, {"modelUrl": ""}))


# --- pods ---


def test_a_pod_has_longer_to_go_than_its_answers_have_to_end(plain):
    for render in (plain, Render(CHART, {"drainSeconds": 200, "preStopSeconds": 20})):
        container = render.container("Deployment")
        rest = container["lifecycle"]["preStop"]["sleep"]["seconds"] + float(settings_of(render)["TWIN_DRAIN_TIMEOUT"])
        assert render.pod("Deployment")["terminationGracePeriodSeconds"] > rest


def test_old_pods_stay_until_new_ones_are_ready(plain):
    strategy = plain("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}
    assert plain.container("Deployment")["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert plain.container("Deployment")["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_keys_come_from_secrets_and_a_needed_one_that_is_missing_keeps_a_pod_from_starting(plain):
    found = env(plain.container("Deployment"))
    assert found["TWIN_QDRANT_API_KEY"] == {
        "secretKeyRef": {"name": "twin-secrets", "key": "TWIN_QDRANT_API_KEY", "optional": False}
    }
    assert found["TWIN_OPIK_KEY"]["secretKeyRef"]["optional"] is True
    volumes = {one["name"]: one for one in plain.pod("Deployment")["volumes"]}
    assert volumes["keys"]["secret"] == {"secretName": "twin-keys"}
    other = Render(CHART, {"existingSecret": "mine", "keysSecret": "my-keys"})
    assert env(other.container("Deployment"))["TWIN_MODEL_KEY"]["secretKeyRef"]["name"] == "mine"
    assert {"secretName": "my-keys"} in [one.get("secret") for one in other.pod("Deployment")["volumes"]]


def test_habits_of_helm_reach_the_pod():
    sets = {
        "extraEnv": [{"name": "A", "value": "b"}],
        "podAnnotations": {"x/y": "z"},
        "podLabels": {"team": "ada"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "t", "whenUnsatisfiable": "DoNotSchedule"}],
        "priorityClassName": "high",
        "imagePullSecrets": ["a"],
        "global.imagePullSecrets": ["a", "b"],
        "serviceAccount.annotations": {"eks.amazonaws.com/role-arn": "arn"},
    }
    render = Render(CHART, sets)
    pod, template = render.pod("Deployment"), render("Deployment")["spec"]["template"]["metadata"]
    assert env(pod["containers"][0])["A"] == "b"
    assert template["annotations"]["x/y"] == "z"
    assert template["labels"]["team"] == "ada"
    assert "team" not in render("Deployment")["spec"]["selector"]["matchLabels"]
    assert (pod["nodeSelector"], pod["tolerations"], pod["affinity"]) == (
        sets["nodeSelector"],
        sets["tolerations"],
        sets["affinity"],
    )
    assert (pod["topologySpreadConstraints"], pod["priorityClassName"]) == (sets["topologySpreadConstraints"], "high")
    assert pod["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert render("ServiceAccount")["metadata"]["annotations"] == sets["serviceAccount.annotations"]


def test_an_account_that_is_there_is_taken_and_none_is_made(plain):
    assert plain.pod("Deployment")["serviceAccountName"] == "rag-gateway"
    render = Render(CHART, {"serviceAccount": {"create": False, "name": "mine"}})
    assert "ServiceAccount" not in render.kinds()
    assert render.pod("Deployment")["serviceAccountName"] == "mine"


# --- scaling ---


def test_replicas_are_rendered_only_where_nothing_scales(plain):
    assert plain("Deployment")["spec"]["replicas"] == 2
    assert not {"HorizontalPodAutoscaler", "ScaledObject"} & plain.kinds()
    for by in ("hpa", "keda"):
        assert "replicas" not in Render(CHART, {"autoscaling.by": by})("Deployment")["spec"]


def test_each_scaler_is_rendered_alone_and_keda_only_where_the_cluster_has_it():
    assert {"HorizontalPodAutoscaler"} == {"HorizontalPodAutoscaler", "ScaledObject"} & Render(
        CHART, {"autoscaling.by": "hpa"}
    ).kinds()
    render = Render(CHART, {"autoscaling.by": "keda"})
    assert {"ScaledObject"} == {"HorizontalPodAutoscaler", "ScaledObject"} & render.kinds()
    assert 'namespace="twin-staging"' in render("ScaledObject")["spec"]["triggers"][0]["metadata"]["query"]
    bare = Render(CHART, {"autoscaling.by": "keda", "replicaCount": 4}, without=("keda.sh",))
    assert "ScaledObject" not in bare.kinds()
    assert bare("Deployment")["spec"]["replicas"] == 4


def test_a_budget_is_made_unless_it_is_switched_off(plain):
    assert plain("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert "PodDisruptionBudget" not in Render(CHART, {"podDisruptionBudget.enabled": False}).kinds()


# --- how it is reached ---


def test_it_is_reached_from_outside_only_where_asked_for_and_only_by_tls(plain):
    assert not {"Ingress", "HTTPRoute", "Gateway"} & plain.kinds()
    spec = Render(CHART, HOST | {"ingress.enabled": True})("Ingress")["spec"]
    assert spec["tls"] == [{"hosts": ["twin.example.org"], "secretName": "rag-gateway-tls"}]
    render = Render(CHART, HOST | {"route.enabled": True, "route.gateway": {"create": True, "className": "envoy"}})
    assert [one["protocol"] for one in render("Gateway")["spec"]["listeners"]] == ["HTTPS"]
    assert render("HTTPRoute")["spec"]["parentRefs"][0]["sectionName"] == "https"


def test_a_route_joins_the_gateway_that_is_there(plain):
    parents = [{"name": "shared", "namespace": "gateways", "sectionName": "https"}]
    render = Render(CHART, HOST | {"route.enabled": True, "route.parentRefs": parents})
    assert "Gateway" not in render.kinds()
    assert render("HTTPRoute")["spec"]["parentRefs"] == parents


def test_no_route_is_rendered_where_the_cluster_has_no_such_kind():
    sets = HOST | {"route.enabled": True, "route.gateway": {"create": True, "className": "envoy"}}
    assert not {"HTTPRoute", "Gateway"} & Render(CHART, sets, without=("gateway.networking.k8s.io",)).kinds()


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"ingress.enabled": True}, "global.host"),
        ({"route.enabled": True} | HOST, "parentRefs"),
        ({"route.enabled": True, "route.gateway.create": True} | HOST, "className"),
    ],
)
def test_what_a_route_lacks_is_said(sets, said):
    with pytest.raises(HelmError, match=said):
        Render(CHART, sets)


def test_a_monitor_is_made_where_asked_for_and_where_the_cluster_has_that_kind(plain):
    assert "ServiceMonitor" not in plain.kinds()
    sets = {"monitor.enabled": True, "monitor.labels": {"release": "p"}}
    assert Render(CHART, sets)("ServiceMonitor")["metadata"]["labels"]["release"] == "p"
    assert "ServiceMonitor" not in Render(CHART, sets, without=("monitoring.coreos.com",)).kinds()


def test_the_service_finds_the_gateways_and_not_the_test(plain):
    wanted = plain("Service")["spec"]["selector"].items()
    assert wanted <= plain("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    assert not wanted <= plain("Pod")["metadata"]["labels"].items()
