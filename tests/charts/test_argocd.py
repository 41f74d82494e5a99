"""What Argo CD makes of argocd/: each Application may do what it does and no more, in its order, and gets the files it should."""

from __future__ import annotations

import shutil

import pytest
import yaml

from tools.charts import helm
from tools.charts.conform import wrong
from tools.charts.environments import DIFFERENCES, ENVIRONMENTS, overriding
from tools.charts.helm import HelmError
from tools.charts.platform import PLATFORM, ArgoError, applications, kinds, manifests, own, plain, platform
from tools.render import ROOT

RENDERED = platform()
OBJECTS = list(helm.objects(RENDERED))
ROOTS = list(helm.objects((PLATFORM / "root.yaml").read_text()))
APPLICATIONS = [*applications(RENDERED), *(one for one in ROOTS if one["kind"] == "Application")]
PROJECTS = {one["metadata"]["name"]: one["spec"] for one in (*OBJECTS, *ROOTS) if one["kind"] == "AppProject"}
HERE = [one for one in APPLICATIONS if own(one)]


def name(one: dict) -> str:
    return one["metadata"]["name"]


def wave(one: dict) -> int:
    return int(one["metadata"]["labels"]["twin/wave"])


def of(environment: str) -> dict[str, dict]:
    """The Applications of an environment, by component."""
    labelled = [(one["metadata"].get("labels", {}), one) for one in APPLICATIONS]
    return {labels["twin/component"]: one for labels, one in labelled if labels.get("twin/environment") == environment}


def rendered(application: dict) -> str:
    return platform() if name(application) == "platform" else manifests(application)


# --- what an Application may do ---


def refused(application: dict, projects: dict = PROJECTS) -> list[str]:
    """What its project does not allow of an Application: its source, its destination, and every object of its own."""
    spec = application["spec"]
    project = projects[spec["project"]]
    found = [] if spec["source"]["repoURL"] in project["sourceRepos"] else [f"source {spec['source']['repoURL']}"]
    found += [] if spec["destination"] in project["destinations"] else [f"destination {spec['destination']}"]
    if not own(application):
        return found
    allowed = {(one["group"], one["kind"]) for field in FIELDS for one in project[field]}
    namespaces = {one["namespace"] for one in project["destinations"]}
    text = rendered(application)
    found += [f"kind {kind} of {group or 'core'}" for group, kind in sorted({*kinds(text)} - allowed)]
    return found + [f"namespace {one}" for one in sorted({*_namespaces(text)} - namespaces)]


FIELDS = ("clusterResourceWhitelist", "namespaceResourceWhitelist")


def _namespaces(text: str):
    for one in helm.objects(text):
        if "namespace" in one["metadata"]:
            yield one["metadata"]["namespace"]


@pytest.mark.parametrize("application", APPLICATIONS, ids=name)
def test_a_project_allows_what_its_application_does(application):
    assert refused(application) == []


def test_what_a_project_does_not_allow_is_found():
    mine = of("staging")["qdrant"]
    project = yaml.safe_load(yaml.safe_dump(PROJECTS["staging"]))
    project["namespaceResourceWhitelist"].remove({"group": "apps", "kind": "StatefulSet"})
    project["destinations"][0]["namespace"] = "twin-stagings"
    project["sourceRepos"] = ["https://example.org/other.git"]
    assert [one.split(" ")[0] for one in refused(mine, {"staging": project})] == ["source", "destination", "kind"]


@pytest.mark.parametrize("project", ["platform", "cluster-in-cluster"])
def test_a_project_of_ours_allows_nothing_that_nothing_needs(project):
    mine = [one for one in HERE if one["spec"]["project"] == project]
    used = {one for application in mine for one in kinds(rendered(application))}
    assert {(one["group"], one["kind"]) for field in FIELDS for one in PROJECTS[project][field]} == used


def test_the_environments_allow_nothing_that_neither_needs():
    """Both allow the same, so that promoting a chart never meets a project that staging's did not have."""
    mine = [one for one in HERE if one["spec"]["project"] in ENVIRONMENTS]
    used = {one for application in mine for one in kinds(rendered(application))} | WAITING
    for project in ENVIRONMENTS:
        assert {(one["group"], one["kind"]) for field in FIELDS for one in PROJECTS[project][field]} == used


# By value: a cluster without the Gateway API, a gateway scaled by its processor.
WAITING = {("networking.k8s.io", "Ingress"), ("autoscaling", "HorizontalPodAutoscaler")}


@pytest.mark.parametrize("application", APPLICATIONS, ids=name)
def test_nothing_is_of_the_default_project_or_follows_whatever_is_newest(application):
    spec = application["spec"]
    assert spec["project"] != "default"
    assert "sources" not in spec
    assert spec["source"]["targetRevision"] not in {"HEAD", "main", "latest", "*", ""}
    if not own(application):
        assert spec["source"]["targetRevision"].lstrip("v").replace(".", "").isdigit()


