import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.documents.reading import reason
from twin.documents.notebook import NotebookError, notebook_text


def notebook(*cells, **metadata):
    return json.dumps({"nbformat": 4, "metadata": metadata, "cells": list(cells)})


def test_prose_and_code_become_markdown():
    raw = notebook(
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {
            "cell_type": "code",
            "source": "x = 1\nx",
            "outputs": [{"output_type": "execute_result", "data": {"text/plain": ["1"], "image/png": "AAAA"}}],
        },
        {"cell_type": "raw", "source": "raw"},
        language_info={"name": "julia"},
    )
    assert notebook_text(raw).text == "# Title\ntext\n\n```julia\nx = 1\nx\n```\n\n```text\n1\n```\n\nraw"


def test_long_and_rich_outputs_are_dropped_and_colours_removed():
    outputs = [
        {"output_type": "stream", "text": "x" * 5000},
        {"output_type": "display_data", "data": {"text/html": "<table>"}},
        {"output_type": "stream", "text": "\x1b[31mred\x1b[0m\n"},
    ]
    assert (
        notebook_text(notebook({"cell_type": "code", "source": "x", "outputs": outputs})).text
        == "```python\nx\n```\n\n```text\nred\n```"
    )


def test_a_cell_that_holds_a_fence_gets_a_longer_one():
    assert notebook_text(notebook({"cell_type": "code", "source": "s = '```'"})).text == "````python\ns = '```'\n````"


def test_notebooks_of_format_3_are_read():
    raw = json.dumps({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "x"}]}]})
    assert notebook_text(raw).text == "```python\nx\n```"


@pytest.mark.parametrize("raw", ["", "{", "[]", "{}", '{"cells": 1}', "[" * 100_000])
def test_a_broken_notebook_is_named_as_such(raw):
    with pytest.raises(NotebookError, match="broken notebook"):
        notebook_text(raw)


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda v: (
        st.lists(v, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "source", "cell_type", "outputs", "data", "metadata", "text", "name", "worksheets", "language_info"]
            ),
            v,
        )
    ),
    max_leaves=20,
)


@given(values)
def test_any_json_is_a_notebook_or_a_reason(value):
    with reason(NotebookError) as given:
        notebook_text(json.dumps(value))
    assert all("broken notebook" in words for words in given)
