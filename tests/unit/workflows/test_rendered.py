"""What is rendered for Argo and for Kubeflow: alike, and with what every run must have."""

import re
from zoneinfo import ZoneInfo

import pytest
import yaml

from workflows.argo import TRANSIENT
from workflows.render import argo, kubeflow
from workflows.steps import BRING_DOCUMENTS, ETL, KEEP_DOCUMENTS, NOTIFY, RESTORE, SNAPSHOT, TELL, TRAINING, Needs

DURATION = re.compile(r"\d+[smh]")
CRON = re.compile(r"(\*(/\d+)?|\d+)( (\*(/\d+)?|\d+)){4}")
STEPS = {step.name: step for step in (*ETL, *TRAINING, KEEP_DOCUMENTS, SNAPSHOT, TELL, BRING_DOCUMENTS, RESTORE, NOTIFY)}


@pytest.fixture(scope="module")
def rendered():
    return [yaml.safe_load(text) for text in argo().values()]


@pytest.fixture(scope="module")
def templates(rendered):
    return {one["metadata"]["name"]: one["spec"] for one in rendered if one["kind"] == "WorkflowTemplate"}


@pytest.fixture(scope="module")
def schedules(rendered):
    return [one["spec"] for one in rendered if one["kind"] == "CronWorkflow"]


@pytest.fixture(scope="module")
def pipelines():
    made = {}
    for text in kubeflow().values():
        ir, _ = yaml.safe_load_all(text)
        made[ir["pipelineInfo"]["name"]] = ir
    return made


def containers(spec):
    return {one["name"]: one for one in spec["templates"] if "container" in one}


def test_every_step_is_a_command_of_twin_and_nothing_else(templates):
    for spec in templates.values():
        for name, one in containers(spec).items():
            assert one["container"]["command"] == ["twin"]
            words = [re.sub(r"\{\{inputs\.parameters\.([a-z-]+)\}\}", r"{\1}", word) for word in one["container"]["args"]]
            assert words[-len(STEPS[name].words) :] == list(STEPS[name].words)


def test_every_run_is_bounded_told_of_kept_and_alone(templates):
    for name, spec in templates.items():
        assert spec["activeDeadlineSeconds"] > 0
        assert spec["synchronization"]["mutexes"] == [{"name": name}]
        assert spec["archiveLogs"] is True
        assert spec["podGC"]["strategy"] == "OnPodCompletion"
        assert DURATION.fullmatch(spec["podGC"]["deleteDelayDuration"])
        assert set(spec["ttlStrategy"]) == {"secondsAfterSuccess", "secondsAfterFailure"}
        told = next(one for one in spec["templates"] if one["name"] == spec["onExit"])
        assert told["steps"][0][0]["template"] == "notify"
        assert all(one.get("description") for one in spec.get("arguments", {}).get("parameters", ()))
        assert {one["name"] for one in spec["metrics"]["prometheus"]} == {"twin_workflow_runs_total", "twin_workflow_seconds"}


def test_every_metric_says_of_which_environment_and_every_step_what_it_costs(templates):
    for spec in templates.values():
        steps = containers(spec)
        metrics = [*spec["metrics"]["prometheus"], *(one for step in steps.values() for one in step["metrics"]["prometheus"])]
        for one in metrics:
            assert {"key": "environment", "value": "{{workflow.namespace}}"} in one["labels"]
        for name, step in steps.items():
            cost = step["metrics"]["prometheus"][0]
            assert (cost["name"], cost["counter"]) == ("twin_workflow_step_seconds_total", {"value": "{{duration}}"})
            assert {"key": "needs", "value": STEPS[name].needs} in cost["labels"]


