# Rights that are named one by one, accounts of their own, and no secret that is written down.
package access

import data.objects

deny contains msg if {
	some role in objects.all
	role.kind in {"Role", "ClusterRole"}
	some rule in object.get(role, "rules", [])
	some field in ["apiGroups", "resources", "verbs", "nonResourceURLs"]
	some one in object.get(rule, field, [])
	contains(one, "*")
	msg := sprintf("%s: a rule has %q in %s: name what is needed", [objects.title(role), one, field])
}

deny contains msg if {
	some binding in objects.all
	binding.kind in {"RoleBinding", "ClusterRoleBinding"}
	binding.roleRef.name in {"cluster-admin", "admin", "edit"}
	msg := sprintf("%s: binds %s: make a role with what is needed", [objects.title(binding), binding.roleRef.name])
}

deny contains msg if {
	some project in objects.all
	project.kind == "AppProject"
	some field in ["sourceRepos", "clusterResourceWhitelist", "namespaceResourceWhitelist", "destinations"]
	some one in object.get(project.spec, field, [])
	wild(one)
	msg := sprintf("%s: %s has a wildcard: name what is needed", [objects.title(project), field])
}

wild("*")

wild(one) if {
	is_object(one)
	some value in one
	value == "*"
}

deny contains msg if {
	some pod in objects.pods
	pod.of.kind in objects.keepers
	object.get(pod.spec, "serviceAccountName", "default") == "default"
	msg := sprintf("%s: runs as the namespace's default account: give it one of its own", [objects.title(pod.of)])
}

# --- secrets ---

telling := `(?i)(_KEY|TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIALS)$`

shapes := [`://[^/\s:@]+:[^/\s@]+@`, `\bAKIA[0-9A-Z]{16}\b`, `-----BEGIN [A-Z ]*PRIVATE KEY-----`, `\b(ghp|gho|glpat|hf|sk)[-_][A-Za-z0-9_-]{20,}`, `\btwin_[a-z0-9]+_[A-Za-z0-9_-]{20,}`]

deny contains msg if {
	some secret in objects.all
	secret.kind == "Secret"
	some field in ["data", "stringData"]
	count(object.get(secret, field, {})) > 0
	msg := sprintf("%s: holds its values: External Secrets makes Secrets, charts name them", [objects.title(secret)])
}

deny contains msg if {
	some one in objects.containers
	some variable in object.get(one.container, "env", [])
	object.get(variable, "value", "") != ""
	secret(variable.name, variable.value)
	msg := sprintf("%s: variable %s holds a secret: take it from a Secret by secretKeyRef", [objects.title(one.of), variable.name])
}

deny contains msg if {
	some one in objects.containers
	some field in ["command", "args"]
	some word in object.get(one.container, field, [])
	secret("", word)
	msg := sprintf("%s: a word of %s holds a secret", [objects.title(one.of), field])
}

deny contains msg if {
	some map in objects.all
	map.kind == "ConfigMap"
	some key, value in object.get(map, "data", {})
	secret(key, value)
	msg := sprintf("%s: %s holds a secret: keep it in a Secret", [objects.title(map), key])
}

secret(name, _) if {
	regex.match(telling, name)
	not startswith(name, "resource.customizations.") # Argo CD's own, which end with a kind's name: ExternalSecret
}

secret(_, value) if {
	some shape in shapes
	regex.match(shape, value)
}
