"""Releases go back and to production: what git would do by itself is not enough, and nothing else is taken back."""

import asyncio

import pytest

from tests.integration.release.repositories import git, released, state, work
from twin.errors import PromotionError, ReleaseError
from twin.release.check import check
from twin.release.promote import rollback, to_production
from twin.release.publish import Branches


async def two(at, remote):
    """Two releases on staging, with a chart's change between them and one after; their files."""
    await released(at, "a")
    first = remote.show("staging")
    remote.commit("staging", "More replicas", charts__values_yaml="replicas: 2\n")
    await released(at, "b", "a")
    second = remote.show("staging")
    remote.commit("staging", "Write more", README_md="More.\n")
    return first, second


async def test_a_rollback_brings_back_the_former_release_and_nothing_else(at, remote, clone):
    first, _ = await two(at, remote)
    before = state(clone)
    made = await rollback(at, "staging", "the new one stammers")
    assert (made.release, made.since) == ("2026-11-21.1", "2026-11-21.2")
    assert remote.show("staging") == first
    assert remote.show("staging", "charts/values.yaml") == "replicas: 2\n"
    assert remote.show("staging", "README.md") == "More.\n"
    body = git(remote.path, "log", "-1", "--format=%B", "staging")
    assert body.startswith("Roll back 2026-11-21.2 to 2026-11-21.1\n\nthe new one stammers\n")
    assert body.splitlines()[-2] == f"Rolls-back: {git(remote.path, 'rev-parse', 'staging~2')}"
    assert state(clone) == before


async def test_a_second_rollback_goes_one_release_further_and_the_third_has_none(at, remote):
    await two(at, remote)
    await released(at, "c", "b")
    assert (await rollback(at, "staging")).release == "2026-11-21.2"
    assert (await rollback(at, "staging")).release == "2026-11-21.1"
    before = remote.tips()
    with pytest.raises(PromotionError, match="staging has no release before 2026-11-21.1"):
        await rollback(at, "staging")
    assert remote.tips() == before


async def test_after_a_rollback_a_new_release_has_a_new_id_and_can_itself_be_rolled_back(at, remote):
    first, _ = await two(at, remote)
    await rollback(at, "staging")
    made = await released(at, "c", "a")
    assert made.release == "2026-11-21.3"
    await rollback(at, "staging")
    assert remote.show("staging") == first


async def test_a_former_release_whose_artifacts_are_gone_is_not_brought_back(at, remote, store):
    await two(at, remote)
    store.missing = {"s3://kept/adapter-a"}
    before = remote.tips()
    with pytest.raises(PromotionError, match="release 2026-11-21.1 pins what is not there:\nrelease.model.adapter"):
        await rollback(at, "staging")
    assert remote.tips() == before


async def test_two_rollbacks_at_once_take_back_one_release(at, remote):
    await two(at, remote)
    done = await asyncio.gather(
        *(rollback(Branches(work(remote.clone(f"clone{n}")), at.store), "staging") for n in range(3)), return_exceptions=True
    )
    assert sum(isinstance(each, PromotionError) for each in done) == 2, done
    assert remote.log("staging")[0] == "Roll back 2026-11-21.2 to 2026-11-21.1"
    assert sum(title.startswith("Roll back") for title in remote.log("staging")) == 1


async def test_git_s_own_revert_counts_as_a_rollback(at, remote):
    await two(at, remote)
    folder = remote.clone("by-hand")
    git(folder, "revert", "--no-edit", "HEAD~1")
    git(folder, "push", "--quiet", "origin", "HEAD:staging")
    with pytest.raises(PromotionError, match="no release before 2026-11-21.1"):
        await rollback(at, "staging")


async def test_staging_becomes_production_by_a_merge_that_holds_what_staging_holds(at, remote, clone):
    _, second = await two(at, remote)
    before = state(clone)
    made = await to_production(at)
    assert (made.release, made.since, made.branch) == ("2026-11-21.2", "", "production")
    assert remote.show("production") == second
    parents = git(remote.path, "log", "-1", "--format=%P", "production").split()
    assert parents[1] == git(remote.path, "rev-parse", "staging")
    assert git(remote.path, "diff", "staging", "production") == ""
    assert state(clone) == before
    with pytest.raises(PromotionError, match="production holds what staging holds already: release 2026-11-21.2"):
        await to_production(at)


