"""Where releases are requests, a branch holds what a forge made of them: merges, squashes, rebases. Everything goes on from there."""

from dataclasses import replace

import pytest

from tests.integration.release.merging import STYLES, Requests
from tests.integration.release.repositories import git, released
from twin.errors import PromotionError
from twin.release.check import check
from twin.release.promote import rollback, to_production
from twin.release.reading import read

MERGES = ("GitHub merges", "GitHub merges what was brought up to date", "GitLab merges")


@pytest.fixture
def requests(remote):
    return Requests(remote)


@pytest.fixture
def proposing(at, requests):
    return replace(at, forge=requests)


def running(remote, branch="staging"):
    return read(remote.show(branch), "release.yaml").id.partition(".")[2]


@pytest.mark.parametrize("style", STYLES)
async def test_rollbacks_go_one_release_further_each_and_ids_are_never_given_twice(proposing, requests, remote, style):
    for letter, over in ("a", ""), ("b", "a"), ("c", "b"):
        await released(proposing, letter, over)
        requests.merge(style)
    for expected in "21":
        await rollback(proposing, "staging", "it stammers")
        requests.merge(style)
        assert running(remote) == expected
    assert (await released(proposing, "d", "a")).release.endswith(".4")
    requests.merge(style)
    await rollback(proposing, "staging")
    requests.merge(style)
    assert running(remote) == "1"
    with pytest.raises(PromotionError, match="staging has no release before 2026-11-21.1"):
        await rollback(proposing, "staging")


@pytest.mark.parametrize("style", STYLES)
async def test_production_goes_back_and_is_promoted_to_again(at, proposing, requests, remote, style):
    promoting = style if "rebases" not in style else "GitHub merges"  # of what a merge states a rebase leaves nothing
    for number, (letter, over) in enumerate((("a", ""), ("b", "a"), ("c", "b"))):
        remote.commit("staging", "More replicas", charts__values_yaml=f"replicas: {number + 2}\n")
        await released(at, letter, over)
        await to_production(proposing)
        requests.merge(promoting)
    for expected in "21":
        await rollback(proposing, "production", "it stammers")
        requests.merge(style)
        assert running(remote, "production") == expected
    assert remote.show("production", "charts/values.yaml") == "replicas: 2\n"
    await to_production(proposing)
    requests.merge(promoting)
    assert running(remote, "production") == "3"
    await released(at, "d", "c")
    await to_production(proposing)
    requests.merge(promoting)
    assert (running(remote, "production"), remote.show("production")) == ("4", remote.show("staging"))
    for expected in "31":  # the second release was taken back, and does not come back by itself
        await rollback(proposing, "production")
        requests.merge(style)
        assert running(remote, "production") == expected


@pytest.mark.parametrize("style", MERGES)
async def test_ci_lets_pass_the_merge_of_a_rollback_that_a_forge_tests(at, proposing, requests, remote, clone, style):
    for letter, over in ("a", ""), ("b", "a"), ("c", "b"):
        await released(at, letter, over)
        await to_production(proposing)
        requests.merge(style)
    before = git(remote.path, "rev-parse", "production")
    for expected in "21":
        await rollback(proposing, "production")
        merge = requests.merge(style)
        production = git(remote.path, "rev-parse", f"{merge}~1")
        git(clone, "fetch", "--quiet")
        git(remote.path, "branch", "-f", "production", production)
        assert await check(at.repository, merge) == f"rolls back to release 2026-11-21.{expected}"
        git(remote.path, "branch", "-f", "production", merge)
        assert await check(at.repository, merge) == f"rolls back to release 2026-11-21.{expected}"  # also when it is merged
    unmarked = await at.repository.merged(merge, merge, "Bring nothing")
    with pytest.raises(PromotionError, match="is neither staging's nor a marked rollback"):
        await check(at.repository, unmarked)
    assert await check(at.repository, before) == "release 2026-11-21.3 is staging's"


@pytest.mark.parametrize("style", [*MERGES, "GitHub squashes"])
async def test_a_promotion_of_a_rollback_is_a_promotion_and_can_be_taken_back(at, proposing, requests, remote, style):
    for letter, over in ("a", ""), ("b", "a"):
        await released(at, letter, over)
        await to_production(proposing)
        requests.merge(style)
    await rollback(at, "staging")
    remote.commit("staging", "More replicas", charts__values_yaml="replicas: 9\n")
    await to_production(proposing)
    requests.merge(style)
    assert (running(remote, "production"), remote.show("production", "charts/values.yaml")) == ("1", "replicas: 9\n")
    await rollback(proposing, "production", "the replicas starve")
    requests.merge(style)
    assert (running(remote, "production"), remote.show("production", "charts/values.yaml")) == ("2", "replicas: 1\n")
    await rollback(proposing, "production")
    requests.merge(style)
    assert running(remote, "production") == "1"
