"""The checks themselves: real definitions become strict schemas, what is pinned is verified, a refusal has its exit status."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from tools.build import BuildError
from tools.charts import helm, modules
from tools.charts.conform import refused_by_schema
from tools.charts.schemas import file_name, of_crd, of_swagger, schemas, strict
from tools.render import ROOT


def test_an_object_with_named_fields_has_no_others():
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    found = strict({"type": "object", "properties": {"a": inner, "description": {"type": "string"}}})
    assert found["additionalProperties"] is False
    assert found["properties"]["a"]["additionalProperties"] is False
    assert "description" in found["properties"]  # a field of that name is no description


def test_an_object_of_any_fields_stays_open():
    for one in ({"type": "object"}, {"type": "object", "additionalProperties": {"type": "string"}}):
        assert strict(one) == one
    kept = strict({"type": "object", "properties": {}, "x-kubernetes-preserve-unknown-fields": True})
    assert "additionalProperties" not in kept


def test_a_part_of_a_choice_does_not_close():
    found = strict({"properties": {"a": {}, "b": {}}, "oneOf": [{"properties": {"a": {}}, "required": ["a"]}]})
    assert found["oneOf"] == [{"properties": {"a": {}}, "required": ["a"]}]


def test_a_number_or_text_and_a_null_are_taken_where_the_api_takes_them():
    assert strict({"x-kubernetes-int-or-string": True, "anyOf": [{}]})["type"] == ["integer", "string"]
    assert strict({"type": "string", "format": "int-or-string"})["type"] == ["integer", "string"]
    assert strict({"type": "string", "nullable": True})["type"] == ["string", "null"]


def test_a_kind_has_what_it_refers_to_and_no_more():
    group = [{"group": "apps", "version": "v1", "kind": "Thing"}]
    thing = {"properties": {"spec": {"$ref": "#/definitions/Spec"}}, "x-kubernetes-group-version-kind": group}
    spec = {"properties": {"again": {"$ref": "#/definitions/Spec"}}}
    [(name, schema)] = of_swagger({"Thing": thing, "Spec": spec, "Other": {}})
    assert name == file_name("apps", "v1", "Thing") == "thing-apps-v1.json"
    assert set(schema["definitions"]) == {"Spec"}


def test_a_definition_of_a_kind_names_its_api_and_each_version():
    versions = [{"name": name, "schema": {"openAPIV3Schema": {"type": "object", "properties": {}}}} for name in ("v1", "v2")]
    crd = {"kind": "CustomResourceDefinition", "spec": {"group": "a.io", "names": {"kind": "Thing"}, "versions": versions}}
    found = dict(of_crd(crd))
    assert set(found) == {"thing-a-v1.json", "thing-a-v2.json"}
    assert found["thing-a-v2.json"]["properties"]["apiVersion"] == {"const": "a.io/v2"}
    assert list(of_crd({"kind": "ServiceAccount"})) == []


@pytest.mark.parametrize("version", helm.KUBERNETES)
def test_every_kind_that_a_cluster_may_have_has_its_schema(version):
    folder = schemas(version)
    for api, kinds in helm.ADDED.items():
        group, number = api.split("/")
        assert [kind for kind in kinds if not (folder / file_name(group, number, kind)).is_file()] == []
    for group, number, kind in (("", "v1", "Pod"), ("apps", "v1", "StatefulSet"), ("networking.k8s.io", "v1", "NetworkPolicy")):
        assert (folder / file_name(group, number, kind)).is_file()
    assert (folder / "ec2nodeclass-karpenter-v1.json").is_file()


def test_an_unknown_kind_an_unknown_field_and_a_wrong_type_are_refused():
    start = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    assert refused_by_schema(start, "1.34") == []
    assert "could not find schema" in refused_by_schema(start.replace("ConfigMap", "ConfigMop"), "1.34")[0]
    assert "'dat' not allowed" in refused_by_schema(start + "dat: {}\n", "1.34")[0]
    assert "got number" in refused_by_schema(start + "data: {a: 1}\n", "1.34")[0]


def test_a_module_of_another_sum_is_refused():
    with pytest.raises(BuildError, match="is pinned: look at what changed"):
        modules.folder(replace(modules.ADDED[-1], sum="h1:" + "A" * 43 + "="))


def test_a_version_that_is_not_there_is_said():
    with pytest.raises(BuildError, match=r"sigs\.k8s\.io/karpenter@v0\.0\.1-none cannot be had"):
        modules.folder(replace(modules.ADDED[-1], version="v0.0.1-none"))


def check(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.charts", "check", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_clean_chart_passes_and_says_so():
    done = check("charts/monitoring")
    assert (done.returncode, done.stdout) == (0, "monitoring in staging: ok\nmonitoring in production: ok\n")


def test_plain_yaml_that_is_refused_has_an_exit_status(tmp_path):
    (tmp_path / "values.yaml").write_text("replicaCount: 1\n")  # no object, and so left out
    (tmp_path / "role.yaml").write_text(
        'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a}\nrules: [{apiGroups: [""], resources: [a], verbs: ["*"]}]\n'
    )
    done = check(tmp_path)
    assert done.returncode == 1
    assert 'Role/a: a rule has "*" in verbs' in done.stdout
