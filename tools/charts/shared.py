"""charts/shared and a chart's own part of its schema -> copies of templates and the closed values.schema.json of each chart.

A chart is complete as it lies there: Argo CD renders it without a network, and nothing is vendored before `helm package`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from tools.charts.environments import CHARTS

SHARED = CHARTS / "shared"
OWN = "values.schema.in.json"
SET_BY_CHART = {  # settings that a chart itself decides
    "adapters_folder", "canary", "canary_adapter", "drain_timeout", "home", "host", "keys_file", "load_adapters", "model_url",
    "port", "release_file", "sources",
}  # fmt: skip


def rendered() -> dict[str, Callable[[], str]]:
    """What `make render` writes into charts that use what is shared, by path from the root."""
    found: dict[str, Callable[[], str]] = {}
    for own in sorted(CHARTS.glob(f"*/{OWN}")):
        chart = own.parent
        found[f"charts/{chart.name}/values.schema.json"] = partial(schema, own)
        for template in sorted(SHARED.glob("*.tpl")):
            found[f"charts/{chart.name}/templates/{template.name}"] = partial(template.read_text, encoding="utf-8")
    return found


def schema(own: Path) -> str:
    """The schema of a chart's values: its own part, what every chart with pods has, and the definitions that these use."""
    part = json.loads(own.read_text(encoding="utf-8"))
    definitions = {**json.loads((SHARED / "schema.json").read_text(encoding="utf-8")), "settings": settings()}
    extended = definitions[part.pop("extends")]["properties"]
    properties = {**extended, **part.pop("properties")}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": own.parent.name,
        "type": "object",
        **part,
        "additionalProperties": False,
        "properties": {name: one for name, one in properties.items() if one is not None},
    }
    used = dict(sorted(_used(whole, definitions, {}).items()))
    return json.dumps({**whole, "$defs": used}, indent=2) + "\n"


def _used(value: Any, definitions: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    for name in _references(value):
        if name not in found:
            found[name] = definitions[name]
            _used(definitions[name], definitions, found)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix("#/$defs/")
        value = list(value.values())
    if isinstance(value, list):
        for below in value:
            yield from _references(below)


def settings() -> dict[str, Any]:
    """A schema of the settings of twin/settings.py that are no secrets and not a chart's own to decide."""
    import msgspec

    from twin.settings import SECRETS, Settings

    described = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    left = {name: one for name, one in described.items() if name not in {*SECRETS, *SET_BY_CHART}}
    properties = {name: {key: value for key, value in one.items() if key != "default"} for name, one in left.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}
