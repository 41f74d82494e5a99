"""Documents -> dataset -> adapter -> report -> release, as a DAG; each step takes what the one before it kept, by digest."""

from __future__ import annotations

from hera.workflows import DAG, CronWorkflow, Parameter, Task, WorkflowTemplate
from hera.workflows.models import ValueFrom

from workflows.argo import common, ended, scheduled, templates
from workflows.etl import INDEX
from workflows.steps import DATASET, DPO, EVALUATE, GATE, NOTIFY, PROMOTE, SFT, SNAPSHOT, TRAINING

NAME = "training"
HELP = "Train an adapter on the documents of today, judge it against what runs, and release it to staging if it is better."
SCHEDULE = "0 1 * * 0"
PARAMETERS = (
    Parameter(name="generator", value="structural", enum=["structural", "teacher"], description="What writes the examples"),
    Parameter(name="seed", value="0", description="Decides the split of the dataset: a number"),
    Parameter(name="questions", value="1000", description="How many held-out questions are asked, at most"),
    Parameter(name="reason", value="by hand", description="Why this run began; for people"),
)


def build() -> WorkflowTemplate:
    """The template, to be submitted by hand, by the schedule or by a trigger."""
    given = {one.name: f"{{{{workflow.parameters.{one.name}}}}}" for one in PARAMETERS}
    with WorkflowTemplate(**common(NAME, HELP, PARAMETERS, minutes=72 * 60)) as made:
        step = templates((*TRAINING, NOTIFY))
        with DAG(name="judged", inputs=[Parameter(name="adapter"), Parameter(name="dataset")], synchronization=INDEX) as judged:
            handed = {name: f"{{{{inputs.parameters.{name}}}}}" for name in ("adapter", "dataset")}
            Task(name=SNAPSHOT.name, template=step[SNAPSHOT.name])
            Task(
                name=EVALUATE.name,
                template=step[EVALUATE.name],
                arguments={**handed, "questions": given["questions"]},
                depends=SNAPSHOT.name,
            )
        judged.outputs = [
            Parameter(name="index", value_from=ValueFrom(parameter="{{tasks.snapshot.outputs.parameters.index}}")),
            Parameter(name="report", value_from=ValueFrom(parameter="{{tasks.evaluate.outputs.parameters.report}}")),
        ]
        with DAG(name="run"):
            data = Task(
                name=DATASET.name,
                template=step[DATASET.name],
                arguments={"generator": given["generator"], "seed": given["seed"]},
            )
            dataset = {"dataset": data.get_parameter("dataset")}
            first = Task(name=SFT.name, template=step[SFT.name], arguments=dataset, depends=DATASET.name)
            sft = {"adapter": first.get_parameter("adapter")}
            second = Task(name=DPO.name, template=step[DPO.name], arguments={**dataset, **sft}, depends=SFT.name)
            dpo = {"adapter": second.get_parameter("adapter")}
            Task(name="judged", template=judged, arguments={**dataset, **dpo}, depends=DPO.name)
            report = {"report": "{{tasks.judged.outputs.parameters.report}}"}
            index = {"index": "{{tasks.judged.outputs.parameters.index}}"}
            Task(name=GATE.name, template=step[GATE.name], arguments=report, depends="judged")
            release = {**report, **index, **dataset, **dpo}
            Task(name=PROMOTE.name, template=step[PROMOTE.name], arguments=release, depends=GATE.name)
        ended(step)
    return made


def cron() -> CronWorkflow:
    """By the clock."""
    return scheduled(NAME, schedule=SCHEDULE)
