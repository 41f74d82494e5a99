"""`twin platform bootstrap` and `status` against the API of Kubernetes as they ask it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.doubles.cluster import TOKEN, ClusterDouble
from tests.integration.cli.running import inside
from tools.charts import modules
from twin.cli.platform_bootstrap import ARGOCD, AT_START, PARAMETERS

ROOT = """\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: platform, namespace: argocd}
spec: {sourceRepos: [https://git.example.org/twin.git]}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: platform, namespace: argocd}
spec:
  project: platform
  source: {repoURL: https://git.example.org/twin.git, targetRevision: production, path: argocd}
"""
APPLICATION = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
RELEASE = {
    "release": {
        "id": "2026-11-20.1",
        "index": {"name": "minilm-l6-v2.c1.9f2c"},
        "model": {"adapter": "s3://twin/artifacts/ab.json#sha256:abcdef0123456789"},
    }
}


@pytest.fixture
def cluster():
    with ClusterDouble() as double:
        yield double


@pytest.fixture(scope="session")
def manifest():
    """What Argo CD publishes, from its pinned Go module."""
    module = next(one for one in modules.ADDED if one.path == "github.com/argoproj/argo-cd/v3")
    assert module.version == ARGOCD.version
    return modules.folder(module) / "manifests" / "install.yaml"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "argocd").mkdir()
    (tmp_path / "argocd" / "root.yaml").write_text(ROOT)
    return tmp_path


@pytest.fixture
def run(cluster, folder, manifest):
    """A `twin platform` command, whose kubeconfig leads to the double."""
    config = cluster.kubeconfig(folder / "kubeconfig", "here", "production-cluster")

    def run(*words, status=0, brought=True):
        extra = ["--manifest", str(manifest)] if brought and words[0] == "bootstrap" else []
        done = inside(folder, "platform", *words, *extra, status=status, KUBECONFIG=str(config))
        assert TOKEN not in done.stdout + done.stderr
        return done

    return run


def test_bootstrap_installs_argo_cd_and_then_the_root_application(run, cluster):
    done = run("bootstrap", "--context", "here")
    assert "/api/v1/namespaces/argocd" in cluster.asked[0]
    assert "deployments/argocd-server" in " ".join(cluster.asked)
    assert cluster.asked[-1] == f"PATCH {APPLICATION}/platform"
    assert cluster.objects[f"{APPLICATION}/platform"]["spec"]["source"]["targetRevision"] == "production"
    assert "follows branch production" in done.stderr
    assert "port-forward service/argocd-server" in done.stderr


def test_everything_of_argo_cd_that_has_a_namespace_is_in_its_own(run, cluster):
    run("bootstrap", "--context", "here")
    kinds = {one["kind"] for path, one in cluster.objects.items() if path.count("/namespaces/argocd/") == 0}
    assert kinds == {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


def test_what_argo_cd_reads_at_its_start_is_there_before_it_starts(run, cluster):
    run("bootstrap", "--context", "here")
    config = "/api/v1/namespaces/argocd/configmaps/argocd-cmd-params-cm"
    assert cluster.objects[config]["data"]["applicationsetcontroller.enable.progressive.syncs"] == "true"
    paths = [line.partition(" ")[2] for line in cluster.asked]
    first = next(at for at, path in enumerate(paths) if "/deployments/" in path)
    assert paths.index(config) < first


def test_bootstrap_twice_changes_nothing(run):
    run("bootstrap", "--context", "here")
    again = json.loads(run("bootstrap", "--yes", "-o", "json").stdout)
    assert {one["done"] for one in again["objects"]} == {"unchanged"}
    assert again["context"] == "here"


def test_what_differs_is_brought_back_and_what_others_own_stays(run, cluster):
    run("bootstrap", "--context", "here")
    service = next(path for path in cluster.objects if path.endswith("services/argocd-server"))
    cluster.objects[service]["spec"]["ports"] = []
    config = next(path for path in cluster.objects if path.endswith("configmaps/argocd-cm"))
    cluster.objects[config]["data"]["url"] = "https://argocd.example.org"
    again = json.loads(run("bootstrap", "--yes", "-o", "json").stdout)
    assert [one["name"] for one in again["objects"] if one["done"] == "changed"] == ["argocd-server"]
    assert cluster.objects[config]["data"]["url"] == "https://argocd.example.org"


def test_a_dry_run_tells_all_and_changes_nothing(run, cluster):
    done = json.loads(run("bootstrap", "--dry-run", "-o", "json").stdout)
    assert done["dry_run"] is True
    assert {one["done"] for one in done["objects"]} == {"created"}
    assert {"kind": "Application", "name": "platform", "namespace": "argocd", "done": "created"} in done["objects"]
    assert cluster.objects == {}


def test_a_dry_run_over_what_is_there_says_what_would_change(run, cluster):
    run("bootstrap", "--context", "here")
    cluster.objects[f"{APPLICATION}/platform"]["spec"]["source"]["targetRevision"] = "main"
    done = run("bootstrap", "--dry-run")
    assert "changed" in done.stdout
    assert "Application" in done.stdout
    assert "nothing was changed" in done.stderr
    assert cluster.objects[f"{APPLICATION}/platform"]["spec"]["source"]["targetRevision"] == "main"


def test_without_a_terminal_the_cluster_must_be_named(run, cluster):
    done = run("bootstrap", status=2)
    assert "--context here" in done.stderr
    assert cluster.asked == []


def test_a_context_that_is_not_there_is_said(run):
    done = run("bootstrap", "--context", "elsewhere", status=1)
    assert "no cluster is known" in done.stderr
    assert "elsewhere" in done.stderr


def test_no_cluster_is_one_line(folder):
    done = inside(folder, "platform", "status", status=1, KUBECONFIG=str(folder / "none"))
    assert done.stderr.startswith("twin: no cluster is known")
    assert done.stderr.count("\n") == 1


def test_a_cluster_that_does_not_answer_is_said(folder):
    double = ClusterDouble()
    with double:
        config = double.kubeconfig(folder / "kubeconfig")
    done = inside(folder, "platform", "status", status=1, KUBECONFIG=str(config))
    assert "does not answer" in done.stderr


def test_without_the_rights_nothing_is_begun(run, cluster):
    cluster.admin = False
    assert "ask for cluster-admin" in run("bootstrap", "--context", "here", status=1).stderr
    assert cluster.asked == []


def test_what_the_cluster_refuses_is_named_with_its_reason(run, cluster):
    cluster.refusal = (403, "namespaces is forbidden: quota")
    done = run("bootstrap", "--context", "here", status=1)
    assert "cannot apply Namespace argocd: the cluster says 403 namespaces is forbidden: quota" in done.stderr


def test_another_manifest_than_the_pinned_one_is_not_applied(run, cluster, folder):
    (folder / "install.yaml").write_text("kind: ClusterRole\n")
    done = run("bootstrap", "--context", "here", "--manifest", str(folder / "install.yaml"), status=1, brought=False)
    assert "not Argo CD v3.2.0" in done.stderr
    assert cluster.asked == []


def test_argo_cd_that_does_not_start_is_named(run, cluster):
    cluster.starts = False
    done = run("bootstrap", "--context", "here", "--wait", "1", status=1)
    assert "not ready after 1 s" in done.stderr
    assert "argocd-repo-server" in done.stderr
    assert f"{APPLICATION}/platform" not in cluster.objects


def test_the_placeholder_of_a_repository_is_refused(run, cluster, folder):
    (folder / "argocd" / "root.yaml").write_text(ROOT.replace("git.example.org", "github.com/your-team"))
    assert "the repository is still https://github.com/your-team/twin.git" in run("bootstrap", "--yes", status=1).stderr
    assert cluster.asked == []


def test_the_root_application_of_this_repository_is_one_that_bootstrap_takes(run, cluster, folder):
    text = (Path(__file__).parents[3] / "argocd" / "root.yaml").read_text()
    (folder / "argocd" / "root.yaml").write_text(text.replace("your-team", "ada"))
    assert "follows branch production" in run("bootstrap", "--yes").stderr
    assert cluster.objects[f"{APPLICATION}/platform"]["spec"]["source"]["path"] == "argocd"


def test_what_is_stated_at_the_start_is_what_git_goes_on_to_say():
    template = Path(__file__).parents[3] / "argocd" / "templates" / "config" / f"{PARAMETERS}.yaml"
    said = yaml.safe_load("data:" + template.read_text().partition("\ndata:")[2])
    assert said["data"] == AT_START


def test_outside_of_a_clone_it_says_so(run, folder):
    (folder / "argocd" / "root.yaml").unlink()
    assert "run this in a clone" in run("bootstrap", "--yes", status=1).stderr


def _application(environment, component, *, sync="Synced", health="Healthy", cluster="in-cluster", **status):
    return {
        "metadata": {"labels": {"twin/environment": environment, "twin/component": component}},
        "spec": {"destination": {"name": cluster, "namespace": f"twin-{environment}"}},
        "status": {"sync": {"status": sync, "revision": "0a1b2c3d"}, "health": {"status": health}, **status},
    }


@pytest.fixture
def deployed(cluster):
    """Two environments, one with a release and runs."""
    for environment in ("production", "staging"):
        for component in ("vllm", "rag-gateway"):
            cluster.put(f"{APPLICATION}/{environment}-{component}", **_application(environment, component))
    files = {"release.yaml": yaml.safe_dump(RELEASE)}
    cluster.put("/api/v1/namespaces/twin-staging/configmaps/rag-gateway-files", data=files)
    for day in range(1, 6):
        metadata = {"labels": {"twin/workflow": "etl"}, "creationTimestamp": f"2026-11-0{day}T03:00:00Z"}
        cluster.put(
            f"/apis/argoproj.io/v1alpha1/namespaces/twin-staging/workflows/etl-{day}",
            metadata=metadata,
            status={"phase": "Succeeded" if day < 5 else "Failed", "startedAt": metadata["creationTimestamp"]},
        )
    return cluster


def test_status_tells_release_sync_health_index_adapter_and_the_last_runs(run, deployed):
    staging, production = json.loads(run("status", "-o", "json").stdout)
    assert staging["environment"] == "staging"
    assert staging["release"] == "2026-11-20.1"
    assert staging["index"] == "minilm-l6-v2.c1.9f2c"
    assert staging["adapter"].endswith("sha256:abcdef0123456789")
    assert (staging["sync"], staging["health"]) == ("Synced", "Healthy")
    assert [(one["name"], one["phase"]) for one in staging["runs"]] == [
        ("etl-5", "Failed"),
        ("etl-4", "Succeeded"),
        ("etl-3", "Succeeded"),
    ]
    assert (production["release"], production["runs"]) == ("", [])


def test_status_in_a_table_says_none_where_there_is_none(run, deployed):
    lines = run("status").stdout.splitlines()
    assert "none yet" in next(line for line in lines if line.startswith("production"))
    assert "abcdef012345 " in next(line for line in lines if line.startswith("staging"))


def test_an_environment_is_as_well_as_its_worst_application_and_that_is_named(run, deployed):
    told = _application("staging", "vllm", sync="OutOfSync", health="Degraded")
    told["status"]["health"]["message"] = "no GPU is free"
    deployed.put(f"{APPLICATION}/staging-vllm", **told)
    done = run("status")
    assert "OutOfSync  Degraded" in next(line for line in done.stdout.splitlines() if line.startswith("staging "))
    assert "no GPU is free" in next(line for line in done.stdout.splitlines() if line.startswith("staging-vllm"))


def test_why_a_sync_failed_is_said(run, deployed):
    failed = {"operationState": {"phase": "Failed", "message": "release.images is required"}}
    deployed.put(f"{APPLICATION}/staging-vllm", **_application("staging", "vllm", sync="OutOfSync", **failed))
    assert "release.images is required" in run("status").stdout


def test_an_environment_in_another_cluster_is_looked_at_there(run, deployed):
    for component in ("vllm", "rag-gateway"):
        told = _application("production", component, cluster="production-cluster")
        deployed.put(f"{APPLICATION}/production-{component}", **told)
    deployed.put(
        "/api/v1/namespaces/twin-production/configmaps/rag-gateway-files", data={"release.yaml": yaml.safe_dump(RELEASE)}
    )
    production = json.loads(run("status", "-o", "json").stdout)[1]
    assert (production["cluster"], production["release"]) == ("production-cluster", "2026-11-20.1")


def test_a_cluster_that_cannot_be_looked_at_is_said_and_the_rest_told(run, deployed):
    for component in ("vllm", "rag-gateway"):
        deployed.put(f"{APPLICATION}/production-{component}", **_application("production", component, cluster="far-away"))
    done = run("status")
    assert "2026-11-20.1" in done.stdout
    assert "it runs in cluster far-away" in done.stderr


def test_status_before_bootstrap_says_what_to_do(run):
    assert "`twin platform bootstrap` installs it" in run("status", status=1).stderr


def test_status_before_the_first_environment_says_so(run):
    run("bootstrap", "--context", "here")
    assert "no environment yet" in run("status").stdout
    assert json.loads(run("status", "-o", "json").stdout) == []


def test_a_release_file_that_cannot_be_read_is_said(run, deployed):
    deployed.put("/api/v1/namespaces/twin-staging/configmaps/rag-gateway-files", data={"release.yaml": "release: [a"})
    assert "release.yaml in namespace twin-staging cannot be read" in run("status").stderr
