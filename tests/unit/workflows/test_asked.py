import pytest
import yaml

from workflows.asked import ParameterError, parameters
from workflows.render import argo


@pytest.fixture(scope="module")
def templates():
    made = [yaml.safe_load(text) for text in argo().values()]
    return {one["metadata"]["name"]: one for one in made if one["kind"] == "WorkflowTemplate"}


def test_what_is_given_is_what_the_run_gets(templates):
    given = parameters(templates["etl"], ["source=notes", 'parts=["1/1"]', "mass-delete=allow"])
    assert given == [
        {"name": "source", "value": "notes"},
        {"name": "parts", "value": '["1/1"]'},
        {"name": "mass-delete", "value": "allow"},
    ]
    assert parameters(templates["etl"], []) == []


@pytest.mark.parametrize(
    ("workflow", "given", "words"),
    [
        ("etl", "sauce=notes", "etl has no parameter 'sauce'; did you mean source?"),
        ("etl", "x=1", "it takes source, mass-delete, parts"),
        ("etl", "source", "write KEY=VALUE"),
        ("etl", "mass-delete=yes", "must be one of refuse, allow"),
        ("etl", "parts=2", "must be a JSON list"),
        ("training", "seed=one", "must be a whole number"),
        ("training", "questions=1.5", "must be a whole number"),
        ("snapshot", "index=a", "it takes none"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(templates, workflow, given, words):
    with pytest.raises(ParameterError, match=r".") as refused:
        parameters(templates[workflow], [given])
    assert words in str(refused.value)


def test_a_parameter_without_a_default_is_asked_for():
    needed = {"name": "snapshot", "description": "What was printed"}
    template = {"metadata": {"name": "bring"}, "spec": {"arguments": {"parameters": [needed]}}}
    with pytest.raises(ParameterError, match=r"bring needs -p snapshot=...: What was printed"):
        parameters(template, [])
