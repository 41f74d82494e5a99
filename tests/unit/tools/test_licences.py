"""Licences of what runs with the product: what is allowed, and that nothing unread slips through."""

from __future__ import annotations

import tomllib
from email.message import Message

import pytest

from tools.licences import LOCK, allowed, locked, refused, said


@pytest.mark.parametrize(
    "words",
    [
        "MIT",
        "Apache-2.0 AND MIT",
        "GPL-3.0-only OR MIT",
        "(GPL-2.0-only OR MPL-2.0) AND ISC",
        "Apache Software License",
        "PSF-2.0",
    ],
)
def test_what_may_be_passed_on_is_allowed(words):
    assert allowed(words)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "GPL-3.0-only",
        "MIT AND AGPL-3.0-only",
        "LicenseRef-Proprietary",
        "MIT OR (X AND GPL-3.0-only)",
        "Free for friends",
        "UNKNOWN",
    ],
)
def test_copyleft_other_terms_and_unknown_words_are_refused(words):
    assert not allowed(words)


def about(**fields: str) -> Message:
    made = Message()
    for name, value in fields.items():
        made[name.replace("_", "-")] = value
    return made


def test_the_expression_wins_over_classifiers_and_these_over_the_free_field():
    classifier = "License :: OSI Approved :: MIT License"
    assert said(about(License_Expression="ISC", Classifier=classifier, License="GPL")) == "ISC"
    assert said(about(Classifier=classifier, License="GPL")) == "MIT License"
    assert said(about(License="BSD-3-Clause")) == "BSD-3-Clause"
    assert said(about(License="A whole\ntext")) == ""


def test_what_the_lock_brings_by_extras_of_extras_is_looked_at():
    lock = {
        "package": [
            {
                "name": "llm-twin",
                "dependencies": [{"name": "a"}],
                "optional-dependencies": {"serve": [{"name": "b", "extra": ["x"]}]},
            },
            {"name": "a", "dependencies": [{"name": "c"}]},
            {"name": "b", "optional-dependencies": {"x": [{"name": "d"}], "y": [{"name": "e"}]}},
            {"name": "c", "dependencies": [{"name": "a"}]},
            {"name": "d"},
            {"name": "e"},
        ]
    }
    assert locked(lock, ("serve",)) == ["a", "b", "c", "d"]


def test_what_is_installed_here_is_allowed():
    names = locked(tomllib.loads(LOCK.read_text()))
    assert {"torch", "uvicorn", "pymongo"} <= set(names)
    assert "pytest" not in names
    assert list(refused(names)) == []
