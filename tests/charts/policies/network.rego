# Every pod is behind a policy that denies both ways what it does not name; nothing is open to everybody.
package network

import data.objects

deny contains msg if {
	some pod in objects.pods
	some way in ["Ingress", "Egress"]
	not guarded(pod, way)
	msg := sprintf("%s: no NetworkPolicy denies its pods' %s by default", [objects.title(pod.of), lower(way)])
}

deny contains msg if {
	some workflow in objects.workflows
	pod := {"of": workflow.of, "labels": object.get(object.get(workflow.spec, "podMetadata", {}), "labels", {})}
	some way in ["Ingress", "Egress"]
	not guarded(pod, way)
	msg := sprintf("%s: no NetworkPolicy denies its steps' %s by default: set podMetadata.labels to what one selects", [objects.title(workflow.of), lower(way)])
}

guarded(pod, way) if {
	some policy in objects.guards(pod)
	way in policy.spec.policyTypes
}

deny contains msg if {
	some policy in objects.all
	policy.kind == "NetworkPolicy"
	some field, peers in {"ingress": "from", "egress": "to"}
	some rule in object.get(policy.spec, field, [])
	count(object.get(rule, peers, [])) == 0
	msg := sprintf("%s: a rule of %s is open to everybody: name peers in `%s`", [objects.title(policy), field, peers])
}

deny contains msg if {
	some policy in objects.all
	policy.kind == "NetworkPolicy"
	some field, peers in {"ingress": "from", "egress": "to"}
	some rule in object.get(policy.spec, field, [])
	some peer in object.get(rule, peers, [])
	everybody(peer, field)
	msg := sprintf("%s: a peer of %s is everybody: %v", [objects.title(policy), field, peer])
}

everybody(peer, _) if {
	peer.namespaceSelector == {}
	object.get(peer, "podSelector", {}) == {}
}

everybody(peer, "ingress") if peer.ipBlock.cidr in {"0.0.0.0/0", "::/0"}

# Outside is reached without the address at which a node gives its credentials to everybody.
everybody(peer, "egress") if {
	peer.ipBlock.cidr in {"0.0.0.0/0", "::/0"}
	every hidden in object.get(peer.ipBlock, "except", []) {
		not hidden in {"169.254.0.0/16", "169.254.169.254/32"}
	}
}

# Who may have adapters loaded can make the server read any folder: pods are named, not namespaces.
deny contains msg if {
	some pod in objects.pods
	some container in pod.spec.containers
	some variable in object.get(container, "env", [])
	variable.name == "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
	some policy in objects.guards(pod)
	some rule in object.get(policy.spec, "ingress", [])
	some peer in rule.from
	object.get(object.get(peer, "podSelector", {}), "matchLabels", {}) == {}
	msg := sprintf("%s: loads adapters for whoever asks, so %s may let in named pods alone, not %v", [objects.title(pod.of), objects.title(policy), peer])
}

# --- namespaces of an environment ---

deny contains msg if {
	some space in objects.all
	space.kind == "Namespace"
	startswith(space.metadata.name, "twin-")
	some way in ["Ingress", "Egress"]
	not denied(space.metadata.name, way)
	msg := sprintf("%s: no NetworkPolicy of all its pods denies %s by default", [objects.title(space), lower(way)])
}

deny contains msg if {
	some space in objects.all
	space.kind == "Namespace"
	startswith(space.metadata.name, "twin-")
	object.get(objects.labels(space), "pod-security.kubernetes.io/enforce", "") != "restricted"
	msg := sprintf("%s: lets pods do more than `restricted` does: set pod-security.kubernetes.io/enforce", [objects.title(space)])
}

denied(space, way) if {
	some policy in objects.all
	policy.kind == "NetworkPolicy"
	objects.namespace(policy) == space
	policy.spec.podSelector == {}
	way in policy.spec.policyTypes
	not policy.spec.ingress
	not policy.spec.egress
}
