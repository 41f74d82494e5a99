"""The commits of a branch that changed release.yaml -> which releases stand, and which commits took one back. Knows no git.

What a commit did is told by the file that it left, not by what it says: forges merge, squash and rebase requests, and
messages are lost on the way. An id is given once, so a former release's file comes back by a rollback, or by a promotion, which
says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twin.errors import PromotionError, ReleaseError
from twin.release.promotion_ports import Past, Repository
from twin.release.reading import read


@dataclass(frozen=True, slots=True)
class History:
    """A branch. `standing` are the commits whose release was not taken back, oldest first; `back` those that took one back.

    `changes` are all of both; `last` is the greatest id that the branch ever had, empty where it had none.
    """

    changes: frozenset[str]
    standing: tuple[Past, ...]
    back: tuple[Past, ...]
    last: str


async def history(repository: Repository, tip: str) -> History:
    """What became of the releases of the branch at `tip`. Raises ReleaseError."""
    changes = await repository.history(tip)
    texts = await repository.texts([one.commit for one in changes])
    standing: list[tuple[Past, str]] = []
    back = []
    for one, text in zip(reversed(changes), reversed(texts), strict=True):
        former = max((at for at, (_, known) in enumerate(standing) if known == text), default=-1)
        if text is None or (former >= 0 and not await _promotes(repository, one)):
            back.append(one)
            del standing[former + 1 :]
        else:
            standing.append((one, text))
    known = frozenset(one.commit for one in changes)
    return History(known, tuple(one for one, _ in standing), tuple(back), _last(texts))


async def _promotes(repository: Repository, one: Past) -> bool:
    """Whether a commit says that it promotes, or is the merge of a request whose last change of release.yaml says so."""
    asked = [await repository.history(merged, one.parents[0]) for merged in one.parents[1:]]
    return bool(one.promotes) or any(changes[0].promotes for changes in asked if changes)


def _last(texts: Sequence[str | None]) -> str:
    ids = []
    for text in texts:
        try:
            ids.append(read(text or "", "release.yaml").id)
        except ReleaseError:  # spoilt by hand, once
            continue
    return max(ids, key=_order, default="")


def _order(id: str) -> tuple[str, int]:
    day, _, number = id.partition(".")
    return day, int(number)


async def refuse_own(repository: Repository, production: str, staging: str) -> None:
    """Raise PromotionError when `production` has commits that `staging` lacks: a merge would lose them.

    What took a release back is meant to be lost.
    """
    past = await history(repository, production)
    back = {commit for one in past.back for commit in (one.commit, *one.parents[1:])}
    own = await repository.own(production, staging)
    lost = [one for one in own if one.commit not in back and one.reverts not in past.changes]
    if lost:
        named = "; ".join(f"{one.commit[:12]} {one.title}" for one in lost[:3])
        raise PromotionError(f"production has {len(lost)} commits that staging lacks ({named}): bring them to staging first")
