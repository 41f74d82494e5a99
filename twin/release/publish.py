"""A commit that is to be made on a branch -> the branch pushed, or a request to merge it; also under others' hands. Knows no
release's content.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from twin.errors import PromotionError, ReleaseError
from twin.release.promotion_ports import Forge, Repository, Store
from twin.release.reading import read
from twin.release.release import Release

ATTEMPTS = 5  # at a branch that others move at the same time
Change = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What was done. `request` is the address of the pull request, empty when the branch itself was pushed.

    `commit` is empty when nothing was done but said.
    """

    release: str
    since: str
    branch: str
    commit: str
    request: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Branches:
    """Where releases live: `repository` and, where changes are proposed instead of pushed, `forge`. `store` has artifacts.

    With `dry_run` everything is looked at and checked as ever, the commit is made, and no branch gets it.
    """

    repository: Repository
    store: Store
    forge: Forge | None = None
    dry_run: bool = False


async def publish(
    at: Branches, promotion: Promotion, tip: str, build: Callable[[str], Awaitable[str]], message: str, aside: str
) -> Promotion:
    """Put what `build` makes on top of a commit onto the branch, whose tip was `tip`; `aside` is the request's branch.

    Raises PromotionError, and has changed nothing then.
    """
    if at.dry_run:
        await build(tip)
        if at.forge and await at.repository.tip(aside):
            raise _taken(aside)
        return promotion
    if at.forge:
        return await _propose(at, at.forge, replace(promotion, commit=await build(tip)), message, aside)
    text = await at.repository.read(tip)
    for _ in range(ATTEMPTS):
        commit = await build(tip)
        if await at.repository.push(commit, promotion.branch, tip):
            return replace(promotion, commit=commit)
        tip = await tip_of(at.repository, promotion.branch)  # somebody was faster: on top of theirs, unless it is a release
        if await at.repository.read(tip) != text:
            raise PromotionError(
                f"{promotion.branch} got another release meanwhile ({(await at.repository.look(tip)).title}); "
                f"look at it and run the command again"
            )
    raise PromotionError(f"{promotion.branch} moved {ATTEMPTS} times meanwhile; run the command again")


async def _propose(at: Branches, forge: Forge, promotion: Promotion, message: str, aside: str) -> Promotion:
    title, _, body = message.partition("\n\n")
    if await at.repository.tip(aside) or not await at.repository.push(promotion.commit, aside, ""):
        raise _taken(aside)
    try:
        return replace(promotion, request=await forge.propose(aside, promotion.branch, title, body))
    except (PromotionError, ReleaseError):
        await at.repository.drop(aside)
        raise


def _taken(aside: str) -> PromotionError:
    return PromotionError(f"the branch {aside} is there already: merge or close its request and remove it first")


async def tip_of(repository: Repository, branch: str) -> str:
    """The branch's commit. Raises PromotionError where there is no such branch."""
    found = await repository.tip(branch)
    if not found:
        raise PromotionError(f"there is no branch {branch} at the remote: make it first (git push REMOTE HEAD:{branch})")
    return found


async def release_of(repository: Repository, commit: str, branch: str) -> Release | None:
    """The release that `commit` of `branch` holds. Raises ReleaseError."""
    text = await repository.read(commit)
    return None if text is None else read(text, f"release.yaml of {branch} ({commit[:12]})")


def message_of(title: str, *parts: str) -> str:
    """The last part holds the trailers; what a report says can therefore not be taken for one."""
    kept = ("".join(character for character in part if character.isprintable() or character == "\n").strip() for part in parts)
    return "\n\n".join([title, *filter(None, kept)]) + "\n"


def listed(changes: tuple[Change, ...]) -> str:
    """A line a change."""
    return "\n".join(f"{key}: {old or '-'} -> {new or '-'}" for key, old, new in changes)
