# Requests that the scheduler can reckon with, a limit of memory, probes, and what keeps a drained node from taking all.
package resources

import data.objects

deny contains msg if {
	some one in objects.containers
	some path in ["requests.cpu", "requests.memory", "limits.memory"]
	parts := split(path, ".")
	not one.container.resources[parts[0]][parts[1]]
	msg := sprintf("%s: container %s has no resources.%s", [objects.title(one.of), object.get(one.container, "name", "main"), path])
}

deny contains msg if {
	some pod in objects.pods
	pod.of.kind in objects.keepers
	some container in pod.spec.containers
	some probe in ["readinessProbe", "livenessProbe", "startupProbe"]
	not container[probe]
	msg := sprintf("%s: container %s has no %s", [objects.title(pod.of), container.name, probe])
}

# A sidecar (an init container that stays) counts for its pod's readiness.
deny contains msg if {
	some pod in objects.pods
	some container in object.get(pod.spec, "initContainers", [])
	container.restartPolicy == "Always"
	not container.readinessProbe
	msg := sprintf("%s: sidecar %s has no readinessProbe", [objects.title(pod.of), container.name])
}

deny contains msg if {
	some pod in objects.pods
	pod.of.kind in {"Deployment", "StatefulSet"}
	object.get(pod.of.spec, "replicas", 2) > 1
	not budgeted(pod)
	msg := sprintf("%s: has several pods and no PodDisruptionBudget", [objects.title(pod.of)])
}

deny contains msg if {
	some pod in objects.pods
	pod.of.kind in {"Deployment", "StatefulSet"}
	not pod.spec.affinity
	not pod.spec.topologySpreadConstraints
	msg := sprintf("%s: nothing keeps its pods off one node: set affinity or topologySpreadConstraints", [objects.title(pod.of)])
}

budgeted(pod) if {
	some budget in objects.all
	budget.kind == "PodDisruptionBudget"
	objects.selects(budget.spec.selector, pod.labels)
}
