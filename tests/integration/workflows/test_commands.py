"""`twin workflows` as a process: runs begun and listed in a cluster, and people told of how they ended."""

from __future__ import annotations

import asyncio
import json

import pytest
import yaml
from aiohttp import web

from tests.doubles.cluster import TOKEN, ClusterDouble
from tests.integration.cli.running import twin
from workflows.render import argo

ARGO = "/apis/argoproj.io/v1alpha1"


@pytest.fixture
def cluster():
    with ClusterDouble() as made:
        made.kinds.add(f"{ARGO}/workflows")
        for text in argo().values():
            one = yaml.safe_load(text)
            if one["kind"] == "WorkflowTemplate":
                made.put(f"{ARGO}/namespaces/twin-staging/workflowtemplates/{one['metadata']['name']}", **one)
        yield made


@pytest.fixture
def run(cluster, tmp_path):
    config = cluster.kubeconfig(tmp_path / "kubeconfig", namespace="twin-staging")

    async def ran(*arguments, status=0, **settings):
        settings = {"KUBECONFIG": str(config), **settings}
        done = await asyncio.to_thread(twin, tmp_path, "workflows", *arguments, status=status, **settings)
        assert TOKEN not in done.stdout + done.stderr
        return done

    return ran


async def test_a_run_is_begun_with_what_is_given(cluster, run):
    done = await run("submit", "etl", "-p", "source=notes", "-o", "json")
    assert json.loads(done.stdout) == {"name": "etl-00001", "namespace": "twin-staging", "phase": "Pending"}
    (made,) = cluster.made
    assert made["spec"] == {
        "workflowTemplateRef": {"name": "etl"},
        "arguments": {"parameters": [{"name": "source", "value": "notes"}]},
    }
    assert made["metadata"]["labels"] == {"twin/workflow": "etl"}


async def test_a_wrong_parameter_begins_nothing(cluster, run):
    said = await run("submit", "training", "-p", "seed=one", status=2)
    assert "seed is 'one', but must be a whole number" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert cluster.made == []


async def test_of_two_triggers_at_once_the_second_says_that_it_waits(cluster, run):
    await run("submit", "etl")
    assert "etl-00002 waits until etl-00001 has ended" in (await run("submit", "etl")).stderr


@pytest.mark.parametrize(("end", "status"), [("Succeeded", 0), ("Failed", 1), ("Error", 1)])
async def test_a_run_that_is_watched_ends_as_the_command_does(cluster, run, end, status):
    cluster.phases = ["Running", "Running", end]
    assert end in (await run("submit", "snapshot", "--watch", status=status)).stderr


async def test_a_run_that_a_rule_refused_ends_with_its_exit_status(cluster, run):
    cluster.phases = ["Running", "Failed"]
    gate = {"displayName": "gate(0)", "type": "Pod", "phase": "Failed", "message": "main: Error (exit code 3)"}
    cluster.nodes = {"g0": gate, "g": {**gate, "displayName": "gate", "type": "Retry", "message": "no more"}}
    said = (await run("submit", "training", "--watch", status=3)).stderr
    assert "gate(0): Failed main: Error (exit code 3)" in said
    assert said.rstrip().endswith("Refused")


async def test_runs_are_listed_the_newest_first(cluster, run):
    assert "no run yet" in (await run("list")).stdout
    for name in ("etl", "snapshot"):
        await run("submit", name)
    rows = json.loads((await run("list", "-o", "json")).stdout)
    assert [(row["name"], row["workflow"], row["phase"]) for row in rows] == [
        ("snapshot-00002", "snapshot", "Pending"),
        ("etl-00001", "etl", "Pending"),
    ]


async def test_what_a_cluster_refuses_is_said_in_one_line(cluster, run, tmp_path):
    assert (
        "WorkflowTemplate nothing in namespace twin-staging: there is none" in (await run("submit", "nothing", status=1)).stderr
    )
    cluster.refusal = (403, "workflows.argoproj.io is forbidden: ada cannot do that")
    said = (await run("submit", "etl", status=1)).stderr
    assert "the cluster says 403 workflows.argoproj.io is forbidden" in said
    assert len(said.splitlines()) == 1
    assert "no cluster is known" in (await run("list", status=1, KUBECONFIG=str(tmp_path / "none"))).stderr
    config = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    (tmp_path / "gone").write_text(json.dumps(config))
    assert "does not answer" in (await run("list", status=1, KUBECONFIG=str(tmp_path / "gone"))).stderr


@pytest.fixture
async def channel():
    """A webhook: what came to it, and whether it takes it."""
    came: list[dict] = []

    async def take(request: web.Request) -> web.Response:
        came.append(await request.json())
        return web.Response(status=500 if "broken" in request.path else 200)

    app = web.Application()
    app.router.add_post("/{hook}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}", came
    await runner.cleanup()


FAILED = json.dumps([{"displayName": "gate", "message": "Error (exit code 3)"}])
ENDED = ("notify", "--workflow=training-x1", "--status=Failed", f"--failures={FAILED}", "--seconds=61.5")


async def test_every_channel_is_told_how_a_run_ended(run, channel):
    address, came = channel
    await run(*ENDED, TWIN_NOTIFY=f"json://{address}/one json://{address}/two")
    assert [one["title"] for one in came] == ["training-x1 was refused"] * 2
    assert came[0]["type"] == "failure"
    assert "1 min 2 s" in came[0]["message"]


async def test_a_channel_that_fails_keeps_the_message_from_no_other_and_is_shown_without_its_secret(run, channel):
    address, came = channel
    hooks = f"json://ada:hunter2@{address}/broken nonsense json://{address}/two"
    said = (await run(*ENDED, status=1, TWIN_NOTIFY=hooks)).stderr
    assert "of 3 addresses in `notify`, number 1 (json) did not take it; number 2 is no address that Apprise knows" in said
    assert "hunter2" not in said
    assert len(came) == 2


async def test_where_nobody_is_to_be_told_that_is_said(run):
    assert "nobody is told: `notify` is not set" in (await run(*ENDED)).stderr
