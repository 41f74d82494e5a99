# Pod Security `restricted`, and a little more: a read-only root, no token that nobody needs.
package restricted

import data.objects

deny contains msg if {
	some pod in objects.pods
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	pod.spec[field]
	msg := sprintf("%s: shares the node's %s: take it out", [objects.title(pod.of), field])
}

deny contains msg if {
	some pod in objects.pods
	some volume in object.get(pod.spec, "volumes", [])
	some kind in object.keys(volume) - {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}
	msg := sprintf("%s: volume %s is a %s, which reaches the node: use a claim or an emptyDir", [objects.title(pod.of), volume.name, kind])
}

deny contains msg if {
	some pod in objects.pods | objects.workflows
	not object.get(security(pod.spec), "runAsNonRoot", false)
	msg := sprintf("%s: its pod may run as root: set securityContext.runAsNonRoot", [objects.title(pod.of)])
}

deny contains msg if {
	some pod in objects.pods | objects.workflows
	not object.get(object.get(security(pod.spec), "seccompProfile", {}), "type", "") in {"RuntimeDefault", "Localhost"}
	msg := sprintf("%s: its pod has no seccomp profile: set securityContext.seccompProfile.type", [objects.title(pod.of)])
}

deny contains msg if {
	some pod in objects.pods | objects.workflows
	object.get(security(pod.spec), "runAsUser", 1) == 0
	msg := sprintf("%s: its pod runs as user 0: set another securityContext.runAsUser", [objects.title(pod.of)])
}

deny contains msg if {
	some one in objects.containers
	some field, wanted in {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true}
	object.get(security(one.container), field, null) != wanted
	msg := sprintf("%s: container %s: securityContext.%s is not %v", [objects.title(one.of), called(one), field, wanted])
}

deny contains msg if {
	some one in objects.containers
	object.get(security(one.container), "privileged", false)
	msg := sprintf("%s: container %s is privileged", [objects.title(one.of), called(one)])
}

deny contains msg if {
	some one in objects.containers
	object.get(security(one.container), "runAsNonRoot", true) == false
	msg := sprintf("%s: container %s: securityContext.runAsNonRoot is false", [objects.title(one.of), called(one)])
}

deny contains msg if {
	some one in objects.containers
	object.get(security(one.container), "runAsUser", 1) == 0
	msg := sprintf("%s: container %s runs as user 0", [objects.title(one.of), called(one)])
}

deny contains msg if {
	some one in objects.containers
	not "ALL" in object.get(capabilities(one.container), "drop", [])
	msg := sprintf("%s: container %s keeps capabilities: drop ALL", [objects.title(one.of), called(one)])
}

deny contains msg if {
	some one in objects.containers
	some added in object.get(capabilities(one.container), "add", [])
	msg := sprintf("%s: container %s adds the capability %s", [objects.title(one.of), called(one), added])
}

deny contains msg if {
	some one in objects.containers
	some port in object.get(one.container, "ports", [])
	port.hostPort
	msg := sprintf("%s: container %s takes port %d of the node: use a Service", [objects.title(one.of), called(one), port.hostPort])
}

deny contains msg if {
	some pod in objects.pods
	object.get(pod.spec, "automountServiceAccountToken", true) != false
	not bound(object.get(pod.spec, "serviceAccountName", "default"))
	msg := sprintf("%s: has a token of the API that no binding needs: set automountServiceAccountToken: false", [objects.title(pod.of)])
}

deny contains msg if {
	some pod in objects.pods
	object.get(pod.spec, "enableServiceLinks", true) != false
	msg := sprintf("%s: Services would set its variables (VLLM_PORT=tcp://...): set enableServiceLinks: false", [objects.title(pod.of)])
}

bound(account) if {
	some binding in objects.all
	binding.kind in {"RoleBinding", "ClusterRoleBinding"}
	some subject in binding.subjects
	subject.kind == "ServiceAccount"
	subject.name == account
}

security(part) := object.get(part, "securityContext", {})

capabilities(container) := object.get(security(container), "capabilities", {})

called(one) := object.get(one.container, "name", "main")
