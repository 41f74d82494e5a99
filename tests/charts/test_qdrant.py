"""Qdrant's chart: what it renders, and what it does not."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.charts.rendering import Render, env
from tools.charts.helm import HelmError

CHART, BUCKET = "qdrant", {"global.bucket": "twin-staging"}


@pytest.fixture(scope="module")
def plain() -> Render:
    return Render(CHART, BUCKET)


def config_of(render: Render) -> dict:
    return yaml.safe_load(render("ConfigMap", "qdrant-config")["data"]["production.yaml"])


# --- a cluster of peers ---


def test_peers_find_each_other_by_name_before_they_are_ready(plain):
    peers, found = plain("Service", "qdrant-peers")["spec"], plain("StatefulSet")["spec"]
    assert (peers["clusterIP"], peers["publishNotReadyAddresses"]) == ("None", True)
    assert found["serviceName"] == "qdrant-peers"
    assert found["podManagementPolicy"] == "Parallel"
    assert config_of(plain)["cluster"] == {"enabled": True, "p2p": {"port": 6335}}


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("qdrant-0", "--uri http://qdrant-0.qdrant-peers:6335"),
        ("qdrant-2", "--bootstrap http://qdrant-0.qdrant-peers:6335 --uri http://qdrant-2.qdrant-peers:6335"),
    ],
)
def test_the_first_peer_begins_and_the_others_join_it(plain, tmp_path, host, words):
    (tmp_path / "entrypoint.sh").write_text('#!/bin/bash\necho "$@"\n')
    (tmp_path / "entrypoint.sh").chmod(0o755)
    start = plain("ConfigMap", "qdrant-config")["data"]["start.sh"]
    said = subprocess.run(
        ["/bin/bash", "-c", start], cwd=tmp_path, env={"HOSTNAME": host}, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == words


def test_peers_speak_to_each_other_alone_on_their_port(plain):
    rules = [one for one in plain("NetworkPolicy", "qdrant")["spec"]["ingress"] if one["ports"][0]["port"] == "p2p"]
    assert [one["from"] for one in rules] == [
        [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "qdrant", "app.kubernetes.io/instance": "qdrant"}}}]
    ]


# --- keys ---


def test_keys_come_from_the_secret_that_is_there(plain):
    found = env(plain.container("StatefulSet"))
    assert found["QDRANT__SERVICE__API_KEY"]["secretKeyRef"] == {"name": "qdrant-api-key", "key": "api-key"}
    assert found["QDRANT__SERVICE__READ_ONLY_API_KEY"]["secretKeyRef"]["key"] == "read-only-api-key"
    assert "Secret" not in plain.kinds()
    without = env(Render(CHART, BUCKET | {"apiKey.readOnlyKey": ""}).container("StatefulSet"))
    assert "QDRANT__SERVICE__READ_ONLY_API_KEY" not in without


def test_metrics_are_read_with_the_key_that_can_least(plain):
    assert "ServiceMonitor" not in plain.kinds()
    on = BUCKET | {"monitor.enabled": True}
    assert (
        Render(CHART, on)("ServiceMonitor")["spec"]["endpoints"][0]["authorization"]["credentials"]["key"]
        == "read-only-api-key"
    )
    only = Render(CHART, on | {"apiKey.readOnlyKey": ""})
    assert only("ServiceMonitor")["spec"]["endpoints"][0]["authorization"]["credentials"]["key"] == "api-key"
    assert "ServiceMonitor" not in Render(CHART, on, without=("monitoring.coreos.com",)).kinds()


def test_a_monitor_finds_one_of_the_two_services_of_the_same_pods():
    render = Render(CHART, BUCKET | {"monitor.enabled": True})
    wanted = render("ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    found = [
        name
        for (kind, name), one in render.objects.items()
        if kind == "Service" and wanted <= one["metadata"]["labels"].items()
    ]
    assert found == ["qdrant"]


# --- what is kept ---


def test_volumes_stay_when_peers_or_the_release_go(plain):
    found = plain("StatefulSet")["spec"]
    assert found["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert [one["metadata"]["name"] for one in found["volumeClaimTemplates"]] == ["storage", "snapshots"]
    classed = Render(CHART, BUCKET | {"global.storageClass": "gp3"})("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert {one["spec"]["storageClassName"] for one in classed} == {"gp3"}
    assert "storageClassName" not in found["volumeClaimTemplates"][0]["spec"]


def test_snapshots_go_to_s3_or_stay_on_a_volume(plain):
    found = config_of(plain)["storage"]["snapshots_config"]
    assert found == {"snapshots_storage": "s3", "s3_config": {"bucket": "twin-staging"}}
    full = BUCKET | {"global.region": "eu-central-1", "global.s3Endpoint": "https://s3.example.org"}
    assert config_of(Render(CHART, full))["storage"]["snapshots_config"]["s3_config"] == {
        "bucket": "twin-staging",
        "region": "eu-central-1",
        "endpoint_url": "https://s3.example.org",
    }
    local = Render(CHART, {"snapshots.storage": "local"})
    assert config_of(local)["storage"]["snapshots_config"] == {"snapshots_storage": "local"}


def test_outside_is_reached_only_for_snapshots(plain):
    def outside(render: Render) -> bool:
        return "ipBlock" in str(render("NetworkPolicy", "qdrant"))

    assert outside(plain)
    assert not outside(Render(CHART, {"snapshots.storage": "local"}))


def test_a_server_in_the_cluster_is_reached_where_it_is_named(plain):
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "s3"}}}], "ports": [{"port": 7070, "protocol": "TCP"}]}
    assert rule not in plain("NetworkPolicy", "qdrant")["spec"]["egress"]
    assert rule in Render(CHART, BUCKET | {"networkPolicy.egress": [rule]})("NetworkPolicy", "qdrant")["spec"]["egress"]


def test_snapshots_without_a_bucket_are_refused():
    with pytest.raises(HelmError, match=r"snapshots\.bucket is empty"):
        Render(CHART)


def test_a_changed_configuration_rolls_the_peers_and_wins(plain):
    other = Render(CHART, BUCKET | {"config": {"storage": {"optimizers": {"indexing_threshold_kb": 1}}, "log_level": "WARN"}})
    found = config_of(other)
    assert (found["log_level"], found["storage"]["optimizers"]) == ("WARN", {"indexing_threshold_kb": 1})
    assert found["storage"]["storage_path"] == "/qdrant/storage"
    checksums = [one("StatefulSet")["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for one in (plain, other)]
    assert checksums[0] != checksums[1]


# --- pods ---


def test_a_peer_is_ready_by_readyz_and_alive_by_livez(plain):
    container = plain.container("StatefulSet")
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/livez"
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] >= 900


def test_what_qdrant_writes_to_is_a_volume_since_its_root_is_read_only(plain):
    container = plain.container("StatefulSet")
    writable = [one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")]
    found = config_of(plain)["storage"]
    for path in (found["storage_path"], found["temp_path"], env(container)["QDRANT_INIT_FILE_PATH"]):
        assert any(path == place or path.startswith(f"{place}/") for place in writable), path


def test_a_budget_is_made_unless_it_is_switched_off(plain):
    assert plain("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert "PodDisruptionBudget" not in Render(CHART, BUCKET | {"podDisruptionBudget.enabled": False}).kinds()
