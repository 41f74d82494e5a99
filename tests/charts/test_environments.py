"""Every chart in both environments, as Argo CD renders it, is what Kubernetes and our policies accept."""

from __future__ import annotations

import pytest

from tools.charts import helm
from tools.charts.__main__ import render
from tools.charts.conform import refused_by_policy, refused_by_schema
from tools.charts.environments import DIFFERENCES, ENVIRONMENTS, charts, components, overriding, value_files

EACH = [pytest.param(one, id=f"{one.name}-{one.environment}") for one in components()]


@pytest.mark.parametrize("version", helm.KUBERNETES)
@pytest.mark.parametrize("component", EACH)
def test_a_render_fits_the_api_of(component, version):
    assert refused_by_schema(render(component, version), version) == []


@pytest.mark.parametrize("component", EACH)
def test_a_render_keeps_to_the_policies(component):
    assert refused_by_policy(render(component, helm.KUBERNETES[-1])) == []


@pytest.mark.parametrize("component", EACH)
def test_a_component_can_be_rendered_before_the_first_release(component):
    assert refused_by_schema(render(component, "1.34", None), "1.34") == []


@pytest.mark.parametrize("component", EACH)
def test_rendering_twice_gives_the_same(component):
    assert render(component, "1.34") == render(component, "1.34")


def test_no_environment_overrides_the_release():
    assert overriding(DIFFERENCES) == []


def test_an_environment_that_overrides_the_release_is_named(tmp_path):
    (tmp_path / "production").mkdir()
    (tmp_path / "production.yaml").write_text("global: {environment: production}\n")
    (tmp_path / "production" / "vllm.yaml").write_text("replicaCount: 1\nrelease: {id: 2026-11-20.1}\n")
    assert overriding(tmp_path) == ["production/vllm.yaml"]


def test_the_release_is_the_last_of_the_value_files(tmp_path):
    release = tmp_path / "release.yaml"
    release.touch()
    for component in components():
        assert value_files(component, release)[-1] == release


def test_differences_are_those_of_a_chart():
    names = {name: sorted(path.stem for path in (DIFFERENCES / name).glob("*.yaml")) for name in ENVIRONMENTS}
    assert {name: [one for one in found if one not in charts()] for name, found in names.items()} == {
        name: [] for name in ENVIRONMENTS
    }
