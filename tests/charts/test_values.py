"""Values that are unknown, mistyped or missing are refused by every chart, and named."""

from __future__ import annotations

import json

import msgspec
import pytest
import yaml

from tests.charts.rendering import RELEASE, Render
from tools.charts import helm
from tools.charts.environments import CHARTS, charts
from tools.charts.helm import HelmError
from twin.errors import ReleaseError
from twin.release.reading import read
from twin.release.release import Release

PODS = [name for name in charts() if "podLabels" in (CHARTS / name / "values.yaml").read_text()]
DIGEST = "sha256:" + "0" * 64


def refused(chart: str, sets: dict, *, release: bool = True) -> str:
    with pytest.raises(HelmError) as caught:
        Render(chart, sets, release=release)
    return str(caught.value)


@pytest.mark.parametrize("chart", charts())
def test_an_unknown_value_is_refused_by_name(chart):
    assert "replicass" in refused(chart, {"replicass": 3})


@pytest.mark.parametrize("chart", charts())
def test_an_unknown_value_of_all_charts_is_refused_by_name(chart):
    assert "imageRegistri" in refused(chart, {"global.imageRegistri": "registry.example.org"})


@pytest.mark.parametrize("chart", PODS)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"replicaCount": "three"}, "replicaCount"),
        ({"image.tagg": "1"}, "tagg"),
        ({"image.tag": "latest"}, "image/tag"),
        ({"image.digest": "sha256:short"}, "image/digest"),
        ({"image.pullPolicy": "Sometimes"}, "pullPolicy"),
        ({"podAnnotations": {"a": 1}}, "podAnnotations"),
        ({"tolerations": {"key": "x"}}, "tolerations"),
        ({"resources.limits.memory": None}, "memory"),
        ({"resources.request": {}}, "request"),
        ({"runAsUser": 0}, "runAsUser"),
        ({"secretEnv.lower": True}, "lower"),
        ({"extraEnv": {"A": "b"}}, "extraEnv"),
        ({"serviceAccount.annotation": {}}, "annotation"),
        ({"monitor.enabled": "yes"}, "monitor/enabled"),
        ({"podDisruptionBudget.minAvailable": 1}, "minAvailable"),
        ({"networkPolicy.from": [{}]}, "/networkPolicy"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistyped_value_is_refused_by_name(chart, value, named):
    said, top = refused(chart, value), next(iter(value)).split(".")[0]
    known = top in yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    assert (named if known else f"additional properties '{top}' not allowed") in said, said


@pytest.mark.parametrize(
    ("chart", "value", "named"),
    [
        ("rag-gateway", {"settings.passagess": 6}, "passagess"),
        ("rag-gateway", {"settings.passages": "six"}, "passages"),
        ("rag-gateway", {"settings.model_key": "a"}, "model_key"),
        ("rag-gateway", {"autoscaling.by": "vpa"}, "autoscaling/by"),
        ("rag-gateway", {"modelUrl": "http://vllm:8000"}, "modelUrl"),
        ("rag-gateway", {"drainSeconds": 0}, "drainSeconds"),
        ("rag-gateway", {"ingress.tlsSecret": ""}, "tlsSecret"),
        ("qdrant", {"snapshots.storage": "gcs"}, "snapshots/storage"),
        ("qdrant", {"storage.size": "ten"}, "storage/size"),
        ("qdrant", {"config.service.api_key": "a"}, "config/service"),
        ("qdrant", {"config.servce": {}}, "servce"),
        ("vllm", {"device": "tpu"}, "device"),
        ("vllm", {"lora.maxRank": 7}, "maxRank"),
        ("vllm", {"weights.image": "weights:1"}, "weights/image"),
        ("vllm", {"autoscaling.schedule": {"start": "0 8 * * *"}}, "schedule"),
        ("monitoring", {"rules.enabled": 1}, "rules/enabled"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistyped_value_of_one_chart_is_refused_by_name(chart, value, named):
    said = refused(chart, value)
    assert named in said, said


@pytest.mark.parametrize(
    ("chart", "value"),
    [
        ("rag-gateway", "existingSecret"),
        ("rag-gateway", "keysSecret"),
        ("rag-gateway", "tests.existingSecret"),
        ("qdrant", "apiKey.existingSecret"),
        ("qdrant", "existingSecret"),
        ("vllm", "existingSecret"),
        ("mongodb", "existingSecret"),
    ],
)
def test_a_missing_secret_is_refused_by_name(chart, value):
    assert value.replace(".", "/") in refused(chart, {value: ""})


# --- release.yaml ---

BROKEN = {
    "a wrong digest": ("images.gateway", "registry.example.org/gateway@sha256:abc"),
    "a tag for a digest": ("images.gateway", "registry.example.org/gateway:v1"),
    "an adapter without a pin": ("model.adapter", "s3://bucket/adapter"),
    "a number for a digest": ("prompt.digest", 7),
    "a report that did not pass": ("report.verdict", "refuse"),
    "chunks as text": ("index.chunks", "many"),
    "an id of another form": ("id", "v1"),
    "an unknown field": ("images.trigger", "registry.example.org/trigger@" + DIGEST),
}


def changed(key: str, value: object) -> dict:
    release = yaml.safe_load(RELEASE.read_text())
    *above, last = key.split(".")
    part = release["release"]
    for name in above:
        part = part[name]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return release


def rendered(chart: str, release: dict, folder) -> str:
    file = folder / "release.yaml"
    file.write_text(json.dumps(release))
    return helm.template(CHARTS / chart, chart, values=[file], sets={"global.bucket": "b"})


@pytest.mark.parametrize("chart", charts())
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_release_is_refused_by_field_as_twin_refuses_it(chart, what, tmp_path):
    key, value = BROKEN[what]
    with pytest.raises(HelmError, match=key.split(".")[-1]):
        rendered(chart, changed(key, value), tmp_path)
    with pytest.raises(ReleaseError, match=key.split(".")[-1]):
        read(json.dumps(changed(key, value)), "release.yaml")


@pytest.mark.parametrize("chart", charts())
@pytest.mark.parametrize(
    "key", ["id", "images", "images.gateway", "index.snapshot", "model.chatTemplate", "prompt", "report.uri"]
)
def test_a_release_without_a_field_is_refused_by_its_name(chart, key, tmp_path):
    with pytest.raises(HelmError, match=key.split(".")[-1]):
        rendered(chart, changed(key, None), tmp_path)


def test_charts_know_the_fields_of_a_release_that_twin_knows():
    known = msgspec.json.schema(Release)["$defs"]
    charts_know = json.loads((CHARTS / "shared" / "schema.json").read_text())["release"]["properties"]
    assert set(charts_know) == set(known["Release"]["properties"])
    for name, part in charts_know.items():
        if "properties" in part:
            assert set(part["properties"]) == set(known[name.capitalize()]["properties"]), name


def test_the_sample_release_is_one():
    assert read(RELEASE.read_text(), "release.yaml").images
