"""The ETL and the training as Kubeflow pipelines: the steps, order and parameters that Argo's have.

Kubeflow reads the functions' annotations as types, so they must not be text.
"""

from typing import Any

from kfp import dsl, kubernetes

from workflows import etl, steps, training
from workflows.kfp.component import arguments, component
from workflows.steps import ETL, TRAINING, Needs, Step

RETRIES = 4
_MADE = {step.name: component(step) for step in (*ETL, *TRAINING)}
_DEFAULTS = {one.name: str(one.value) for one in (*etl.PARAMETERS, *training.PARAMETERS)}


def _task(step: Step, *after: Any, **given: Any) -> Any:
    """`step` as a task, configured as Argo's pods are; never answered from a cache, as the world has moved on."""
    made = _MADE[step.name](**arguments(step, **given)).set_caching_options(False).set_display_name(step.name)
    if step.needs is Needs.TRAIN:  # spot nodes go; Kubeflow cannot tell that from a rule's no, so nothing else is tried again
        made.set_retry(RETRIES, backoff_duration="30s", backoff_factor=2.0, backoff_max_duration="1800s")
    kubernetes.use_config_map_as_volume(made, "twin-files", "/twin")
    kubernetes.use_secret_as_env(made, "twin-secrets", {key: key for key in step.secrets}, optional=True)
    for volume, path in (("work", "/work"), ("tmp", "/tmp")):  # noqa: S108  the pod's own
        kubernetes.empty_dir_mount(made, volume, path)
    kubernetes.set_timeout(made, step.minutes * 60)
    return made.set_env_variable("TWIN_HOME", "/work").after(*after)


@dsl.pipeline(name="sources")
def listed(source: str) -> list:
    """The names alone, so that they can be fanned out over."""
    return _task(steps.SOURCES, source=source).outputs["out_names"]  # type: ignore[no-any-return]


@dsl.pipeline(name="index")
def index(parts: list) -> None:
    """The index in parts, then whatever they left, then the recall gate."""
    with dsl.ParallelFor(parts) as part:
        parted = _task(steps.BUILD_PART, part=part)
    last = _task(steps.BUILD, parted)
    for step in (steps.SWITCH, steps.PRUNE, steps.REPORT):
        last = _task(step, last)


@dsl.pipeline(name=etl.NAME, description=etl.HELP)
def etl_pipeline(
    source: str = _DEFAULTS["source"],
    mass_delete: str = _DEFAULTS["mass-delete"],
    parts: list = ["1/2", "2/2"],  # noqa: B006  Kubeflow reads it, and changes nothing
) -> None:
    """Sources -> documents -> a live index."""
    names = listed(source=source)
    with dsl.ParallelFor(names.output, parallelism=etl.SOURCES_AT_ONCE) as name:
        synced = _task(steps.SYNC, name=name, mass_delete=mass_delete)
    index(parts=parts).after(synced)


@dsl.pipeline(name=training.NAME, description=training.HELP)
def training_pipeline(
    generator: str = _DEFAULTS["generator"],
    seed: str = _DEFAULTS["seed"],
    questions: str = _DEFAULTS["questions"],
    reason: str = _DEFAULTS["reason"],  # noqa: ARG001  for people, who read the run's parameters
) -> None:
    """Documents -> dataset -> adapter -> report -> release."""
    dataset = _task(steps.DATASET, generator=generator, seed=seed).outputs["out_dataset"]
    sft = _task(steps.SFT, dataset=dataset).outputs["out_adapter"]
    trained = _task(steps.DPO, dataset=dataset, adapter=sft)
    adapter, kept = trained.outputs["out_adapter"], _task(steps.SNAPSHOT, trained)
    report = _task(steps.EVALUATE, kept, dataset=dataset, adapter=adapter, questions=questions).outputs["out_report"]
    gate = _task(steps.GATE, report=report)
    _task(steps.PROMOTE, gate, report=report, adapter=adapter, dataset=dataset, index=kept.outputs["out_index"])
