"""What a person gives for the parameters of a workflow -> what its template takes, or the first thing that is wrong.

A parameter's type is that of its default, or its list of values; a template says no more. Knows no cluster.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any


class ParameterError(Exception):
    """A parameter that the workflow does not have, or does not take so; one line."""


def parameters(template: Mapping[str, Any], given: Sequence[str]) -> list[dict[str, str]]:
    """`given` as KEY=VALUE, checked against `template`'s own. Raises ParameterError."""
    name = str(template["metadata"]["name"])
    known = {str(one["name"]): one for one in template["spec"].get("arguments", {}).get("parameters", ())}
    made: dict[str, str] = {}
    for text in given:
        key, found, value = text.partition("=")
        if not found:
            raise ParameterError(f"-p {text!r}: write KEY=VALUE")
        if key not in known:
            raise ParameterError(f"{name} has no parameter {key!r}; {_near(key, known)}")
        _check(key, value, known[key])
        made[key] = value
    if missing := [key for key, one in known.items() if "value" not in one and "default" not in one and key not in made]:
        raise ParameterError(f"{name} needs -p {missing[0]}=...: {known[missing[0]].get('description', 'it has no default')}")
    return [{"name": key, "value": value} for key, value in made.items()]


def _check(key: str, value: str, known: Mapping[str, Any]) -> None:
    if (choices := known.get("enum")) and value not in choices:
        raise ParameterError(f"{key} is {value!r}, but must be one of {', '.join(choices)}")
    usual = _plain(str(known.get("value", "")))
    if isinstance(usual, int | list) and not isinstance(_plain(value), type(usual)):
        kind = "a whole number" if isinstance(usual, int) else "a JSON list"
        raise ParameterError(f"{key} is {value!r}, but must be {kind}, as {known['value']}: {known.get('description', '')}")


def _plain(text: str) -> Any:
    """A whole number or a list, where `text` is one; else None."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, int | list) and not isinstance(found, bool) else None


def _near(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]}?" if near else f"it takes {', '.join(known) or 'none'}"
