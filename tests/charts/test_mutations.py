"""Mistakes that somebody could make in a template or in values: each is caught by the API's schemas, by a policy or by the values.

A mistake is a word of a template that becomes another, in an environment of the tests' own. None may be caught by accident: without it, the same render is clean.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
import yaml

from tests.charts.rendering import RELEASE
from tools.charts import helm
from tools.charts.conform import wrong
from tools.charts.environments import CHARTS, FIXTURES, Component, value_files
from tools.charts.helm import HelmError


@dataclass(frozen=True)
class Mistake:
    """In `file` of a chart, `old` becomes `new` (`old` empty: `new` is added as a file); `said` is part of what is said of it."""

    what: str
    chart: str
    file: str
    old: str
    new: str
    said: str


MISTAKES = [
    # --- pods that may too much ---
    Mistake("a writable root", "rag-gateway", "templates/_pods.tpl", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem is not true"),
    Mistake("a writable root by default", "vllm", "templates/_pods.tpl", "readOnlyRootFilesystem: true\n", "", "readOnlyRootFilesystem is not true"),
    Mistake("a privileged container", "qdrant", "templates/_pods.tpl", "privileged: false", "privileged: true", "is privileged"),
    Mistake("escalation", "rag-gateway", "templates/_pods.tpl", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation is not false"),
    Mistake("root", "qdrant", "templates/_pods.tpl", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
    Mistake("user 0", "vllm", "templates/_pods.tpl", "runAsUser: {{ .Values.runAsUser }}", "runAsUser: 0", "runs as user 0"),
    Mistake("kept capabilities", "rag-gateway", "templates/_pods.tpl", "drop: [ALL]", "drop: [NET_RAW]", "drop ALL"),
    Mistake("an added capability", "vllm", "templates/_pods.tpl", "drop: [ALL]", "drop: [ALL]\n  add: [SYS_PTRACE]", "adds the capability SYS_PTRACE"),
    Mistake("no seccomp", "rag-gateway", "templates/_pods.tpl", "type: RuntimeDefault", "type: Unconfined", "no seccomp profile"),
    Mistake("a folder of the node", "vllm", "templates/_containers.tpl", "emptyDir: {medium: Memory, sizeLimit: {{ .Values.shm }}}", "hostPath: {path: /dev/shm}", "is a hostPath"),
    Mistake("the node's network", "qdrant", "templates/statefulset.yaml", "enableServiceLinks: false", "enableServiceLinks: false\n      hostNetwork: true", "hostNetwork"),
    Mistake("a port of the node", "vllm", "templates/deployment.yaml", "containerPort: 8000}", "containerPort: 8000, hostPort: 8000}", "port 8000 of the node"),
    Mistake("a token of the API", "rag-gateway", "templates/deployment.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token of the API"),
    Mistake("variables of services", "vllm", "templates/deployment.yaml", "      enableServiceLinks: false\n", "", "enableServiceLinks"),
    Mistake("the default account", "qdrant", "templates/statefulset.yaml", '{{ include "twin.serviceAccountName" . }}', "default", "default account"),
    # --- images ---
    Mistake("latest", "rag-gateway", "templates/deployment.yaml", '{{ include "twin.gatewayImage" (dict "root" . "image" .Values.image) }}', "llm-twin/gateway:latest", "can change under its name"),
    Mistake("no tag", "qdrant", "templates/statefulset.yaml", '{{ include "twin.image" (dict "root" . "image" .Values.image) }}', "qdrant/qdrant", "can change under its name"),
    Mistake("a tag in production", "vllm", "templates/deployment.yaml", '{{ include "twin.image" (dict "root" . "image" .Values.image) }}', "vllm/vllm-openai:v0.32.0", "has no digest"),
    Mistake("another image than the release's", "rag-gateway", "templates/_names.tpl", "$images.gateway | default", 'printf "r/gateway@sha256:%064d" 1 | default', "is not the release's gateway"),
    Mistake("a sidecar of a tag", "vllm", "templates/_containers.tpl", 'image: {{ include "vllm.followerImage" . }}', "image: r/gateway:1", "is not the release's gateway"),
    # --- what keeps a service up ---
    Mistake("no readiness", "rag-gateway", "templates/deployment.yaml", "          readinessProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 5\n            timeoutSeconds: 6\n            failureThreshold: 2\n", "", "no readinessProbe"),
    Mistake("no liveness", "qdrant", "templates/statefulset.yaml", "          livenessProbe:\n            httpGet: {path: /livez, port: http}\n            periodSeconds: 10\n            timeoutSeconds: 5\n            failureThreshold: 6\n", "", "no livenessProbe"),
    Mistake("a probe by a wrong name", "vllm", "templates/deployment.yaml", "startupProbe:", "startProbe:", "startProbe"),
    Mistake("a sidecar that is always ready", "vllm", "templates/deployment.yaml", "          readinessProbe:\n            exec: {command: [test, -f, /adapters/ready]}\n            periodSeconds: 5\n", "", "sidecar adapters has no readinessProbe"),
    Mistake("no resources", "rag-gateway", "templates/deployment.yaml", "          resources:\n            {{- toYaml .Values.resources | nindent 12 }}\n", "", "no resources.requests.cpu"),
    Mistake("a test without resources", "qdrant", "templates/tests/pod.yaml", "        limits: {memory: 128Mi}\n", "", "no resources.limits.memory"),
    Mistake("no budget", "qdrant", "templates/poddisruptionbudget.yaml", "{{- if .Values", "{{- if not .Values", "no PodDisruptionBudget"),
    Mistake("a budget of nobody", "rag-gateway", "templates/poddisruptionbudget.yaml", '{{- include "twin.selectorLabels" . | nindent 6 }}', "app: other", "no PodDisruptionBudget"),
    Mistake("all pods on one node", "vllm", "templates/deployment.yaml", '      {{- include "vllm.placement" . | trim | nindent 6 }}\n', "", "off one node"),
    # --- the network ---
    Mistake("no policy", "qdrant", "templates/networkpolicy.yaml", "kind: NetworkPolicy", "kind: ConfigMap", "no NetworkPolicy denies"),
    Mistake("a policy of nobody", "vllm", "templates/networkpolicy.yaml", 'matchLabels:\n      {{- include "twin.selectorLabels" . | nindent 6 }}', "matchLabels: {app: other}", "no NetworkPolicy denies"),
    Mistake("free egress", "rag-gateway", "templates/networkpolicy.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]", "egress by default"),
    Mistake("everybody may ask", "qdrant", "templates/networkpolicy.yaml", "    - from:\n        {{- with .Values.networkPolicy.from }}\n        {{- toYaml . | nindent 8 }}\n        {{- end }}\n        - podSelector:\n            matchLabels: {app.kubernetes.io/name: qdrant-test}\n      ports:", "    - ports:", "open to everybody"),
    Mistake("every namespace may ask", "rag-gateway", "templates/networkpolicy.yaml", "matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoringNamespace }}}", "{}", "is everybody"),
    Mistake("the node's credentials", "rag-gateway", "templates/_network.tpl", "        except: [169.254.0.0/16]\n", "", "is everybody"),
    Mistake("a namespace may load adapters", "vllm", "templates/networkpolicy.yaml", "          podSelector:\n            matchLabels: {app.kubernetes.io/name: prometheus}\n", "", "named pods alone"),
    # --- rights and secrets ---
    Mistake("all verbs", "rag-gateway", "templates/role.yaml", "", 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: more}\nrules: [{apiGroups: [""], resources: [pods], verbs: ["*"]}]\n', '"*" in verbs'),
    Mistake("all resources", "qdrant", "templates/role.yaml", "", 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: more}\nrules: [{apiGroups: [""], resources: ["*"], verbs: [get]}]\n', '"*" in resources'),
    Mistake("the administrator", "vllm", "templates/binding.yaml", "", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: more}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\nsubjects: []\n", "binds cluster-admin"),
    Mistake("a secret's value", "qdrant", "templates/secret.yaml", "", "apiVersion: v1\nkind: Secret\nmetadata: {name: more}\nstringData: {api-key: abc}\n", "holds its values"),
    Mistake("a key as a variable", "qdrant", "templates/statefulset.yaml", "- name: QDRANT__SERVICE__API_KEY\n              valueFrom:\n                secretKeyRef: {name: {{ .Values.apiKey.existingSecret }}, key: {{ .Values.apiKey.key }}}", "- {name: QDRANT__SERVICE__API_KEY, value: abc}", "holds a secret"),
    Mistake("a key among settings", "rag-gateway", "templates/_gateway.tpl", "TWIN_HOST: 0.0.0.0", "TWIN_HOST: 0.0.0.0\nTWIN_MODEL_KEY: abc", "TWIN_MODEL_KEY holds a secret"),
    Mistake("a password in an address", "rag-gateway", "values.yaml", "qdrantUrl: http://qdrant:6333", "qdrantUrl: http://ada:lovelace@qdrant:6333", "TWIN_QDRANT_URL holds a secret"),
    # --- what the API does not know ---
    Mistake("an unknown field", "vllm", "templates/deployment.yaml", "revisionHistoryLimit:", "revisionHistory:", "revisionHistory"),
    Mistake("a field of another type", "qdrant", "templates/service.yaml", "port: 6333,", "port: http,", "/spec/ports/0/port"),
    Mistake("a field of another type in an added kind", "rag-gateway", "templates/servicemonitor.yaml", "interval: {{ .Values.monitor.interval }}", "interval: [15s]", "interval"),
    Mistake("an unknown field in an added kind", "vllm", "templates/scaledobject.yaml", "cooldownPeriod:", "coolDownPeriod:", "coolDownPeriod"),
    Mistake("an API that is gone", "qdrant", "templates/poddisruptionbudget.yaml", "policy/v1", "policy/v1beta1", "could not find schema"),
    # --- values ---
    Mistake("a value that nothing knows", "rag-gateway", "values.yaml", "replicaCount: 2", "replicaCount: 2\nreplicas: 2", "replicas"),
    Mistake("latest by value", "qdrant", "values.yaml", '  tag: ""', "  tag: latest", "image/tag"),
    Mistake("a secret that nobody names", "vllm", "values.yaml", "existingSecret: twin-secrets", 'existingSecret: ""', "existingSecret"),
    # --- workflows ---
    Mistake("a step that may write its root", "pipelines", "workflows/etl.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem is not true"),
    Mistake("a run of root", "pipelines", "workflows/training.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
    Mistake("a run behind no policy", "pipelines", "workflows/snapshot.yaml", "app.kubernetes.io/name: pipelines", "app.kubernetes.io/name: pipes", "denies its steps' egress"),
    Mistake("a step without resources", "pipelines", "templates/_pipelines.tpl", '"resources" $needs.resources', '"resources" dict', "no resources."),
    Mistake("another image than the release's steps", "pipelines", "templates/_pipelines.tpl", '"image" (include "pipelines.image" $root)', '"image" "r/pipelines:1"', "is not the release's pipelines"),
    Mistake("a model server of a tag", "pipelines", "templates/_pipelines.tpl", '(dict "root" . "image" .Values.server.image)', '(dict "root" . "image" (omit .Values.server.image "digest"))', "has no digest"),
    Mistake("an executor that may do everything", "pipelines", "templates/role.yaml", '(list "create" "patch")', '(list "*")', '"*" in verbs'),
    Mistake("a field that Argo does not have", "pipelines", "workflows/restore.yaml", "podGC:", "podGc:", "podGc"),
    Mistake("a token that is written down", "pipelines", "templates/secret.yaml", "type: kubernetes.io", "stringData: {token: abc}\ntype: kubernetes.io", "holds its values"),
]  # fmt: skip


def found(chart: str, folder, *, mistake: Mistake | None = None) -> list[str]:
    """What is wrong with a copy of a chart, in production, with its mistake."""
    copy = folder / chart
    shutil.copytree(CHARTS / chart, copy)
    if mistake and not mistake.old:
        (copy / mistake.file).write_text(mistake.new)
    elif mistake:
        text = (copy / mistake.file).read_text()
        assert mistake.old in text, f"{mistake.file} has no longer what the mistake is made in"
        (copy / mistake.file).write_text(text.replace(mistake.old, mistake.new))
    values = value_files(Component(chart, "production"), RELEASE, FIXTURES / "envs")
    try:
        rendered = helm.template(copy, chart, namespace="twin-production", values=values)
    except HelmError as exc:
        return [str(exc)]
    return wrong(rendered, ["1.34"])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.chart}: {one.what}")
def test_a_mistake_is_caught(mistake, tmp_path):
    said = found(mistake.chart, tmp_path, mistake=mistake)
    assert any(mistake.said in one for one in said), said


@pytest.mark.parametrize("chart", sorted({one.chart for one in MISTAKES}))
def test_without_a_mistake_nothing_is_said(chart, tmp_path):
    assert found(chart, tmp_path) == []


# --- policies that no chart of ours has objects for ---

PLAIN = {
    "a workflow's container that may write its root": (
        {"kind": "WorkflowTemplate", "spec": {"templates": [{"name": "a", "container": {"image": "a/b:1"}}]}},
        "readOnlyRootFilesystem is not true",
    ),
    "a workflow of root": ({"kind": "WorkflowTemplate", "spec": {"templates": []}}, "its pod may run as root"),
    "a workflow behind no policy": ({"kind": "WorkflowTemplate", "spec": {"templates": []}}, "denies its steps' egress"),
    "a scheduled workflow of latest": (
        {"kind": "CronWorkflow", "spec": {"workflowSpec": {"templates": [{"name": "a", "script": {"image": "a:latest"}}]}}},
        "a:latest can change under its name",
    ),
    "a job on a schedule without resources": (
        {
            "kind": "CronJob",
            "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}}}},
        },
        "no resources.limits.memory",
    ),
    "a project of everything": ({"kind": "AppProject", "spec": {"sourceRepos": ["*"]}}, "sourceRepos has a wildcard"),
    "a project of every cluster": (
        {"kind": "AppProject", "spec": {"destinations": [{"server": "*", "namespace": "a"}]}},
        "destinations has a wildcard",
    ),
    "a namespace that denies nothing": (
        {"kind": "Namespace", "metadata": {"name": "twin-staging"}},
        "denies ingress by default",
    ),
    "a namespace for pods of all kinds": ({"kind": "Namespace", "metadata": {"name": "twin-staging"}}, "pod-security"),
}


@pytest.mark.parametrize("what", PLAIN)
def test_plain_yaml_is_held_to_the_policies_too(what):
    from tools.charts.conform import refused_by_policy

    thing, said = PLAIN[what]
    rendered = yaml.safe_dump({"apiVersion": "v1", "metadata": {"name": "more"}, **thing})
    assert any(said in one for one in refused_by_policy(rendered)), refused_by_policy(rendered)
