"""The same steps for Kubeflow Pipelines, compiled to its IR."""
