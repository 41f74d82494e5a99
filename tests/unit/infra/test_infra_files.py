"""What can be said of infra/ without Terraform, and of the tools around it."""

import re
from pathlib import Path

import pytest

from tests.doubles.iam import Asked, allowed, denied
from tools.infra_values import filled

ROOT = Path(__file__).parents[3]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.tf"))


def test_every_root_pins_the_same_provider_for_linux_and_macs():
    locks = {(INFRA / root / ".terraform.lock.hcl").read_text() for root in ("state", "account", "cluster")}
    assert len(locks) == 1
    assert 'version     = "5.100.0"' in locks.pop()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(INFRA)))
def test_every_variable_and_output_says_what_it_is_and_no_file_is_long(file):
    text = file.read_text()
    for block in re.findall(r'^(?:variable|output) "\w+" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL):
        assert re.search(r"^  description = ", block, re.MULTILINE), block
    assert len(text.splitlines()) < 200


def test_no_file_writes_a_secret_value_or_a_long_lived_key():
    for file in FILES:
        assert not re.search(r'resource "aws_(secretsmanager_secret_version|iam_access_key|iam_user)"', file.read_text()), file


@pytest.mark.parametrize("file", sorted((INFRA / "environments").glob("*.tfvars")), ids=lambda file: file.name)
def test_an_environment_sets_variables_that_there_are(file):
    declared = set(re.findall(r'^variable "(\w+)"', (INFRA / "cluster/variables.tf").read_text(), re.MULTILINE))
    assert set(re.findall(r"^(\w+) ", file.read_text(), re.MULTILINE)) - {"#"} <= declared


def test_what_terraform_knows_goes_into_its_lines_and_nothing_else_changes():
    before = "# shared\nglobal:\n  environment: x\n  host: a.example.org # ours\n  bucket: old # filled\n"
    after = filled(before, {"environment": "staging", "bucket": "new"})
    assert after == "# shared\nglobal:\n  environment: staging\n  host: a.example.org # ours\n  bucket: new # filled\n"
    assert filled(after, {"bucket": "new"}) == after


def test_a_value_without_its_line_is_named():
    with pytest.raises(KeyError, match="region"):
        filled("global:\n  bucket: x\n", {"region": "eu"})


def policy(effect="Allow", **more):
    return [{"Statement": [{"Effect": effect, "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/a/*", **more}]}]


def test_iams_double_decides_by_action_resource_condition_and_denial():
    asked = Asked("s3:GetObject", "arn:aws:s3:::b/a/1", {"x:y": "1"})
    assert allowed(policy(), asked)
    assert not allowed(policy(), Asked("s3:PutObject", asked.resource))
    assert not allowed(policy(), Asked(asked.action, "arn:aws:s3:::b/c/1"))
    assert allowed(policy(Condition={"StringEquals": {"x:y": "1"}}), asked)
    assert not allowed(policy(Condition={"StringEquals": {"x:y": "2"}}), asked)
    assert not allowed(policy(Condition={"StringEquals": {"not:there": "1"}}), asked)
    assert not allowed([*policy(), *policy("Deny")], asked)
    assert denied(policy("Deny", Condition={"StringNotEquals": {"not:there": "1"}}), asked)


def test_an_operator_that_iams_double_does_not_know_is_an_error():
    with pytest.raises(KeyError):
        allowed(policy(Condition={"IpAddress": {"x:y": "1"}}), Asked("s3:GetObject", "arn:aws:s3:::b/a/1", {"x:y": "1"}))
