"""The live index -> an artifact by digest, and back: what a lost server is made anew from."""

from __future__ import annotations

from hera.workflows import DAG, CronWorkflow, Parameter, Task, WorkflowTemplate

from workflows.argo import common, ended, scheduled, templates
from workflows.etl import INDEX
from workflows.steps import NOTIFY, RESTORE, SNAPSHOT

SCHEDULE = "43 3 * * *"
RESTORED = (Parameter(name="snapshot", description="What `twin index snapshot` printed: uri#sha256:..."),)


def snapshot() -> WorkflowTemplate:
    """Keep the live index."""
    help = "Keep the live index in the store of artifacts, by its digest."
    with WorkflowTemplate(**common("snapshot", help, (), minutes=240)) as made:
        step = templates((SNAPSHOT, NOTIFY))
        with DAG(name="run", synchronization=INDEX):
            Task(name=SNAPSHOT.name, template=step[SNAPSHOT.name])
        ended(step)
    return made


def restore() -> WorkflowTemplate:
    """Make an index again."""
    help = "Make an index again from its snapshot, and make it live if it finds its own documents."
    with WorkflowTemplate(**common("restore", help, RESTORED, minutes=480)) as made:
        step = templates((RESTORE, NOTIFY))
        with DAG(name="run", synchronization=INDEX):
            given = {"snapshot": "{{workflow.parameters.snapshot}}"}
            Task(name=RESTORE.name, template=step[RESTORE.name], arguments=given)
        ended(step)
    return made


def cron() -> CronWorkflow:
    """By the clock."""
    return scheduled("snapshot", schedule=SCHEDULE)
