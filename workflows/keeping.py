"""Documents and the live index -> artifacts by digest, and back: what lost servers are made anew from."""

from __future__ import annotations

from hera.workflows import DAG, CronWorkflow, Parameter, Task, WorkflowTemplate

from workflows.argo import common, ended, scheduled, templates
from workflows.etl import INDEX
from workflows.steps import BRING_DOCUMENTS, BUILD, KEEP_DOCUMENTS, NOTIFY, RESTORE, SNAPSHOT, TELL

SCHEDULE = "43 3 * * *"
RESTORED = (
    Parameter(
        name="documents", value="", description="What `twin documents snapshot` printed, uri#sha256:...; empty: they stay"
    ),
    Parameter(name="snapshot", value="", description="What `twin index snapshot` printed, uri#sha256:...; empty: it stays"),
    Parameter(
        name="mass-delete",
        value="refuse",
        enum=["refuse", "allow"],
        description="Whether a source may lose most of what is stored, because the snapshot does not have it",
    ),
)
GIVEN = "'{{workflow.parameters.%s}}' != ''"
HAD_ITS_TURN = "({0}.Succeeded || {0}.Skipped)"


def snapshot() -> WorkflowTemplate:
    """Keep documents and the live index."""
    help = "Keep the documents and the live index in the store of artifacts, by their digests, and tell people which."
    with WorkflowTemplate(**common("snapshot", help, (), minutes=480)) as made:
        step = templates((KEEP_DOCUMENTS, SNAPSHOT, TELL, NOTIFY))
        with DAG(name="run", synchronization=INDEX):
            documents = Task(name=KEEP_DOCUMENTS.name, template=step[KEEP_DOCUMENTS.name])
            index = Task(name=SNAPSHOT.name, template=step[SNAPSHOT.name])
            kept = {"documents": documents.get_parameter("documents"), "snapshot": index.get_parameter("pin")}
            Task(
                name=TELL.name,
                template=step[TELL.name],
                arguments={**kept, "workflow": "{{workflow.name}}"},
                depends=f"{KEEP_DOCUMENTS.name} && {SNAPSHOT.name}",
            )
        ended(step)
    return made


def restore() -> WorkflowTemplate:
    """Make documents, an index or both again, and bring the index up to date with the documents."""
    help = (
        "Make the documents, the index or both again from their snapshots; the index goes live if it finds its own documents."
    )
    given = {one.name: f"{{{{workflow.parameters.{one.name}}}}}" for one in RESTORED}
    with WorkflowTemplate(**common("restore", help, RESTORED, minutes=1440)) as made:
        step = templates((BRING_DOCUMENTS, RESTORE, BUILD, NOTIFY))
        with DAG(name="run", synchronization=INDEX):
            before = ""
            for one in (BRING_DOCUMENTS, RESTORE):
                wanted = {name: given[name] for name in one.takes}
                Task(
                    name=one.name,
                    template=step[one.name],
                    arguments=wanted,
                    depends=HAD_ITS_TURN.format(before) if before else None,
                    when=GIVEN % one.takes[0],
                )
                before = one.name
            Task(name=BUILD.name, template=step[BUILD.name], depends=HAD_ITS_TURN.format(before))
        ended(step)
    return made


def cron() -> CronWorkflow:
    """By the clock."""
    return scheduled("snapshot", schedule=SCHEDULE)
