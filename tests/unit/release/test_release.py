"""release.yaml: read with every mistake at its line, written in one form, compared pin by pin."""

from __future__ import annotations

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import ReleaseError
from twin.release.reading import checked, read
from twin.release.release import artifacts, changed, difference, fields, following, write

D = "sha256:" + "a" * 64
IMAGE, PIN = (f"{form}sha256:... with 64 hexadecimal digits" for form in ("repository@", "uri#"))
WHOLE = f"""release:
  id: 2026-11-20.1
  images:  {{gateway: "registry.test:5000/gateway@{D}", pipelines: registry.test/pipelines@{D}}}
  index:   {{name: minilm-l6-v2.c1.9f2c, documents: {D}, chunks: 18231, snapshot: "s3://kept/index#{D}"}}
  dataset: {{uri: s3://kept/dataset, digest: {D}, examples: 4120}}
  model:   {{base: org/name, revision: 12345678, adapter: "s3://kept/adapter#{D}", chatTemplate: {D}}}
  prompt:  {{name: twin-v3, digest: {D}}}
  report:  {{uri: s3://kept/report, digest: {D}, verdict: pass}}
"""


def mistakes(text):
    with pytest.raises(ReleaseError) as caught:
        read(text, "release.yaml")
    return str(caught.value).splitlines()


def test_what_is_read_is_written_and_read_again_the_same():
    release = read(WHOLE, "release.yaml")
    text = write(release)
    assert read(text, "again") == release
    assert write(read(text, "again")) == text
    assert yaml.safe_load(text)["release"] == msgspec.to_builtins(release)  # as Helm reads it


def test_a_commit_of_digits_alone_stays_text_for_whoever_reads_the_file():
    release = read(WHOLE, "release.yaml")
    assert release.model.revision == "12345678"
    assert yaml.safe_load(write(release))["release"]["model"]["revision"] == "12345678"


@pytest.mark.parametrize(
    "word",
    [
        "on",
        "null",
        "1e5",
        "0x1f",
        "1_000",
        "12:30",
        "1.5",
        "~",
        "-",
        "a:",
        "=",
        "2026-11-20",
        "ünï",
        "#a",
        "&a",
        "*a",
        "!a",
        "a#b",
        "'",
        '"',
    ],
)
def test_any_word_is_written_as_the_text_that_it_is(word):
    release = msgspec.structs.replace(read(WHOLE, "x"), prompt=msgspec.structs.replace(read(WHOLE, "x").prompt, name=word))
    assert yaml.safe_load(write(release))["release"]["prompt"]["name"] == word
    assert read(write(release), "x").prompt.name == word


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=30))
def test_any_text_survives_the_file(word):
    release = read(WHOLE, "x")
    release = msgspec.structs.replace(release, prompt=msgspec.structs.replace(release.prompt, name=word))
    text = write(release)
    if all(character.isprintable() for character in word):
        assert read(text, "x").prompt.name == word
    else:
        assert yaml.safe_load(text)["release"]["prompt"]["name"] == word