async def test_a_release_that_was_rolled_back_is_promoted_again_where_git_would_keep_the_old_pins(at, remote):
    first, second = await two(at, remote)
    git(remote.path, "branch", "-f", "production", "staging~3")  # the first release alone
    await to_production(at)
    assert (await rollback(at, "production")).release == "2026-11-21.1"
    assert remote.show("production") == first
    assert remote.show("production", "charts/values.yaml") == "replicas: 1\n"  # the merge is taken back as a whole

    folder = remote.clone("by-hand")  # what a merge by hand does: nothing, without a word
    git(folder, "checkout", "--quiet", "production")
    assert "Already up to date" in git(folder, "merge", "--no-edit", "origin/staging")
    remote.commit("staging", "One more change", CHANGES_md="More.\n")
    git(folder, "fetch", "--quiet")
    git(folder, "merge", "--quiet", "--no-edit", "origin/staging")
    assert (folder / "release.yaml").read_text() == first
    with pytest.raises(PromotionError, match=r"is neither staging's nor a marked rollback"):
        await check(work(folder), git(folder, "rev-parse", "HEAD"))

    await to_production(at)
    assert remote.show("production") == second
    assert git(remote.path, "diff", "staging", "production") == ""
    assert (await rollback(at, "production")).release == "2026-11-21.1"


async def test_production_s_own_commits_are_not_lost_without_a_word(at, remote):
    await two(at, remote)
    await to_production(at)
    remote.commit("production", "Mend it in a hurry", charts__values_yaml="replicas: 9\n")
    remote.commit("staging", "Another change", README_md="Again.\n")
    before = remote.tips()
    with pytest.raises(PromotionError, match=r"production has 1 commits that staging lacks \(\w{12} Mend it in a hurry\)"):
        await to_production(at)
    assert remote.tips() == before
    remote.commit("staging", "The same on staging", charts__values_yaml="replicas: 9\n")
    await to_production(at)
    assert remote.show("production", "charts/values.yaml") == "replicas: 9\n"
    remote.commit("staging", "Yet another change", README_md="Once more.\n")
    await to_production(at)  # what was brought to staging once is not asked for again
    assert remote.show("production", "README.md") == "Once more.\n"


async def test_a_rollback_of_production_keeps_what_was_mended_there_since(at, remote):
    first, _ = await two(at, remote)
    git(remote.path, "branch", "-f", "production", "staging~3")
    await to_production(at)
    remote.commit("production", "Mend it in a hurry", hotfix_md="mended\n")
    await rollback(at, "production")
    assert (remote.show("production"), remote.show("production", "hotfix.md")) == (first, "mended\n")


async def test_a_rollback_that_conflicts_is_left_to_a_person(at, remote):
    await two(at, remote)
    git(remote.path, "branch", "-f", "production", "staging~3")
    await to_production(at)
    remote.commit("production", "Change what the merge changed", charts__values_yaml="replicas: 9\n")
    before = remote.tips()
    with pytest.raises(PromotionError, match="cannot be taken back: charts/values.yaml changed since; revert it by hand"):
        await rollback(at, "production")
    assert remote.tips() == before


async def test_nothing_is_promoted_before_there_is_a_release(at):
    with pytest.raises(PromotionError, match="staging has no release.yaml yet"):
        await to_production(at)
    with pytest.raises(PromotionError, match="staging has no release to take back"):
        await rollback(at, "staging")


async def test_ci_lets_pass_what_promotes_and_what_rolls_back_and_nothing_else(at, remote, clone):
    await two(at, remote)
    git(remote.path, "branch", "-f", "production", "staging~3")
    before = git(remote.path, "rev-parse", "production")
    promoted = await to_production(at)
    assert await check(at.repository, promoted.commit) == "release 2026-11-21.2 is staging's"
    back = await rollback(at, "production")
    assert await check(at.repository, back.commit) == "rolls back to release 2026-11-21.1"
    with pytest.raises(PromotionError, match="is neither staging's nor a marked rollback"):
        await check(at.repository, before)  # the same release.yaml, without a mark
    merge = await at.repository.merged(promoted.commit, back.commit, "Merge the rollback")  # as a forge tests a request
    assert await check(at.repository, merge) == "rolls back to release 2026-11-21.1"


async def test_ci_refuses_a_mark_on_another_release(at, remote):
    await two(at, remote)
    git(remote.path, "branch", "-f", "production", "staging~3")
    promoted = await to_production(at)
    text = remote.show("production").replace("org/name", "org/other")
    forged = await at.repository.written(promoted.commit, text, f"Roll back\n\nRolls-back: {promoted.commit}\n")
    with pytest.raises(PromotionError, match="is neither staging's nor a marked rollback"):
        await check(at.repository, forged)
    spoilt = await at.repository.written(promoted.commit, "release: {}\n", "Spoil it\n")
    with pytest.raises(ReleaseError, match="release.id: is missing"):
        await check(at.repository, spoilt)
