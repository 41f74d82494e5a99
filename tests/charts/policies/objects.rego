# What is rendered together -> objects, pods and containers, as the other policies look at them.
package objects

all contains thing if {
	some file in input
	some thing in documents(file.contents)
	is_object(thing)
	thing.kind
	thing.metadata
}

documents(contents) := contents if is_array(contents)

documents(contents) := [contents] if is_object(contents)

title(thing) := sprintf("%s/%s", [thing.kind, object.get(thing.metadata, "name", object.get(thing.metadata, "generateName", "?"))])

namespace(thing) := object.get(thing.metadata, "namespace", "")

labels(part) := object.get(object.get(part, "metadata", {}), "labels", {})

# What keeps pods running, and so needs probes and a budget.
keepers := {"Deployment", "StatefulSet", "DaemonSet"}

# --- pods: of workloads, of jobs, of tests and hooks ---

pods contains {"of": thing, "spec": thing.spec.template.spec, "labels": labels(thing.spec.template)} if {
	some thing in all
	thing.kind in keepers | {"Job"}
}

pods contains {"of": thing, "spec": thing.spec.jobTemplate.spec.template.spec, "labels": labels(thing.spec.jobTemplate.spec.template)} if {
	some thing in all
	thing.kind == "CronJob"
}

pods contains {"of": thing, "spec": thing.spec, "labels": labels(thing)} if {
	some thing in all
	thing.kind == "Pod"
}

# --- workflows of Argo, whose pods are made of their templates ---

workflows contains {"of": thing, "spec": thing.spec} if {
	some thing in all
	thing.kind in {"Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate"}
}

workflows contains {"of": thing, "spec": thing.spec.workflowSpec} if {
	some thing in all
	thing.kind == "CronWorkflow"
	thing.spec.workflowSpec.templates
}

# --- containers of both ---

containers contains {"of": pod.of, "container": container, "pod": pod.spec} if {
	some pod in pods
	some field in ["containers", "initContainers"]
	some container in object.get(pod.spec, field, [])
}

containers contains {"of": workflow.of, "container": container, "pod": workflow.spec} if {
	some workflow in workflows
	some template in object.get(workflow.spec, "templates", [])
	some container in in_template(template)
}

in_template(template) := array.concat(
	[object.get(template, field, null) | some field in ["container", "script"]; template[field]],
	[one |
		some field in ["initContainers", "sidecars"]
		some one in object.get(template, field, [])
	],
)

# --- policies of the network that hold for a pod ---

guards(pod) := [policy |
	some policy in all
	policy.kind == "NetworkPolicy"
	namespace(policy) == namespace(pod.of)
	selects(policy.spec.podSelector, pod.labels)
]

selects(selector, found) if {
	not selector.matchExpressions
	every key, value in object.get(selector, "matchLabels", {}) {
		found[key] == value
	}
}
