"""Steps -> Argo's templates, by Hera, with what every pod and every run has in common. Knows no step by name but `notify`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hera.workflows import Container, CronWorkflow, Parameter, RetryStrategy, Steps
from hera.workflows import Step as Leaf
from hera.workflows.models import (
    Backoff,
    Capabilities,
    ConfigMapVolumeSource,
    Counter,
    EmptyDirVolumeSource,
    EnvVar,
    EnvVarSource,
    ExecutorConfig,
    Gauge,
    Metadata,
    MetricLabel,
    Metrics,
    Mutex,
    PodGC,
    PodSecurityContext,
    Prometheus,
    SeccompProfile,
    SecretKeySelector,
    SecurityContext,
    Synchronization,
    TTLStrategy,
    ValueFrom,
    Volume,
    VolumeMount,
    WorkflowLevelArtifactGC,
    WorkflowMetadata,
    WorkflowTemplateRef,
)

from workflows.runs import LABEL
from workflows.steps import NOTIFY, Needs, Step

IMAGE = "llm-twin/pipelines"  # the chart puts the release's in its place
SECRET = "twin-secrets"  # noqa: S105  its name
NEEDS = "twin/needs"  # a template's label, by which the chart gives its pod nodes, resources and a model server
LABELS = {"app.kubernetes.io/name": "pipelines", "app.kubernetes.io/part-of": "llm-twin"}  # network policies go by these
OUT = "/tmp/out"  # noqa: S108  the pod's own
RETRIES = 4
FACTOR: Any = 2  # Hera wants a type of its own, and takes a number
# Again only what another try can mend: a node that went or a registry that stammered (Error), a pod that was evicted (no exit
# code: -1), killed or interrupted (spot). A rule's no (3) and a wrong word (2) stay, and so does a failure (1): the command has
# tried again inside. What ran out of time or memory was killed as well, and would be again.
TRANSIENT = (
    "lastRetry.status == 'Error' || "
    "(lastRetry.exitCode in ['-1', '137', '143'] && !(lastRetry.message matches '(?i)deadline|OOMKilled'))"
)
TO_SAVE = (
    '{"terminationGracePeriodSeconds": 110}'  # for a checkpoint, within the two minutes that a spot node is told before it goes
)
# One argument of a process may have 128 KiB, and two thousand sources that cannot be reached have more to say.
FAILURES = "{{=sprig.trunc(60000, workflow.failures)}}"


def templates(steps: Sequence[Step]) -> dict[str, Container]:
    """A template for each of `steps`, by name."""
    return {one.name: _template(one) for one in steps}


def _template(step: Step) -> Container:
    inputs = {name: f"{{{{inputs.parameters.{name}}}}}" for name in step.takes}
    files = {name: f"{OUT}/{name}" for name in step.gives}
    return Container(
        name=step.name,
        annotations={"workflows.argoproj.io/description": step.help},
        metrics=_measured(step),
        labels={NEEDS: step.needs},
        image=IMAGE,
        command=["twin"],
        args=step.filled(inputs, files),
        inputs=[Parameter(name=name) for name in step.takes],
        outputs=[Parameter(name=name, value_from=ValueFrom(path=path)) for name, path in files.items()],
        working_dir="/twin",
        env=[EnvVar(name="TWIN_HOME", value="/work"), EnvVar(name="HOME", value="/work"), *map(_secret, step.secrets)],
        volume_mounts=[
            VolumeMount(name="files", mount_path="/twin", read_only=True),
            VolumeMount(name="work", mount_path="/work"),
            VolumeMount(name="tmp", mount_path="/tmp"),  # noqa: S108  the pod's own
        ],
        security_context=SecurityContext(
            allow_privilege_escalation=False, read_only_root_filesystem=True, capabilities=Capabilities(drop=["ALL"])
        ),
        service_account_name=f"pipelines-{step.account}",
        active_deadline_seconds=step.minutes * 60,
        pod_spec_patch=TO_SAVE if step.needs is Needs.TRAIN else None,
        retry_strategy=RetryStrategy(
            limit=RETRIES,
            retry_policy="Always",  # the expression says when
            expression=TRANSIENT,
            backoff=Backoff(duration="30s", factor=FACTOR, max_duration="30m"),
        ),
    )


def _measured(step: Step) -> list[Prometheus]:
    """How long a step took, by what its pod needs, which prices make into costs; and what it said of itself."""
    labels = _labels(step=step.name, needs=step.needs)
    seconds = Prometheus(
        name="twin_workflow_step_seconds_total",
        help="How long steps took, by what their pods need",
        labels=labels,
        counter=Counter(value="{{duration}}"),
    )
    said = [
        Prometheus(
            name=name,
            help=f"What {step.name} said of {output}",
            labels=_labels(step=step.name),
            gauge=Gauge(realtime=False, value=f"{{{{outputs.parameters.{output}}}}}"),
            when="{{status}} == Succeeded",
        )
        for name, output in step.measures.items()
    ]
    return [seconds, *said]


def _labels(**labels: str) -> list[MetricLabel]:
    """One controller runs all environments, each in a namespace of its own."""
    return [MetricLabel(key=key, value=value) for key, value in {"environment": "{{workflow.namespace}}", **labels}.items()]


def _secret(name: str) -> EnvVar:
    """Optional: which are needed depends on what is set, and `twin` names the one that it misses."""
    return EnvVar(name=name, value_from=EnvVarSource(secret_key_ref=SecretKeySelector(name=SECRET, key=name, optional=True)))


def common(name: str, help: str, parameters: Sequence[Parameter], *, minutes: int) -> dict[str, Any]:
    """What every run has: who it is, how it ends, what is kept of it and for how long. Its entry is the template `run`."""
    return {
        "name": name,
        "entrypoint": "run",
        "arguments": list(parameters),
        "annotations": {
            "workflows.argoproj.io/title": name,
            "workflows.argoproj.io/description": help,
        },
        "workflow_metadata": WorkflowMetadata(labels={LABEL: name}),
        "service_account_name": "pipelines-steps",
        "automount_service_account_token": False,
        "executor": ExecutorConfig(service_account_name="pipelines-executor"),
        "synchronization": Synchronization(mutexes=[Mutex(name=name)]),  # one at a time of a twin and environment
        "active_deadline_seconds": minutes * 60,
        "archive_logs": True,
        "artifact_gc": _log_collection(),
        "pod_gc": PodGC(strategy="OnPodCompletion", delete_delay_duration="10m"),
        "ttl_strategy": TTLStrategy(seconds_after_success=7 * 86400, seconds_after_failure=30 * 86400),
        "security_context": PodSecurityContext(
            run_as_non_root=True,
            run_as_user=10001,
            run_as_group=10001,
            fs_group=10001,
            seccomp_profile=SeccompProfile(type="RuntimeDefault"),
        ),
        "volumes": _volumes(),
        "pod_metadata": Metadata(labels={**LABELS, LABEL: name}),
        "on_exit": "ended",
        "metrics": _metrics(name),
    }


def _log_collection() -> WorkflowLevelArtifactGC:
    """Logs are artifacts, and go with their run. That they cannot be removed keeps no run from going."""
    room = {"name": "main", "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}}}  # Argo's 64 Mi are too few for S3
    return WorkflowLevelArtifactGC(
        strategy="OnWorkflowDeletion",
        service_account_name="pipelines-collector",
        pod_metadata=Metadata(labels=LABELS),
        pod_spec_patch=json.dumps({"containers": [room]}),
        force_finalizer_removal=True,
    )


def _volumes() -> list[Volume]:
    empty = EmptyDirVolumeSource()
    files = ConfigMapVolumeSource(name="twin-files")
    return [Volume(name="files", config_map=files), Volume(name="work", empty_dir=empty), Volume(name="tmp", empty_dir=empty)]


def _metrics(name: str) -> Metrics:
    labels = _labels(workflow=name, status="{{workflow.status}}")
    return Metrics(
        prometheus=[
            Prometheus(
                name="twin_workflow_runs_total",
                help="Runs of the twin's workflows by how they ended",
                labels=labels,
                counter=Counter(value="1"),
            ),
            Prometheus(
                name="twin_workflow_seconds",
                help="How long the last run took",
                labels=labels,
                gauge=Gauge(realtime=False, value="{{workflow.duration}}"),
            ),
        ]
    )


def ended(step: Mapping[str, Container]) -> None:
    """The exit handler `ended`: whatever happened, people are told."""
    with Steps(name="ended"):
        Leaf(
            name=NOTIFY.name,
            template=step[NOTIFY.name],
            arguments={
                "workflow": "{{workflow.name}}",
                "status": "{{workflow.status}}",
                "failures": FAILURES,
                "seconds": "{{workflow.duration}}",
            },
        )


def scheduled(name: str, *, schedule: str, zone: str = "Etc/UTC", within: int = 3600) -> CronWorkflow:
    """A run of the template `name` by the clock: never two at once, and none that is late by more than `within` seconds."""
    return CronWorkflow(
        name=name,
        schedules=[schedule],
        timezone=zone,
        concurrency_policy="Forbid",
        starting_deadline_seconds=within,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=5,
        workflow_template_ref=WorkflowTemplateRef(name=name),
    )
