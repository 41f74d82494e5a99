"""What is reckoned for an environment, from values and prices."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from twin.cli.platform_cost import HOURS, estimate
from twin.cli.platform_prices import prices
from twin.cli.platform_schedule import hours_of_a_month, times_of_a_month
from twin.cli.platform_values import cores, gauge, gibibytes, merged, scale
from twin.errors import PlatformError

ROOT = Path(__file__).parents[3]
SCHEDULE = {"start": "0 8 * * 1-5", "end": "0 19 * * 1-5", "replicas": 1}
GPU = {"device": "gpu", "tensorParallel": 2, "resources": {"requests": {"cpu": "4", "memory": "16Gi"}}}


@pytest.fixture
def clone(tmp_path):
    """A clone with one environment, whose prices are the repository's."""
    shutil.copytree(ROOT / "charts", tmp_path / "charts")
    (tmp_path / "argocd" / "envs" / "staging").mkdir(parents=True)
    shutil.copy(ROOT / "argocd" / "prices.yaml", tmp_path / "argocd")
    environments = {"staging": {"cluster": "in-cluster", "components": ["qdrant", "vllm", "rag-gateway"]}}
    (tmp_path / "argocd" / "values.yaml").write_text(yaml.safe_dump({"environments": environments}))
    return tmp_path


def _set(clone, component, **values):
    (clone / "argocd" / "envs" / "staging" / f"{component}.yaml").write_text(yaml.safe_dump(values))


def _of(found, component, word=""):
    return [line for line in found.environments[0].lines if line.component == component and word in line.what]


def test_a_fixed_number_of_pods_costs_the_same_at_rest_and_scaled_out(clone):
    _set(clone, "rag-gateway", replicaCount=3)
    (line,) = _of(estimate(clone), "rag-gateway")
    assert line.low == line.high == pytest.approx(3 * HOURS * (0.5 * 0.034 + 1 * 0.0066))


def test_a_model_server_that_scales_to_zero_costs_nothing_at_rest(clone):
    _set(clone, "vllm", autoscaling={"enabled": True, "minReplicas": 0, "maxReplicas": 2})
    (line,) = _of(estimate(clone), "vllm", "pod")
    assert (line.low, line.high) == (0, pytest.approx(2 * HOURS * 1.01))


def test_with_a_schedule_it_costs_its_hours(clone):
    _set(clone, "vllm", autoscaling={"enabled": True, "minReplicas": 0, "maxReplicas": 1, "schedule": SCHEDULE})
    (line,) = _of(estimate(clone), "vllm", "pod")
    assert line.low == pytest.approx(11 * 5 / 7 * 730 / 24 * 1.01)


def test_a_spot_pool_has_the_spot_price(clone):
    _set(clone, "vllm", nodeSelector={"karpenter.sh/nodepool": "gpu-spot"})
    (line,) = _of(estimate(clone), "vllm", "spot GPU")
    assert line.low == pytest.approx(HOURS * 0.45)


def test_an_environment_costs_the_sum_of_its_lines(clone):
    (found,) = estimate(clone).environments
    assert found.low == pytest.approx(sum(line.low for line in found.lines))
    assert found.high == pytest.approx(sum(line.high for line in found.lines))
    assert all(line.low <= line.high for line in found.lines)


def test_environments_of_one_cluster_share_what_it_has(clone):
    alone = _of(estimate(clone), "cluster", "control plane")[0].low
    environments = yaml.safe_load((clone / "argocd" / "values.yaml").read_text())["environments"]
    environments["production"] = {**environments["staging"]}
    (clone / "argocd" / "values.yaml").write_text(yaml.safe_dump({"environments": environments}))
    assert _of(estimate(clone), "cluster", "control plane")[0].low == pytest.approx(alone / 2)
    environments["production"]["cluster"] = "another"
    (clone / "argocd" / "values.yaml").write_text(yaml.safe_dump({"environments": environments}))
    assert _of(estimate(clone), "cluster", "control plane")[0].low == pytest.approx(alone)


def test_a_workflow_costs_by_its_schedule_and_nothing_when_it_is_off(clone):
    before = _of(estimate(clone), "pipelines", "training")
    _set(clone, "pipelines", schedules={"training": {"enabled": True, "schedule": "0 1 * * *"}})
    daily = _of(estimate(clone), "pipelines", "training")
    assert daily[0].low == pytest.approx(7 * before[0].low)
    _set(clone, "pipelines", schedules={"training": {"enabled": False}})
    assert _of(estimate(clone), "pipelines", "training") == []


def test_this_repository_can_be_reckoned_and_staging_rests_without_a_model_server():
    staging, production = estimate(ROOT).environments
    assert (staging.environment, production.environment) == ("staging", "production")
    assert 0 < staging.low < staging.high
    assert staging.low < production.low
    (model,) = [line for line in staging.lines if line.component == "vllm" and "pod" in line.what]
    assert model.low < model.high / 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("nat: 0.052, ", ""), "required field `nat`"),
        (lambda text: text.replace("nat: 0.052", "natt: 0.052"), "unknown field `natt`"),
        (lambda text: text.replace("cpu: 0.034", "cpu: cheap"), "Expected `float`, got `str`"),
        (lambda text: "[" + text, "is no YAML"),
    ],
)
def test_a_price_that_is_missing_or_no_number_is_named(clone, change, said):
    file = clone / "argocd" / "prices.yaml"
    file.write_text(change(file.read_text()))
    with pytest.raises(PlatformError, match="prices.yaml") as raised:
        prices(file)
    assert said in str(raised.value)


def test_values_that_cannot_be_reckoned_with_are_named(clone):
    _set(clone, "vllm", autoscaling={"enabled": True, "schedule": {**SCHEDULE, "start": "8 o'clock"}})
    with pytest.raises(PlatformError, match="vllm in staging"):
        estimate(clone)


def test_outside_of_a_clone_it_says_so(tmp_path):
    with pytest.raises(PlatformError, match="run this in a clone"):
        estimate(tmp_path)


def test_values_go_over_values_as_in_helm():
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]}) == {"a": {"c": 2, "e": 3}, "d": [2]}


def test_gpus_are_counted_by_the_pods_that_a_model_is_split_over():
    assert gauge("vllm", GPU).gpus == 2
    assert gauge("vllm", {**GPU, "device": "cpu"}).gpus == 0


def test_an_autoscaler_wins_over_a_number_of_replicas():
    found = scale({"replicaCount": 7, "autoscaling": {"by": "hpa", "minReplicas": 2, "maxReplicas": 5}})
    assert (found.least, found.high) == (2, 5)


def test_quantities():
    assert [gibibytes(one) for one in ("512Mi", "2Gi", "1Ti", 2**30)] == [0.5, 2, 1024, 1]
    assert [cores(one) for one in ("500m", "2", 1)] == [0.5, 2, 1]


def test_a_night_shift_runs_over_midnight_and_the_end_of_the_week():
    assert hours_of_a_month("0 22 * * *", "0 6 * * *") == pytest.approx(730 / 3)


def test_a_line_fires_as_often_as_cron_has_it():
    assert times_of_a_month("17 */6 * * *") == pytest.approx(4 * 730 / 24)
    assert times_of_a_month("0 1 * * 0,7") == pytest.approx(730 / 24 / 7)


@pytest.mark.parametrize("line", ["0 8 1 * *", "0 8 * *", "x 8 * * 1"])
def test_a_line_that_no_week_holds_is_refused(line):
    with pytest.raises(ValueError, match=r"\w"):
        times_of_a_month(line)