def test_one_repository_is_named_everywhere():
    values = yaml.safe_load((PLATFORM / "values.yaml").read_text())
    assert {one["spec"]["source"]["repoURL"] for one in APPLICATIONS if own(one)} == {values["repository"]}


# --- in which order, from where ---

ORDER = ["namespace", "qdrant", "index", "vllm", "rag-gateway"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_comes_up_in_its_order(environment):
    waves = [wave(of(environment)[one]) for one in ORDER]
    assert waves == sorted(set(waves))
    for last in ("monitoring", "pipelines"):  # nobody waits for them
        assert wave(of(environment)[last]) > waves[-1]


@pytest.mark.parametrize("generated", [one for one in OBJECTS if one["kind"] == "ApplicationSet"], ids=name)
def test_every_application_is_in_a_step_and_steps_follow_waves(generated):
    steps = [one["matchExpressions"][0]["values"] for one in generated["spec"]["strategy"]["rollingSync"]["steps"]]
    assert steps == sorted(steps)
    made = applications(yaml.safe_dump(generated))
    assert made
    assert {one["metadata"]["labels"]["twin/wave"] for one in made} <= {one for step in steps for one in step}


def test_kinds_are_there_before_their_users():
    cluster = {
        one["metadata"]["labels"]["twin/component"]: wave(one)
        for one in APPLICATIONS
        if "-in-cluster" in one["spec"]["project"]
    }
    for kind in ("external-secrets", "karpenter", "cert-manager", "envoy-gateway", "kube-prometheus-stack"):
        assert cluster[kind] < cluster["base"] == cluster["own"] < cluster["argo-workflows"]


def test_projects_and_rights_are_there_before_applications():
    def first(one: dict) -> int:
        return int(one["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", 0))

    order = {
        kind: {first(one) for one in OBJECTS if one["kind"] == kind} for kind in ("ConfigMap", "AppProject", "ApplicationSet")
    }
    assert max(order["ConfigMap"]) < min(order["AppProject"])
    assert max(order["AppProject"]) < min(order["ApplicationSet"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_its_branch_with_the_release_as_the_last_word(environment):
    for component, one in of(environment).items():
        assert one["spec"]["source"]["targetRevision"] == environment
        if component != "namespace":
            given = one["spec"]["source"]["helm"]
            assert given["releaseName"] == component
            assert given["valueFiles"] == [
                "values.yaml",
                f"/argocd/envs/{environment}.yaml",
                f"/argocd/envs/{environment}/{component}.yaml",
                "/release.yaml",
            ]
            assert given["ignoreMissingValueFiles"] is True


def test_every_file_that_is_given_is_there_but_for_the_release():
    for one in HERE:
        given = one["spec"]["source"].get("helm", {})
        if one["metadata"]["name"] != "platform":
            paths = [*given.get("valueFiles", [])[1:2], *(file["path"] for file in given.get("fileParameters", ()))]
            assert [path for path in paths if not (ROOT / path.lstrip("/")).is_file()] == []


def test_the_branchs_files_become_values():
    text = manifests(of("staging")["rag-gateway"])
    found = next(one for one in helm.objects(text) if one["metadata"]["name"] == "rag-gateway-files")
    assert yaml.safe_load(found["data"]["sources.yaml"]) == yaml.safe_load((ROOT / "sources.yaml").read_text())
    assert yaml.safe_load(found["data"]["release.yaml"])["release"]["id"] == "2026-11-20.1"


# --- how they are kept ---


@pytest.mark.parametrize("application", APPLICATIONS, ids=name)
def test_every_application_heals_tries_again_and_applies_on_the_server(application):
    policy = application["spec"]["syncPolicy"]
    assert policy["automated"]["selfHeal"] is True
    assert policy["retry"]["limit"] >= 5
    assert policy["retry"]["backoff"]["factor"] == 2
    assert "ServerSideApply=true" in policy["syncOptions"]


KEEPING = {"PersistentVolumeClaim", "StatefulSet", "Namespace"}


@pytest.mark.parametrize("application", HERE, ids=name)
def test_no_commit_takes_data_away(application):
    """Where something keeps data, either nothing is pruned at all, or that thing says it is not."""
    held = [one for one in helm.objects(rendered(application)) if one["kind"] in KEEPING]
    pruned = application["spec"]["syncPolicy"]["automated"].get("prune", False)
    unkept = [one["metadata"]["name"] for one in held if not _kept(one)]
    assert not (pruned and unkept), unkept


def _kept(one: dict) -> bool:
    said = one["metadata"].get("annotations", {})
    return "Prune=false" in said.get("argocd.argoproj.io/sync-options", "") or said.get("helm.sh/resource-policy") == "keep"


def test_namespaces_outlive_their_application():
    for environment in ENVIRONMENTS:
        [space] = [one for one in helm.objects(manifests(of(environment)["namespace"])) if one["kind"] == "Namespace"]
        assert space["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


@pytest.mark.parametrize("generated", [one for one in OBJECTS if one["kind"] == "ApplicationSet"], ids=name)
def test_what_leaves_a_set_goes_on_running(generated):
    assert generated["spec"]["syncPolicy"]["preserveResourcesOnDeletion"] is True


@pytest.mark.parametrize("application", [one for one in HERE if "helm" in one["spec"]["source"]], ids=name)
def test_replicas_are_left_alone_exactly_where_an_autoscaler_counts_them(application):
    text = rendered(application)
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]
        for one in helm.objects(text)
        if one["kind"] in {"ScaledObject", "HorizontalPodAutoscaler"}
    }
    left = application["spec"].get("ignoreDifferences", [])
    assert {one["name"] for one in left} == scaled
    assert all(one["jsonPointers"] == ["/spec/replicas"] for one in left)
    if name(application) != "platform":
        assert "RespectIgnoreDifferences=true" in application["spec"]["syncPolicy"]["syncOptions"]


# --- what all of it comes to ---


@pytest.mark.parametrize("application", HERE, ids=name)
def test_what_an_application_installs_is_what_the_api_and_our_policies_accept(application):
    assert wrong(rendered(application), ["1.34"]) == []


def test_argocds_own_objects_are_what_the_api_and_our_policies_accept():
    made = yaml.safe_dump_all(APPLICATIONS)
    assert wrong("\n---\n".join((RENDERED, made, (PLATFORM / "root.yaml").read_text())), ["1.34"]) == []


def test_staging_and_production_may_be_two_clusters():
    second = {
        "environments.production.cluster": "production",
        "clusters.production": {"addons": ["external-secrets"], "karpenter": {}},
    }
    text = platform(second)
    made = {name(one): one for one in applications(text)}
    assert made["production-vllm"]["spec"]["destination"] == {"name": "production", "namespace": "twin-production"}
    assert made["staging-vllm"]["spec"]["destination"]["name"] == "in-cluster"
    projects = {one["metadata"]["name"]: one["spec"] for one in helm.objects(text) if one["kind"] == "AppProject"}
    assert projects["production"]["destinations"] == [{"name": "production", "namespace": "twin-production"}]
    assert {one for one in made if one.startswith("production-")} >= {
        "production-base",
        "production-own",
        "production-external-secrets",
    }
    assert "production-keda" not in made
    workflows = made["in-cluster-argo-workflows"]["spec"]["source"]["helm"]["valuesObject"]
    assert workflows["controller"]["workflowNamespaces"] == ["twin-staging"]


def test_an_addon_that_the_cluster_has_is_left_out():
    made = applications(platform({"clusters.in-cluster.addons": ["keda"]}))
    upstream = [name(one) for one in made if not own(one)]
    assert upstream == ["in-cluster-keda"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ({"clusters.in-cluster.addons": ["kida"]}, "there is no add-on kida"),
        ({"environments.staging.components": ["redis"]}, "redis has no wave"),
        ({"environments.staging.brunch": "staging"}, "brunch"),
        ({"environments.dev": {"branch": "dev"}}, "environments"),
        ({"repository": ""}, "repository"),
        ({"groups": {"platform": "*"}}, "groups"),
    ],
    ids=str,
)
def test_a_mistaken_value_is_refused_by_name(sets, said):
    with pytest.raises(HelmError, match=said):
        platform(sets)


def test_a_parameter_that_no_element_has_is_refused_by_argo_cd(tmp_path):
    shutil.copytree(PLATFORM, tmp_path / "argocd")
    file = tmp_path / "argocd" / "applications" / "component.yaml"
    file.write_text(file.read_text().replace("{{ .component }}", "{{ .compnent }}"))
    with pytest.raises(ArgoError, match="compnent"):
        applications(platform(folder=tmp_path / "argocd"))


def test_an_environments_file_with_a_release_is_refused(tmp_path):
    shutil.copytree(DIFFERENCES, tmp_path / "envs")
    assert overriding(tmp_path / "envs") == []
    (tmp_path / "envs" / "staging" / "qdrant.yaml").write_text("release: {id: 2026-11-20.1}\n")
    assert overriding(tmp_path / "envs") == ["staging/qdrant.yaml"]


def test_what_all_components_share_is_global_alone():
    for environment in ENVIRONMENTS:
        assert list(yaml.safe_load((DIFFERENCES / f"{environment}.yaml").read_text())) == ["global"]


def test_plain_yaml_leaves_value_files_out(tmp_path):
    (tmp_path / "values.yaml").write_text("replicaCount: 1\n")
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert [one["kind"] for one in helm.objects(plain(tmp_path))] == ["ConfigMap"]
