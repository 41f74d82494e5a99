"""What an installation prints: commands that a shell understands as they are printed, about things that are there."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.charts.rendering import RELEASE, Render
from tools.charts import helm
from tools.charts.environments import CHARTS, charts

AS_OBJECT = """{{- define "notes" }}%s{{ end -}}
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  text: |
    {{- include "notes" . | nindent 4 }}
"""


@pytest.fixture
def notes(tmp_path):
    """What Helm prints for a chart: it does so only where a cluster is, so here its text is rendered as an object."""

    def rendered(chart: str) -> str:
        shutil.copytree(CHARTS / chart, tmp_path / chart)
        text = (CHARTS / chart / "templates" / "NOTES.txt").read_text()
        (tmp_path / chart / "templates" / "notes.yaml").write_text(AS_OBJECT % text)
        sets = {"global.bucket": "b"} if chart == "qdrant" else {}
        text = helm.template(tmp_path / chart, chart, namespace="twin-staging", values=[RELEASE], sets=sets)
        return next(one["data"]["text"] for one in helm.objects(text) if one["metadata"]["name"] == "notes")

    return rendered


def commands(text: str) -> list[str]:
    """The indented lines, those that go on joined to what they go on."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    return re.sub(r"\\\n", "", "\n".join(lines)).splitlines()


@pytest.mark.parametrize("chart", charts())
def test_notes_print_commands_that_a_shell_understands(chart, notes):
    found = commands(notes(chart))
    assert found
    for command in found:
        assert command.split()[0] in {"kubectl", "curl", "helm"}
        assert "<" not in command, "a reader has nothing to fill in"
        subprocess.run(["/bin/bash", "-n", "-c", command], check=True)


@pytest.mark.parametrize("chart", charts())
def test_notes_name_what_the_chart_makes_and_the_secrets_that_its_pods_name(chart, notes):
    render = Render(chart, {"global.bucket": "b"} if chart == "qdrant" else {})
    text = notes(chart)
    for kind, name in re.findall(r"\b(deployment|statefulset|service)/(\S+)", text):
        assert (kind, name) in {(a.lower(), b) for a, b in render.objects}
    named = str(list(render.objects.values()))
    for secret in re.findall(r"get secret (\S+)", text):
        assert f"'{secret}'" in named
    for key in re.findall(r"\{\.data\.([\w-]+)\}", text):
        assert f"'key': '{key}'" in named


def test_a_command_reaches_the_shell_whole():
    assert commands("text\n\n  curl a \\\n    -d b\n  helm c\n") == ["curl a -d b", "helm c"]
