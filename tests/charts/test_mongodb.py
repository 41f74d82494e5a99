"""MongoDB's chart, for set-ups without a managed cluster: what it renders, and what it does not."""

from __future__ import annotations

import pytest

from tests.charts.rendering import Render, env
from tools.charts import environments

CHART = "mongodb"


@pytest.fixture(scope="module")
def plain() -> Render:
    return Render(CHART)


def test_it_is_in_an_environment_only_where_that_has_values_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "DIFFERENCES", tmp_path)
    assert CHART not in {one.name for one in environments.components()}
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "mongodb.yaml").touch()
    assert [one.environment for one in environments.components() if one.name == CHART] == ["staging"]


def test_its_user_comes_from_the_secret_that_is_there(plain):
    found = env(plain.container("StatefulSet"))
    assert found["MONGO_INITDB_ROOT_PASSWORD"] == {"secretKeyRef": {"name": "mongodb-auth", "key": "password"}}
    assert "Secret" not in plain.kinds()


def test_its_volume_stays(plain):
    assert plain("StatefulSet")["spec"]["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Retain",
    }


def test_only_gateway_steps_and_tests_may_ask_and_it_asks_nobody(plain):
    spec = plain("NetworkPolicy", "mongodb")["spec"]
    names = [one["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for one in spec["ingress"][0]["from"]]
    assert names == ["rag-gateway", "pipelines", "index", "mongodb-test"]
    assert "egress" not in spec
    assert spec["policyTypes"] == ["Ingress", "Egress"]


def test_the_gateway_may_reach_it():
    egress = Render("rag-gateway")("NetworkPolicy", "rag-gateway")["spec"]["egress"]
    assert {"podSelector": {"matchLabels": {"app.kubernetes.io/name": CHART}}} in [
        peer for rule in egress for peer in rule["to"]
    ]


def test_what_it_writes_to_is_a_volume_since_its_root_is_read_only(plain):
    assert [one["mountPath"] for one in plain.container("StatefulSet")["volumeMounts"]] == ["/data/db", "/tmp"]
