"""Add-ons: pinned, and, where their chart lies in a module that is pinned for its schemas, rendered with the values that they are given."""

from __future__ import annotations

import shutil

import pytest
import yaml

from tools.charts import helm, modules
from tools.charts.platform import PLATFORM, applications, kinds, own, platform

ADDONS = {one["metadata"]["labels"]["twin/component"]: one for one in applications(platform()) if not own(one)}
PROJECT = next(one for one in helm.objects(platform()) if one["metadata"]["name"] == "addons-in-cluster")["spec"]
CHARTS = {  # add-on -> module and the chart's folder in it
    "cert-manager": ("github.com/cert-manager/cert-manager", "deploy/charts/cert-manager"),
    "external-secrets": ("github.com/external-secrets/external-secrets", "deploy/charts/external-secrets"),
    "karpenter": ("github.com/aws/karpenter-provider-aws", "charts/karpenter"),
}


def module(path: str) -> modules.Module:
    return next(one for one in modules.ADDED if one.path == path)


@pytest.fixture(params=CHARTS)
def addon(request, tmp_path):
    """An add-on and the chart that its version has; what it depends on is switched off and so left out."""
    path, folder = CHARTS[request.param]
    chart = tmp_path / request.param
    shutil.copytree(modules.folder(module(path)) / folder, chart, copy_function=shutil.copy)
    chart.chmod(0o755)
    for one in chart.rglob("*"):
        one.chmod(0o755 if one.is_dir() else 0o644)
    said = (
        yaml.safe_load((chart / "Chart.yaml").read_text())
        if (chart / "Chart.yaml").is_file()
        else {"apiVersion": "v2", "name": request.param}
    )
    said = {**said, "version": module(path).version.removeprefix("v"), "appVersion": module(path).version}
    (chart / "Chart.yaml").write_text(yaml.safe_dump({key: value for key, value in said.items() if key != "dependencies"}))
    (chart / "Chart.lock").unlink(missing_ok=True)
    return ADDONS[request.param], chart


def test_an_addons_chart_takes_its_values_and_its_project_allows_what_it_makes(addon, tmp_path):
    application, chart = addon
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(application["spec"]["source"]["helm"]["valuesObject"]))
    text = helm.template(
        chart, application["spec"]["source"]["helm"]["releaseName"], namespace=namespace(application), values=[values]
    )
    allowed = {
        (one["group"], one["kind"])
        for field in ("clusterResourceWhitelist", "namespaceResourceWhitelist")
        for one in PROJECT[field]
    }
    assert {*kinds(text)} - allowed == set()
    allowed_in = {one["namespace"] for one in PROJECT["destinations"]}
    assert {one["metadata"].get("namespace", namespace(application)) for one in helm.objects(text)} <= allowed_in


def test_an_addon_has_its_kinds_of_the_version_that_our_manifests_are_held_to(addon):
    application, _ = addon
    path, _folder = CHARTS[application["metadata"]["labels"]["twin/component"]]
    assert application["spec"]["source"]["targetRevision"].lstrip("v") == module(path).version.lstrip("v")


def test_terraforms_names_and_accounts_are_those_of_the_charts(addon, tmp_path):
    """Pod Identity gives a role to an account by namespace and name: external-secrets/external-secrets, karpenter/karpenter."""
    application, chart = addon
    values = tmp_path / "values.yaml"
    given = application["spec"]["source"]["helm"]["valuesObject"]
    values.write_text(yaml.safe_dump(given))
    text = helm.template(
        chart, application["metadata"]["labels"]["twin/component"], namespace=namespace(application), values=[values]
    )
    accounts = {one["metadata"]["name"] for one in helm.objects(text) if one["kind"] == "ServiceAccount"}
    assert namespace(application) in accounts


def namespace(application: dict) -> str:
    return application["spec"]["destination"]["namespace"]


def test_every_addon_that_there_is_is_installed_unless_somebody_leaves_it_out():
    assert {path.stem for path in (PLATFORM / "addons").glob("*.yaml")} == set(ADDONS)


def test_what_an_addon_limits_is_memory():
    """Each has requests and a limit of memory where its chart lets one say so: a controller that grows takes no node along."""
    without = [name for name, one in ADDONS.items() if "memory" not in str(one["spec"]["source"]["helm"]["valuesObject"])]
    assert without == ["nvidia-device-plugin"]
