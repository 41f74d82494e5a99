"""Sources -> documents -> a live index, as a DAG: a pod for every source, the index in parts, then the recall gate."""

from __future__ import annotations

from hera.workflows import DAG, CronWorkflow, Parameter, Suspend, Task, WorkflowTemplate
from hera.workflows.models import Mutex, Synchronization

from workflows.argo import common, ended, scheduled, templates
from workflows.steps import BUILD, BUILD_PART, ETL, NOTIFY, PRUNE, REPORT, SOURCES, SWITCH, SYNC

NAME = "etl"
HELP = "Read the sources, bring the index up to date, and make it live behind the recall gate."
SCHEDULE = "17 */6 * * *"
PARAMETERS = (
    Parameter(name="source", value="", description="Only this source of sources.yaml; empty: all"),
    Parameter(
        name="mass-delete",
        value="refuse",
        enum=["refuse", "allow"],
        description="Whether a source may lose more documents at once than its max_gone",
    ),
    Parameter(name="parts", value='["1/2","2/2"]', description="In which parts the index is written, at once: a JSON list"),
)
SOURCES_AT_ONCE = 8
INDEX = Synchronization(mutexes=[Mutex(name="index")])  # what is judged or kept does not change meanwhile
WHATEVER = "{0}.Succeeded || {0}.Skipped || {0}.Failed || {0}.Errored"


def build() -> WorkflowTemplate:
    """The template, to be submitted by hand, by the schedule or by a trigger."""
    given = {one.name: f"{{{{workflow.parameters.{one.name}}}}}" for one in PARAMETERS}
    with WorkflowTemplate(**common(NAME, HELP, PARAMETERS, minutes=24 * 60)) as made:
        step = templates((*ETL, NOTIFY))
        nothing = Suspend(name="nothing", duration="0")
        with DAG(name="every-source", inputs=[Parameter(name="names")], parallelism=SOURCES_AT_ONCE, fail_fast=False) as every:
            source = {"name": "{{item}}", "mass-delete": given["mass-delete"]}
            Task(name=SYNC.name, template=step[SYNC.name], arguments=source, with_param="{{inputs.parameters.names}}")
        with DAG(name="index", synchronization=INDEX, fail_fast=False) as index:
            part = {"part": "{{item}}"}
            Task(name=BUILD_PART.name, template=step[BUILD_PART.name], arguments=part, with_param=given["parts"])
            Task(name=BUILD.name, template=step[BUILD.name], depends=WHATEVER.format(BUILD_PART.name))
            for before, one in ((BUILD, SWITCH), (SWITCH, PRUNE), (PRUNE, REPORT)):
                Task(name=one.name, template=step[one.name], depends=before.name)
        with DAG(name="run", fail_fast=False):
            listed = Task(name=SOURCES.name, template=step[SOURCES.name], arguments={"source": given["source"]})
            names = {"names": listed.get_parameter("names")}
            Task(name="every-source", template=every, arguments=names, depends=SOURCES.name)
            Task(name="index", template=index, depends=WHATEVER.format("every-source"))  # of those that could be read
            Task(name="all-read", template=nothing, depends="every-source.Succeeded")  # else the run has failed, all the same
        ended(step)
    return made


def cron() -> CronWorkflow:
    """By the clock."""
    return scheduled(NAME, schedule=SCHEDULE)
