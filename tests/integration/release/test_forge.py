"""Requests to merge at GitHub and GitLab: what is sent, what is refused, and that no token is ever told."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest

from tests.doubles.forge import TOKEN, ForgeDouble
from tests.integration.release.repositories import TODAY, git, judged, pins, released, report, work
from tests.servers import free_port
from twin.drivers.forge import forge_at
from twin.errors import PromotionError, ReleaseError
from twin.release.promote import candidate, promote, rollback, to_production
from twin.release.publish import Branches

NAMES = {"github": "github:ada/twin", "gitlab": "gitlab:group/sub/twin"}


@pytest.fixture(params=["github", "gitlab"])
def kind(request):
    return request.param


@pytest.fixture
async def double():
    async with ForgeDouble() as made:
        yield made


@pytest.fixture
def proposing(at, double, kind):
    """Branches whose changes are proposed at the forge."""
    return Branches(at.repository, at.store, forge_at(NAMES[kind], TOKEN, double.url(kind)))


async def test_a_request_says_what_and_where(double, kind):
    forge = forge_at(NAMES[kind], TOKEN, double.url(kind) + "/")
    where = await forge.propose("release/1", "staging", "Release 1", "Why: ünïcode\n| a | b |")
    assert where in {"https://github.test/ada/twin/pull/1", "https://gitlab.test/group/sub/twin/-/merge_requests/1"}
    assert double.requests == [
        {"head": "release/1", "base": "staging", "title": "Release 1", "body": "Why: ünïcode\n| a | b |"}
    ]


@pytest.mark.parametrize(
    ("status", "answer", "error", "words"),
    [
        (401, {"message": "Bad credentials"}, PromotionError, "does not accept forge_token .Bad credentials."),
        (403, {"message": f"{TOKEN} may not"}, PromotionError, r"answers 403 \(\*\*\* may not\): check `forge`"),
        (404, {"error": "404 Project Not Found"}, PromotionError, "answers 404"),
        (409, {"message": ["exists\n\x1b[31m"]}, PromotionError, "refuses the request"),
        (
            422,
            {"message": "Validation Failed", "errors": [{"message": "No commits"}, "x"]},
            PromotionError,
            "refuses the request",
        ),
        (422, {"message": {"base": ["is invalid"]}}, PromotionError, "refuses the request"),
        (500, None, ReleaseError, "answers 500; nothing was proposed"),
        (302, {}, ReleaseError, "answers 302"),
        (201, [], ReleaseError, "answers 201"),
        (201, {"id": 1}, ReleaseError, "does not say where"),
    ],
)
async def test_a_refusal_is_told_in_the_forge_s_words_without_the_token(double, kind, caplog, status, answer, error, words):
    double.status, double.answer = status, answer
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error, match=words) as caught:
        await forge_at(NAMES[kind], TOKEN, double.url(kind)).propose("release/1", "staging", "Release 1", "Why")
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert TOKEN not in told
    assert "\x1b" not in str(caught.value)


async def test_a_wrong_token_is_not_told(double, kind):
    wrong = TOKEN[::-1]
    with pytest.raises(PromotionError, match="does not accept forge_token") as caught:
        await forge_at(NAMES[kind], wrong, double.url(kind)).propose("release/1", "staging", "Release 1", "Why")
    assert wrong not in "".join(traceback.format_exception(caught.value))


async def test_a_forge_that_is_gone_is_an_error(kind):
    with pytest.raises(ReleaseError, match="cannot be reached"):
        await forge_at(NAMES[kind], TOKEN, f"http://127.0.0.1:{free_port()}").propose("b", "staging", "t", "b")


@pytest.mark.parametrize(
    ("name", "token", "url", "words"),
    [
        ("bitbucket:a/b", TOKEN, "", "is neither github:owner/repository nor gitlab"),
        ("github:a/b/c", TOKEN, "", "is neither"),
        ("github:a/../..", TOKEN, "", "is neither"),
        ("github:a/b", "", "", "forge_token is missing"),
        ("github:a/b", "to\nken", "", "forge_token is missing or holds"),
        ("github:a/b", TOKEN, "http://forge.example.org", "forge_url is not https"),
        ("github:a/b", TOKEN, "http://localhost.example.org", "forge_url is not https"),
    ],
)
def test_a_forge_that_cannot_be_meant_is_refused(name, token, url, words):
    with pytest.raises(ReleaseError, match=words) as caught:
        forge_at(name, token, url)
    assert TOKEN not in str(caught.value)


async def test_every_change_of_a_branch_is_proposed(proposing, at, remote, double):
    await released(at, "a")
    await released(at, "b", "a")
    tips = {branch: git(remote.path, "rev-parse", branch) for branch in ("staging", "production")}
    made = [
        await released(proposing, "c", "b"),
        await to_production(proposing),
        await rollback(proposing, "staging", "it stammers"),
    ]
    assert all(one.request.startswith("https://") for one in made)
    assert [one["base"] for one in double.requests] == ["staging", "production", "staging"]
    assert [one["head"].partition("/")[0] for one in double.requests] == ["release", "promote", "rollback"]
    assert {branch: git(remote.path, "rev-parse", branch) for branch in tips} == tips
    assert [git(remote.path, "rev-parse", one["head"]) for one in double.requests] == [one.commit for one in made]


async def test_a_request_that_is_refused_leaves_no_branch(proposing, remote, double):
    double.status, double.answer = 403, {"message": "no"}
    before = remote.tips()
    with pytest.raises(PromotionError, match="answers 403"):
        await released(proposing, "a")
    assert remote.tips() == before


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ({}, {"expired": True}, "does not accept forge_token .*; give one that is valid"),
        ({"github": "github:ada/other", "gitlab": "gitlab:group/other"}, {}, "answers 404 .*Not Found.*: check `forge`"),
        ({}, {"branches": {"staging"}}, "refuses the request .*(head invalid|source_branch .*does not exist)"),
    ],
    ids=["an expired token", "a wrong repository", "the repository of another remote"],
)
async def test_a_forge_that_is_the_wrong_one_is_told_and_leaves_no_branch(at, remote, double, kind, name, wrong, words):
    for key, value in wrong.items():
        setattr(double, key, value)
    proposing = Branches(at.repository, at.store, forge_at(name.get(kind, NAMES[kind]), TOKEN, double.url(kind)))
    before = remote.tips()
    with pytest.raises(PromotionError, match=words) as caught:
        await released(proposing, "a")
    assert TOKEN not in str(caught.value)
    assert (remote.tips(), double.requests) == (before, [])


async def test_a_remote_that_takes_no_branch_is_asked_before_the_forge(proposing, remote, double):
    remote.hook("pre-receive", 'echo "branches need a ticket" >&2; exit 1')
    before = remote.tips()
    with pytest.raises(PromotionError, match="origin refuses the push to release/2026-11-21.1: branches need a ticket"):
        await released(proposing, "a")
    assert (remote.tips(), double.requests) == (before, [])


async def test_of_promotions_at_once_one_becomes_a_request(at, proposing, remote, double):
    made = [Branches(work(remote.clone(f"clone{n}")), at.store, proposing.forge) for n in range(3)]
    done = await asyncio.gather(*(released(each, "a") for each in made), return_exceptions=True)
    refused = [str(each) for each in done if isinstance(each, PromotionError)]
    assert len(refused) == 2, done
    assert all("the branch release/2026-11-21.1 is there already" in each for each in refused)
    assert len(double.requests) == 1


async def test_a_request_on_a_branch_that_moved_takes_nothing_away(proposing, remote, double):
    said = judged("a")
    release, tip = await candidate(proposing, pins("a"), said, report("a"), today=TODAY)
    moved = remote.commit("staging", "More replicas", charts__values_yaml="replicas: 2\n")
    made = await promote(proposing, release, tip, said)
    assert git(remote.path, "rev-parse", "staging") == moved
    assert git(remote.path, "rev-parse", f"{made.commit}~1") == tip
    assert git(remote.path, "diff", "--name-only", f"staging...{made.commit}") == "release.yaml"
