"""The API's own definitions -> JSON schemas a kind a file, which kubeconform reads: strict, an unknown field is refused.

Made once per set of pins, in the cache of tools/build.py. Knows nothing of charts.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.build import cache
from tools.charts import modules
from tools.charts.helm import objects

FORM = "2"  # of what this module writes
PREFIX = "#/definitions/"
SHOWN = "x-kubernetes-group-version-kind"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
LEFT_OUT = {"description", "format", "default", "$schema", SHOWN}
DRAFT = {"$schema": "http://json-schema.org/draft-07/schema#"}


def schemas(version: str) -> Path:
    """The folder of schemas of Kubernetes `version` (1.34) and of the add-ons' kinds. Raises BuildError."""
    pins = (modules.KUBERNETES[version], *modules.ADDED)
    name = hashlib.sha256(repr((FORM, pins)).encode()).hexdigest()[:12]
    made = cache() / f"schemas-{version}-{name}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with (made.parent / "schemas.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            partial = made.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            _write(partial, version)
            partial.rename(made)
    return made


def _write(out: Path, version: str) -> None:
    module = modules.KUBERNETES[version]
    swagger = json.loads((modules.folder(module) / module.folders[0]).read_text(encoding="utf-8"))
    for name, schema in of_swagger(swagger["definitions"]):
        (out / name).write_text(json.dumps(schema), encoding="utf-8")
    for added in modules.ADDED:
        for folder in added.folders:
            for file in sorted((modules.folder(added) / folder).glob("*.yaml")):
                for crd in objects(file.read_text(encoding="utf-8")):
                    for name, schema in of_crd(crd):
                        (out / name).write_text(json.dumps(schema), encoding="utf-8")


def file_name(group: str, version: str, kind: str) -> str:
    """As kubeconform spells `{{.ResourceKind}}{{.KindSuffix}}.json`: the first label of the group, lower case."""
    suffix = "-".join(filter(None, (group.partition(".")[0], version)))
    return f"{kind}-{suffix}.json".lower()


def of_swagger(definitions: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every kind with what it refers to."""
    closed = {name: strict(one) for name, one in definitions.items()}
    closed[QUANTITY] = {"type": ["string", "number"]}  # as the API reads it: `cpu: 2`
    for name, one in definitions.items():
        for shown in one.get(SHOWN, ()):
            reached = _reached(closed, name)
            schema = {
                **DRAFT,
                **closed[name],
                "required": ["apiVersion", "kind", *one.get("required", ())],
                "definitions": reached,
            }
            yield file_name(shown["group"], shown["version"], shown["kind"]), schema


def _reached(definitions: Mapping[str, Any], name: str) -> dict[str, Any]:
    waiting, found = [name], {}
    while waiting:
        for below in _references(definitions[waiting.pop()]):
            if below not in found:
                found[below] = definitions[below]
                waiting.append(below)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(PREFIX)
        value = list(value.values())
    if isinstance(value, list):
        for below in value:
            yield from _references(below)


def of_crd(crd: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every version of a CustomResourceDefinition, with the fields that each object has."""
    if crd.get("kind") != "CustomResourceDefinition":
        return
    spec = crd["spec"]
    for version in spec["versions"]:
        schema = strict(version.get("schema", {}).get("openAPIV3Schema", {}))
        schema |= DRAFT
        schema["properties"] = {
            **schema.get("properties", {}),
            "apiVersion": {"const": f"{spec['group']}/{version['name']}"},
            "kind": {"const": spec["names"]["kind"]},
            "metadata": {"type": "object"},
        }
        yield file_name(spec["group"], version["name"], spec["names"]["kind"]), schema


def strict(schema: Any, *, closes: bool = True) -> Any:
    """The same schema in JSON Schema's words, where an object with named fields has no others.

    A part of a choice (`anyOf` ...) says something about fields that stand elsewhere, so it does not close.
    """
    if not isinstance(schema, dict):
        return schema
    found = {key: _below(key, value, closes) for key, value in schema.items() if key not in LEFT_OUT}
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        found.pop("anyOf", None)
        found["type"] = ["integer", "string"]
    if schema.get("nullable") and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    opened = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if closes and "properties" in schema and not opened:
        found["additionalProperties"] = False
    return found


def _below(key: str, value: Any, closes: bool) -> Any:
    if key in {"properties", "patternProperties"}:
        return {name: strict(one) for name, one in value.items()} if closes else value
    if key in {"anyOf", "oneOf", "allOf"}:
        return [strict(one, closes=False) for one in value]
    if key in {"items", "additionalProperties", "not"}:
        return strict(value, closes=closes and key != "not")
    return value
