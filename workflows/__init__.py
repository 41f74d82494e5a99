"""The loop as workflows: which step follows which, for Argo (by Hera) and for Kubeflow Pipelines. Knows what no step does."""
