"""Charts and plain manifests -> what the API of Kubernetes and our policies refuse in them, as Argo CD renders them."""
