"""Workflows -> the files that Argo CD syncs and that Kubeflow runs, by path. Writes nothing itself: `make render` does."""

from __future__ import annotations

from collections.abc import Mapping

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
