import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.answer.guard_out import BLOCK_LIMIT, RUN_LIMIT, STOPPED, OutputGuard, moved

CANARY = "ref-00112233445566aa"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp_" + "a1B2c3D4" * 5
OPENAI = "sk-proj-" + "a1B2c3D4e5F6" * 3
JWT = "eyJhbGciOiJIUzI1NiJ9" + "." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = (
    "-----BEGIN RSA "
    "PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7\n" * 4 + "Ab3=\n-----END RSA " + "PRIVATE KEY-----"
)
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"


def guarded(parts, **fields):
    guard = OutputGuard(canary=CANARY, **fields)
    return "".join(guard.feed(part) for part in parts) + guard.close(), guard


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"key={AWS}.", "key=[redacted: AWS access key]."),
        (f"use {GITHUB} now", "use [redacted: GitHub token] now"),
        (f'"{OPENAI}"', '"[redacted: API key]"'),
        (f"Bearer {JWT}\n", "Bearer [redacted: web token]\n"),
        (f"before\n{PEM}\nafter", "before\n[redacted: private key]\nafter"),
        (f"aws_secret_access_key = {AWS_SECRET}", "aws_secret_access_key = [redacted: secret]"),
        (f"SECRET_KEY={AWS_SECRET} x", "SECRET_KEY=[redacted: secret] x"),
        ("tokenizer: a_word_of_no_secret_at_all_here", "tokenizer: a_word_of_no_secret_at_all_here"),
        ("mail ada.author@corp.org, please", "mail [redacted: e-mail address], please"),
        ("mongodb://root:hunter2@db.corp.org/x", "mongodb://[redacted: credentials]@db.corp.org/x"),
        ("git@github.com:org/repo and ada@example.org stay", "git@github.com:org/repo and ada@example.org stay"),
        (
            "scikit-learn, sk-learn and task-force-of-the-century-x1 stay",
            "scikit-learn, sk-learn and task-force-of-the-century-x1 stay",
        ),
        (
            "the commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 stays",
            "the commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904 stays",
        ),
        (
            "A key begins with -----BEGIN RSA PRIVATE KEY----- and (that is all).",
            "A key begins with -----BEGIN RSA PRIVATE KEY----- and (that is all).",
        ),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
        ("key twin_0a1b2c3d_" + "aB3-" * 11, "key [redacted: gateway key]"),
        ("twin_documents_sync_and_index_build_switch stays", "twin_documents_sync_and_index_build_switch stays"),
        ("@decorator and a@b stay", "@decorator and a@b stay"),
        ("", ""),
    ],
)
def test_secrets_and_addresses_are_replaced_and_nothing_else(text, said):
    assert guarded([text])[0] == said


SAMPLES = [
    f"intro {AWS} and {GITHUB}. Then {OPENAI}, mail ada@corp.org or {JWT}!\n{PEM}\nThe end ü.",
    f"aws_secret_access_key = {AWS_SECRET} token: short",
    "-----BEGIN RSA PRIVATE KEY----- is a header (no key)",
    f"one {CANARY.upper()} two",
]


@pytest.mark.parametrize("text", SAMPLES)
def test_every_cut_in_two_gives_the_same(text):
    whole, guard = guarded([text])
    for at in range(len(text) + 1):
        cut, again = guarded([text[:at], text[at:]])
        assert cut == whole, at
        assert [(e.start, e.length) for e in again.edits] == [(e.start, e.length) for e in guard.edits]


PIECES = [
    AWS,
    GITHUB[:20],
    GITHUB,
    "ada@",
    "corp.org",
    " ",
    "\n",
    "=",
    "word",
    "-----BEGIN",
    " PRIVATE KEY-----",
    "-----END",
    "M" * 40,
    "(",
    "é",
    "漢字",
    CANARY[:9],
    CANARY[9:],
    "secret",
    ":",
    "x" * 1500,
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.data())
def test_the_same_comes_out_however_the_text_is_cut(text, data):
    whole, _ = guarded([text])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    cut, guard = guarded([text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])])
    assert cut == whole
    assert guard.leaked == (STOPPED in whole)


def test_the_canary_stops_the_answer_wherever_it_is_cut():
    text = f"My rules are: {CANARY} and more secrets"
    for at in range(len(text)):
        said, guard = guarded([text[:at], text[at:], " even more"])
        assert said == f"My rules are: {STOPPED}"
        assert guard.leaked


def test_addresses_on_the_list_may_be_shown():
    text = "ada@corp.org, bob@corp.org, eve@other.org"
    allowed = frozenset({"ada@corp.org", "@other.org"})
    assert guarded([text], emails=allowed)[0] == "ada@corp.org, [redacted: e-mail address], eve@other.org"


def test_what_is_held_back_is_bounded():
    guard = OutputGuard(canary=CANARY)
    given_out = 0
    for count in range(1, 20_000):
        given_out += len(guard.feed("x"))
        assert count - given_out <= RUN_LIMIT
    held = OutputGuard()
    sent = "-----BEGIN PRIVATE KEY-----" + "word " * 4000
    out = "".join(held.feed(char) for char in sent)
    assert len(sent) - len(out) <= BLOCK_LIMIT + RUN_LIMIT


def test_a_secret_across_the_limit_of_a_run_is_found():
    for before in range(RUN_LIMIT - 60, RUN_LIMIT + 10):
        said, _ = guarded(["x" * before + "=" + GITHUB + "/tail"])
        assert GITHUB[4:] not in said
        assert said.endswith("/tail")
    said, _ = guarded(["a" * 10 + "=" + "eyJhbGciOiJIUzI1NiJ9.eyJ" + "b" * 9000 + ".sig rest"])
    assert said == "a" * 10 + "=[redacted: web token] rest"


def test_words_go_out_as_soon_as_they_end():
    guard = OutputGuard(canary=CANARY)
    assert guard.feed("One two") == "One "
    assert guard.feed(" three") == "two "
    assert guard.close() == "three"


def test_positions_move_with_what_was_replaced():
    text = f"A {AWS} b [1] c@corp.org [2]"
    said, guard = guarded([text])
    for marker in ("[1]", "[2]"):
        at = text.index(marker)
        start, end = moved(at, at + 3, guard.edits)
        assert said[start:end] == marker
    assert moved(3, 5, guard.edits) is None
