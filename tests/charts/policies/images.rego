# Images that cannot change under a name: no `latest`, digests in production, the release's where it has one.
# The release is given as data (`conftest --data`).
package images

import data.objects

deny contains msg if {
	some one in objects.containers
	not pinned(one.container.image)
	msg := sprintf("%s: image %s can change under its name: give it a version or a digest", [objects.title(one.of), one.container.image])
}

deny contains msg if {
	some one in objects.containers
	not contains(one.container.image, "@sha256:")
	objects.labels(one.of)["twin/environment"] == "production"
	msg := sprintf("%s: image %s has no digest, which production asks for: set image.digest", [objects.title(one.of), one.container.image])
}

deny contains msg if {
	some one in objects.containers
	some role, released in data.release.images
	own(one.container.image) == own(released)
	one.container.image != released
	not follows(one.container)
	msg := sprintf("%s: image %s is not the release's %s, %s", [objects.title(one.of), one.container.image, role, released])
}

# A model server's sidecar may be pinned by itself, since another image of it restarts the server.
follows(container) if {
	container.name in {"adapters", "chat-template"}
	contains(container.image, "@sha256:")
}

pinned(image) if regex.match(`@sha256:[0-9a-f]{64}$`, image)

pinned(image) if {
	regex.match(`:[\w][\w.-]*$`, image)
	not endswith(image, ":latest")
	not contains(image, "@")
}

# An Argo parameter is filled in from what a chart's values pin.
pinned(image) if startswith(image, "{{")

# The last word of a repository: gateway, pipelines.
own(image) := name if {
	parts := split(split(split(image, "@")[0], ":")[0], "/")
	name := parts[count(parts) - 1]
}