def test_every_pod_is_restricted_bounded_and_has_rights_of_its_own(templates):
    for spec in templates.values():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for name, one in containers(spec).items():
            security = one["container"]["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert one["activeDeadlineSeconds"] == STEPS[name].minutes * 60
            assert one["serviceAccountName"] == f"pipelines-{STEPS[name].account}"
            assert one["metadata"]["labels"]["twin/needs"] in set(Needs)


def test_every_step_is_tried_again_by_the_same_rule(templates):
    for spec in templates.values():
        for one in containers(spec).values():
            retry = one["retryStrategy"]
            assert (retry["expression"], retry["retryPolicy"]) == (TRANSIENT, "Always")
            assert DURATION.fullmatch(retry["backoff"]["duration"])
            assert DURATION.fullmatch(retry["backoff"]["maxDuration"])


def test_no_more_is_told_of_failures_than_one_argument_of_a_process_may_have(templates):
    for spec in templates.values():
        ended = next(one for one in spec["templates"] if one["name"] == "ended")
        given = {one["name"]: one["value"] for one in ended["steps"][0][0]["arguments"]["parameters"]}
        assert given["failures"] == "{{=sprig.trunc(60000, workflow.failures)}}"


def test_schedules_are_sound_and_never_run_twice_at_once(schedules, templates):
    assert len(schedules) == 3
    for spec in schedules:
        assert spec["workflowSpec"]["workflowTemplateRef"]["name"] in templates
        assert all(CRON.fullmatch(one) for one in spec["schedules"])
        assert spec["schedules"]
        ZoneInfo(spec["timezone"])
        assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"] > 0) == ("Forbid", True)


def test_what_is_judged_and_what_is_built_exclude_each_other(templates):
    def locked(workflow, name):
        one = next(one for one in templates[workflow]["templates"] if one["name"] == name)
        return one["synchronization"]["mutexes"]

    assert locked("etl", "index") == locked("training", "judged") == locked("restore", "run") == [{"name": "index"}]


def test_a_source_that_fails_stops_no_other_and_fails_the_run(templates):
    dags = {one["name"]: one["dag"] for one in templates["etl"]["templates"] if "dag" in one}
    assert dags["every-source"]["failFast"] is False
    tasks = {one["name"]: one for one in dags["run"]["tasks"]}
    assert "every-source.Failed" in tasks["index"]["depends"]
    assert tasks["all-read"]["depends"] == "every-source.Succeeded"  # omitted, it leaves the run as failed as its branch


def test_what_is_lost_is_brought_back_and_what_is_not_given_stays(templates):
    tasks = {one["name"]: one for one in next(one for one in templates["restore"]["templates"] if "dag" in one)["dag"]["tasks"]}
    assert list(tasks) == ["bring-documents", "restore", "build"]
    assert tasks["bring-documents"]["when"] == "'{{workflow.parameters.documents}}' != ''"
    assert tasks["restore"]["when"] == "'{{workflow.parameters.snapshot}}' != ''"
    assert tasks["restore"]["depends"] == "(bring-documents.Succeeded || bring-documents.Skipped)"
    assert "when" not in tasks["build"]  # the index is brought up to date with the documents, whichever came back


def test_people_are_told_what_was_kept(templates):
    spec = templates["snapshot"]
    tasks = {one["name"]: one for one in next(one for one in spec["templates"] if "dag" in one)["dag"]["tasks"]}
    given = {one["name"]: one["value"] for one in tasks["tell"]["arguments"]["parameters"]}
    assert given["documents"] == "{{tasks.keep-documents.outputs.parameters.documents}}"
    assert given["snapshot"] == "{{tasks.snapshot.outputs.parameters.pin}}"


# --- both engines


def argo_order(spec):
    """Container steps with all that must have ended before them, through nested DAGs."""
    dags = {one["name"]: one["dag"]["tasks"] for one in spec["templates"] if "dag" in one}
    steps = containers(spec)
    before = {}

    def walk(name, above):
        ended = {}
        for task in dags[name]:
            needed = {word.split(".")[0] for word in re.findall(r"[a-z][a-z.A-Z-]*", task.get("depends", ""))}
            sooner = set(above).union(*(ended[one] for one in needed)) if needed else set(above)
            if task["template"] in dags:
                inside = walk(task["template"], sooner)
            else:
                if task["template"] in steps:
                    before[task["template"]] = sooner
                inside = {task["template"]} & set(steps)
            ended[task["name"]] = sooner | inside
        return set().union(*ended.values())

    walk("run", set())
    return before


def kubeflow_order(ir):
    components = ir["components"]
    before = {}

    def walk(dag, above):
        tasks, ended = dag["tasks"], {}

        def end(name):
            if name not in ended:
                task = tasks[name]
                needed = [end(one) for one in task.get("dependentTasks", ())]
                sooner = set(above).union(*needed)
                component = components[task["componentRef"]["name"]]
                if "dag" in component:
                    inside = walk(component["dag"], sooner)
                else:
                    step = task["taskInfo"]["name"]
                    before[step] = sooner
                    inside = {step}
                ended[name] = sooner | inside
            return ended[name]

        return set().union(*(end(name) for name in tasks))

    walk(ir["root"]["dag"], set())
    return before


@pytest.mark.parametrize(("name", "steps"), [("etl", ETL), ("training", TRAINING)])
def test_both_engines_have_the_same_steps_in_the_same_order(templates, pipelines, name, steps):
    ours = argo_order(templates[name])
    assert set(ours) == {step.name for step in steps}
    assert ours == kubeflow_order(pipelines[name])


@pytest.mark.parametrize("name", ["etl", "training"])
def test_both_engines_have_the_same_parameters_and_commands(templates, pipelines, name):
    def bare(word):
        word = re.sub(r"\{\{inputs\.parameters\.([a-z-]+)\}\}", r"{\1}", word)
        word = re.sub(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}", lambda found: "{" + found[1].replace("_", "-") + "}", word)
        return re.sub(r"=(/tmp/out/.*|\{\{\$\.outputs.*)$", "=FILE", word)

    given = {one["name"]: one["value"] for one in templates[name]["arguments"]["parameters"]}
    kfp = {
        key.replace("_", "-"): one["defaultValue"]
        for key, one in pipelines[name]["root"]["inputDefinitions"]["parameters"].items()
    }
    assert {key: yaml.safe_load(value) if value.startswith("[") else value for key, value in given.items()} == kfp
    executors = pipelines[name]["deploymentSpec"]["executors"]
    ours = {step: one["container"]["args"] for step, one in containers(templates[name]).items() if step != "notify"}
    theirs = {step.removeprefix("exec-"): one["container"]["args"] for step, one in executors.items()}
    assert {step: [bare(word) for word in words] for step, words in ours.items()} == {
        step: [bare(word) for word in words] for step, words in theirs.items()
    }
