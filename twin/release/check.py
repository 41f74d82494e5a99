"""A commit that wants to become production -> whether its release.yaml may stand there. For CI. Knows no git."""

from __future__ import annotations

from twin.errors import PromotionError
from twin.release.promote import PRODUCTION, STAGING
from twin.release.promotion_ports import Past, Repository
from twin.release.reading import read


async def check(repository: Repository, commit: str) -> str:
    """Why `commit` may become production's tip. Raises PromotionError when its release.yaml is neither staging's nor what a
    marked rollback brings back.

    An unchanged release.yaml is no excuse: that is what a merge of staging leaves after a rollback, without a word.
    """
    text = await repository.read(commit)
    if text is None:
        raise PromotionError(f"{commit[:12]} has no release.yaml, and production needs one")
    release = read(text, f"release.yaml of {commit[:12]}")
    if text == await repository.read(await _needed(repository, STAGING)):
        return f"release {release.id} is staging's"
    production = await repository.tip(PRODUCTION)
    known = {one.commit: one for one in await repository.history(production)} if production else {}
    for one in await _asking(repository, commit, production):
        taken = known.get(one.reverts)
        if taken and taken.parents and await repository.read(taken.parents[0]) == text:
            return f"rolls back to release {release.id}"
    raise PromotionError(
        f"release.yaml of {commit[:12]} ({release.id}) is neither staging's nor a marked rollback of production: "
        f"use `twin release promote --to production` or `twin release rollback --on production`"
    )


async def _asking(repository: Repository, commit: str, production: str) -> list[Past]:
    """Where a mark may stand: on the commit, on its last change of release.yaml, or on that of the request that it merges, as a
    forge tests a merge of what is proposed.
    """
    one = await repository.look(commit)
    changes = [await repository.history(commit, production)]
    changes += [await repository.history(asked, one.parents[0]) for asked in one.parents[1:]]
    return [one, *(past[0] for past in changes if past)]


async def _needed(repository: Repository, branch: str) -> str:
    tip = await repository.tip(branch)
    if not tip:
        raise PromotionError(f"there is no branch {branch} at the remote to compare with")
    return tip
