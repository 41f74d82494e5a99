"""With --dry-run everything is checked as ever, what would be done is said, and no branch, folder or store changes."""

from dataclasses import replace

import pytest

from tests.integration.release.merging import Requests
from tests.integration.release.repositories import git, released, state
from twin.errors import PromotionError
from twin.release.promote import rollback, to_production


@pytest.fixture
def trying(at):
    return replace(at, dry_run=True)


def there(remote, clone):
    return remote.tips(), state(clone)


async def test_what_would_be_done_is_what_is_done(at, trying, remote, clone):
    steps = (
        lambda at: released(at, "a"),
        to_production,
        lambda at: released(at, "b", "a"),
        to_production,
        lambda at: rollback(at, "production"),
    )
    for step in steps:
        before = there(remote, clone)
        planned = await step(trying)
        assert there(remote, clone) == before
        made = await step(at)
        assert planned == replace(made, commit="")


async def test_what_would_be_refused_is_refused(at, trying, remote, store, clone):
    await released(at, "a")
    await to_production(at)
    await released(at, "b", "a")
    await to_production(at)
    remote.commit("production", "Mend it in a hurry", charts__values_yaml="replicas: 9\n")
    remote.commit("staging", "More replicas", charts__values_yaml="replicas: 2\n")
    store.missing = {"s3://kept/adapter-c"}
    before = there(remote, clone)
    with pytest.raises(PromotionError, match="production has 1 commits that staging lacks"):
        await to_production(trying)
    with pytest.raises(PromotionError, match="pins what is not there"):
        await released(trying, "c", "b")
    store.missing = {"s3://kept/adapter-b"}
    with pytest.raises(PromotionError, match="pins what is not there"):
        await to_production(trying)
    store.missing = {"s3://kept/adapter-a"}
    with pytest.raises(PromotionError, match="pins what is not there"):
        await rollback(trying, "production")
    assert there(remote, clone) == before


async def test_a_rollback_that_conflicts_is_refused_without_trying(at, trying, remote):
    remote.commit("staging", "More replicas", charts__values_yaml="replicas: 2\n")
    await released(at, "a")
    await to_production(at)
    remote.commit("staging", "Many replicas", charts__values_yaml="replicas: 5\n")
    await released(at, "b", "a")
    await to_production(at)
    remote.commit("production", "Change what the merge changed", charts__values_yaml="replicas: 9\n")
    with pytest.raises(PromotionError, match="cannot be taken back: charts/values.yaml changed since"):
        await rollback(trying, "production")


async def test_nothing_is_proposed_and_a_request_that_is_open_is_told(at, trying, remote):
    requests = Requests(remote)
    await released(replace(trying, forge=requests), "a")
    assert not requests.made
    await released(replace(at, forge=requests), "a")
    assert len(requests.made) == 1
    with pytest.raises(PromotionError, match="the branch release/2026-11-21.1 is there already"):
        await released(replace(trying, forge=requests), "a")
    assert git(remote.path, "log", "--format=%s", "staging") == "Begin"
