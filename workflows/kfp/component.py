"""A step -> a Kubeflow component: the same command in the same image, its inputs and outputs as text."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from kfp import dsl

from workflows.steps import Step

IMAGE = "llm-twin/pipelines"
LISTS = {"names": list, "parts": list}  # what is fanned out over; all else is text


def component(step: Step, image: str = IMAGE) -> Any:
    """The component of `step`. Kubeflow reads a function's signature, so one is made of the step's inputs and outputs."""
    outputs = {name: dsl.OutputPath(LISTS.get(name, str)) for name in step.gives}
    types = {**{_python(name): str for name in step.takes}, **{_python(name, "out"): kind for name, kind in outputs.items()}}

    def container(*given: Any) -> dsl.ContainerSpec:
        inputs = dict(zip(step.takes, given, strict=False))
        files = dict(zip(step.gives, given[len(inputs) :], strict=True))
        return dsl.ContainerSpec(image=image, command=["twin"], args=step.filled(inputs, files))

    container.__name__ = step.name.replace("-", "_")
    container.__doc__ = step.help
    container.__annotations__ = types
    container.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind) for name, kind in types.items()],
        return_annotation=dsl.ContainerSpec,
    )
    return dsl.container_component(container)


def arguments(step: Step, **given: Any) -> Mapping[str, Any]:
    """`given`, by the names of the step's inputs, as the component's function wants them. Raises KeyError for a missing one."""
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return {_python(name): named[name] for name in step.takes}


def _python(name: str, way: str = "") -> str:
    bare = name.replace("-", "_")
    return f"{way}_{bare}" if way else bare
