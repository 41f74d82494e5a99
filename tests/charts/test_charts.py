"""What holds for every chart: it lints, is documented, small, and deterministic."""

from __future__ import annotations

import re

import pytest
from yaml import safe_load

from tools.build import binary
from tools.charts import docs, golden, helm
from tools.charts.environments import CHARTS, charts
from tools.render import ROOT

TEMPLATES = sorted(CHARTS.glob("*/templates/**/*.yaml"))
RANDOM = re.compile(
    r"\b(lookup|rand\w+|genCA|genSelfSignedCert|genSignedCert|genPrivateKey|uuidv4|now|htpasswd|derivePassword)\b"
)


@pytest.mark.parametrize("chart", charts())
def test_a_chart_passes_helms_lint(chart):
    said = helm.run([str(binary("helm")), "lint", "--strict", "--kube-version", "1.34", str(CHARTS / chart)])
    assert "0 chart(s) failed" in said


WRITTEN = {**docs.files(), **golden.files()}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_written_file_is_what_its_chart_renders(path):
    assert path.read_text() == WRITTEN[path](), "run `make render`"


def test_no_golden_render_is_left_of_what_is_gone():
    assert set(golden.GOLDEN.rglob("*.yaml")) == set(golden.files())


@pytest.mark.parametrize("chart", charts())
def test_every_row_of_a_readme_says_what_a_value_is(chart):
    rows = [line for line in (CHARTS / chart / "README.md").read_text().splitlines() if line.startswith("| ") and "`" in line]
    assert [row for row in rows if row.rstrip().endswith("|  |")] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(CHARTS)))
def test_a_template_is_small_and_of_one_kind(template):
    text = template.read_text()
    assert len(text.splitlines()) <= 120
    assert len(re.findall(r"^kind:", text, re.MULTILINE)) == 1


@pytest.mark.parametrize("template", sorted(CHARTS.glob("*/templates/**/*.*")), ids=lambda path: str(path.relative_to(CHARTS)))
def test_a_template_asks_neither_the_cluster_nor_chance(template):
    inside = " ".join(re.findall(r"{{.*?}}", template.read_text(), re.DOTALL))
    assert RANDOM.findall(re.sub(r"/\*.*?\*/", "", inside, flags=re.DOTALL)) == []


@pytest.mark.parametrize("chart", charts())
def test_values_are_short_and_read(chart):
    text = (CHARTS / chart / "values.yaml").read_text()
    assert len(text.splitlines()) < 150
    templates = "".join(path.read_text() for path in (CHARTS / chart / "templates").rglob("*.*"))
    unread = [name for name in safe_load(text) if f".Values.{name}" not in templates]
    assert unread == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(CHARTS)))
def test_labels_come_from_helpers_alone(template):
    said = re.findall(r"^ *app\.kubernetes\.io/\S+:", template.read_text(), re.MULTILINE)
    assert said == []
