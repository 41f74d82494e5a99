"""Workflows -> the files that Argo CD syncs and that Kubeflow runs, by path. Writes nothing itself: `make render` does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

HEAD = "# Rendered from workflows/ by `make render`; the chart puts in what differs between environments.\n"
FOLDER = "charts/pipelines/workflows"


def argo() -> Mapping[str, str]:
    """Argo's templates and schedules."""
    from workflows import etl, keeping, training

    made = {
        "etl": etl.build(),
        "etl.cron": etl.cron(),
        "training": training.build(),
        "training.cron": training.cron(),
        "snapshot": keeping.snapshot(),
        "snapshot.cron": keeping.cron(),
        "restore": keeping.restore(),
    }
    return {f"{FOLDER}/{name}.yaml": HEAD + one.to_yaml() for name, one in made.items()}


def kubeflow() -> Mapping[str, str]:
    """Kubeflow's pipelines."""
    from kfp import compiler

    from workflows.kfp.pipelines import etl_pipeline, training_pipeline

    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for pipeline in (etl_pipeline, training_pipeline):
            file = Path(folder) / f"{pipeline.name}.yaml"
            compiler.Compiler().compile(pipeline, str(file))
            made[f"workflows/kfp/rendered/{file.name}"] = file.read_text(encoding="utf-8")
    return made