def test_every_mistake_is_named_with_line_and_key():
    text = (
        WHOLE.replace("2026-11-20.1", "2026-11-20").replace(f"pipelines@{D}", "pipelines:latest").replace("18231", "-1")
        .replace("4120", "many").replace(f"adapter#{D}", "adapter").replace("prompt:", "promt:").replace("pass", "refuse")
    )  # fmt: skip
    assert mistakes(text) == [
        "release.yaml:2: release.id: '2026-11-20' is no id of a release: YYYY-MM-DD.N, as in 2026-11-20.1",
        "release.yaml:2: release.prompt: is missing",
        f"release.yaml:3: release.images.pipelines: 'registry.test/pipelines:latest' is no pinned image: write {IMAGE}",
        "release.yaml:4: release.index.chunks: '-1' must be a whole number",
        "release.yaml:5: release.dataset.examples: 'many' must be a whole number",
        f"release.yaml:6: release.model.adapter: 's3://kept/adapter' is not pinned: write {PIN}",
        "release.yaml:7: release.promt: there is no such key; did you mean prompt?",
        "release.yaml:8: release.report.verdict: 'refuse' is not `pass`: what did not pass is no release",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "release.yaml:1: is empty; `twin release promote` writes one"),
        ("- a", "release.yaml:1: release: must be a mapping with release"),
        ("{}", "release.yaml:1: release: is missing"),
        ("release: 1", "release.yaml:1: release: must be a mapping with id, images"),
        ("release:\n  id: [1]", "release.yaml:2: release.id: must be one value"),
        ("release: {id: 1", "release.yaml:2: is not valid YAML"),
        ("release: &a [*a]", "anchors, aliases and tags are not allowed"),
        ("release: !!python/object:os.system {}", "anchors, aliases and tags are not allowed"),
        ("release: " + "[" * 50 + "]" * 50, "nested deeper than 6 levels"),
        ("release: 1\n---\nrelease: 2", "is not valid YAML: but found another document"),
        ("\0", "is not valid YAML"),
        ("x" * 200_000, "is larger than 100,000 characters"),
        (WHOLE + WHOLE.replace("release:\n", "", 1).splitlines()[0], "release.id: is given twice; keep one"),
        ("release:\n  \x1b[31m: 1", "not valid YAML"),
    ],
)
def test_what_is_no_release_is_said_in_words(text, words):
    assert words in "\n".join(mistakes(text))


def test_images_dataset_and_model_may_be_left_out_together_with_their_artifacts():
    lines = [line for line in WHOLE.splitlines() if not line.strip().startswith(("images", "dataset", "model"))]
    release = read("\n".join(lines), "release.yaml")
    assert list(artifacts(release)) == ["index.snapshot", "report"]
    assert read(write(release), "x") == release


def test_artifacts_are_named_by_the_pin_that_needs_them():
    found = artifacts(read(WHOLE, "x"))
    assert {key: one.uri for key, one in found.items()} == {
        "index.snapshot": "s3://kept/index",
        "dataset": "s3://kept/dataset",
        "model.adapter": "s3://kept/adapter",
        "report": "s3://kept/report",
    }


def test_a_difference_names_each_pin_and_both_values():
    one = read(WHOLE, "x")
    other = read(WHOLE.replace("4120", "4121").replace("twin-v3", "twin-v4"), "x")
    assert difference(one, other) == [("dataset.examples", "4120", "4121"), ("prompt.name", "twin-v3", "twin-v4")]
    assert difference(one, one) == []
    assert difference(None, one) == [(key, "", value) for key, value in fields(one).items()]
    without = msgspec.structs.replace(one, model=None)
    assert {key for key, _, new in difference(one, without)} == {key for key in fields(one) if key.startswith("model.")}


@pytest.mark.parametrize(
    ("today", "taken", "wanted"),
    [
        ("2026-11-21", "", "2026-11-21.1"),
        ("2026-11-21", "2026-11-20.7", "2026-11-21.1"),
        ("2026-11-21", "2026-11-21.9", "2026-11-21.10"),
        ("2026-11-21", "2026-11-22.1", "2026-11-22.2"),  # another clock was ahead
    ],
)
def test_ids_only_grow(today, taken, wanted):
    assert following(today, taken) == wanted


def test_a_pin_is_changed_by_its_dotted_key_and_the_rest_stays():
    assert changed({"a": {"b": 1, "c": 2}, "d": 3}, "a.b", 9) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert changed({}, "a.b.c", 1) == {"a": {"b": {"c": 1}}}
    with pytest.raises(ReleaseError, match="a.b: a is no mapping"):
        changed({"a": "text"}, "a.b", 1)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
        max_leaves=8,
    )
)
def test_any_plain_value_is_a_release_or_a_release_error(value):
    with pytest.raises(ReleaseError):
        checked(value, "the candidate")
