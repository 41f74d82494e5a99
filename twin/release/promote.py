"""A candidate that passed -> a commit on staging; staging -> production; and back. Knows no git, no forge and no clock.

Whatever is refused leaves the branch as it was: a commit is made beside everything that is there, and pushed only as the next
one after the tip that was looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.errors import PromotionError, ReleaseError
from twin.records import Artifact
from twin.release.past import history, refuse_own
from twin.release.promotion_ports import Forge, Judged, Repository, Store
from twin.release.reading import checked, read
from twin.release.release import Release, artifacts, changed, difference, following, index_digest, write

STAGING, PRODUCTION = "staging", "production"
ATTEMPTS = 5  # at a branch that others move at the same time
REVERTS, PROMOTES = "Rolls-back", "Promotes"  # trailers of a commit's message
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


async def verify(release: Release, store: Store) -> None:
    """That everything the release pins is there. Raises PromotionError naming each pin that is not."""
    from twin.errors import ArtifactError

    missing = []
    for key, artifact in artifacts(release).items():
        try:
            await store.check(artifact)
        except ArtifactError as exc:
            missing.append(f"release.{key}: {exc}")
    if missing:
        raise PromotionError(f"release {release.id} pins what is not there:\n" + "\n".join(missing))


async def candidate(
    at: Branches, pins: Mapping[str, Any], judged: Judged, report: Artifact, *, today: str
) -> tuple[Release, str]:
    """The release that `pins` (by dotted key) make of the one on staging, checked in every way, and staging's tip.

    `report` is where the report is kept. Raises PromotionError and ReleaseError.
    """
    refuse_failed(judged)
    tip = await _tip(at.repository, STAGING)
    running = await _release(at.repository, tip, STAGING)
    made = _plain(running)
    for key, value in pins.items():
        made = changed(made, key, value)
    made["report"] = {"uri": report.uri, "digest": report.digest, "verdict": "pass"}
    made["id"] = following(today, (await history(at.repository, tip)).last)
    release = checked(made, "the candidate")
    _check_judged(release, running, judged)
    await verify(release, at.store)
    return release, tip


def refuse_failed(judged: Judged) -> None:
    """Raises PromotionError with the reasons unless the report passed."""
    if not judged.passed:
        raise PromotionError("the report did not pass: " + "; ".join(judged.reasons or ("it has no verdict",)))


def _plain(release: Release | None) -> dict[str, Any]:
    import msgspec

    made = msgspec.to_builtins(release) if release else {}
    return {key: value for key, value in made.items() if value is not None}


def _check_judged(release: Release, running: Release | None, judged: Judged) -> None:
    """That the report is about this candidate and about what runs now."""
    adapter = Artifact.parse(release.model.adapter).digest if release.model else ""
    now = Artifact.parse(running.model.adapter).digest if running and running.model else ""
    if adapter != judged.candidate:
        raise PromotionError(
            f"the report judges {judged.candidate or 'nothing'}, but the candidate pins adapter {adapter or '-'}"
        )
    _check_inputs(release, judged)
    if now and judged.running != now:
        raise PromotionError(
            f"the report compares with {judged.running or 'no adapter'}, but staging runs {now} "
            f"(release {running.id if running else ''}): evaluate again"
        )
    if not [key for key, _, _ in difference(running, release) if not key.startswith(("id", "report."))]:
        raise PromotionError(f"nothing changes: staging runs all of this as {running.id if running else ''} already")


def _check_inputs(release: Release, judged: Judged) -> None:
    """That the report was made with what the release pins, as far as it says with what."""
    if release.dataset and judged.dataset and judged.dataset != release.dataset.digest:
        raise PromotionError(
            f"the report used dataset {judged.dataset}, but the candidate pins {release.dataset.digest}; evaluate again"
        )
    if release.model and judged.template and judged.template != release.model.chat_template:
        raise PromotionError(
            f"the report's answers were made with chat template {judged.template}, but the candidate pins "
            f"{release.model.chat_template}: give --adapter with the folder or artifact, whose record says it"
        )
    if judged.prompt and judged.prompt != release.prompt.digest:
        raise PromotionError(
            f"the report's answers were made with prompt {judged.prompt}, but the candidate pins {release.prompt.digest} "
            f"({release.prompt.name}): evaluate again with the code that is to be released"
        )
    pinned = release.index
    if judged.index and judged.index != index_digest(pinned.name, pinned.documents, pinned.chunks):
        raise PromotionError(
            f"the report's answers were made from another index than {pinned.name} with {pinned.chunks} passages of "
            f"{pinned.documents}, which the candidate pins: give --index with a snapshot of the one that was asked"
        )


async def promote(at: Branches, release: Release, tip: str, judged: Judged) -> Promotion:
    """Put `release`, made by `candidate` on staging's `tip`, onto staging. Raises PromotionError and ReleaseError."""
    running = await _release(at.repository, tip, STAGING)
    changes = tuple(difference(running, release))
    told = (judged.summary, _listed(changes), f"Release: {release.id}\nReport: {judged.digest}")
    message = _message(f"Release {release.id}", *told)

    async def build(onto: str) -> str:
        return await at.repository.written(onto, write(release), message)

    promotion = Promotion(release=release.id, since=running.id if running else "", branch=STAGING, commit="", changes=changes)
    return await _publish(at, promotion, tip, build, message, f"release/{release.id}")


async def to_production(at: Branches) -> Promotion:
    """Merge staging into production, and state what production holds: exactly what staging does.

    A merge alone is not enough. After a rollback git takes the release for merged, and would keep the old pins without a word.
    """
    staging, tip = await _tip(at.repository, STAGING), await _tip(at.repository, PRODUCTION)
    release = await _release(at.repository, staging, STAGING)
    if release is None:
        raise PromotionError("staging has no release.yaml yet: `twin release promote` writes the first")
    await verify(release, at.store)
    running = await _release(at.repository, tip, PRODUCTION)
    if await at.repository.tree(staging) == await at.repository.tree(tip):
        raise PromotionError(f"production holds what staging holds already: release {release.id}")
    changes = tuple(difference(running, release))
    message = _message(f"Promote release {release.id} to production", _listed(changes), f"{PROMOTES}: {staging}")

    async def build(onto: str) -> str:
        await refuse_own(at.repository, onto, staging)
        return await at.repository.merged(onto, staging, message)

    promotion = Promotion(
        release=release.id, since=running.id if running else "", branch=PRODUCTION, commit="", changes=changes
    )
    return await _publish(at, promotion, tip, build, message, f"promote/{release.id}-{tip[:12]}")


async def rollback(at: Branches, branch: str, reason: str = "") -> Promotion:
    """Take back the last release commit of `branch` that still stands, and nothing else. Raises as `promote`."""
    tip = await _tip(at.repository, branch)
    running = await _release(at.repository, tip, branch)
    standing = (await history(at.repository, tip)).standing
    if not standing:
        raise PromotionError(f"{branch} has no release to take back")
    last = standing[-1]
    former = await _release(at.repository, last.parents[0], branch) if last.parents else None
    if former is None:
        raise PromotionError(f"{branch} has no release before {running.id if running else 'this one'} to go back to")
    await verify(former, at.store)
    changes = tuple(difference(running, former))
    title = f"Roll back {running.id if running else last.title} to {former.id}"
    message = _message(title, reason, _listed(changes), f"{REVERTS}: {last.commit}")
    text = await at.repository.read(last.parents[0])

    async def build(onto: str) -> str:
        commit = await at.repository.reverted(onto, last.commit, message)
        if await at.repository.read(commit) != text:
            raise PromotionError(f"taking back {last.commit[:12]} does not bring back {former.id}: revert it by hand")
        return commit

    promotion = Promotion(release=former.id, since=running.id if running else "", branch=branch, commit="", changes=changes)
    return await _publish(at, promotion, tip, build, message, f"rollback/{branch}-{last.commit[:12]}")


async def _publish(
    at: Branches, promotion: Promotion, tip: str, build: Callable[[str], Awaitable[str]], message: str, aside: str
) -> Promotion:
    from dataclasses import replace

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
        tip = await _tip(at.repository, promotion.branch)  # somebody was faster: on top of theirs, unless it is a release
        if await at.repository.read(tip) != text:
            raise PromotionError(
                f"{promotion.branch} got another release meanwhile ({(await at.repository.look(tip)).title}); "
                f"look at it and run the command again"
            )
    raise PromotionError(f"{promotion.branch} moved {ATTEMPTS} times meanwhile; run the command again")


async def _propose(at: Branches, forge: Forge, promotion: Promotion, message: str, aside: str) -> Promotion:
    from dataclasses import replace

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


async def _tip(repository: Repository, branch: str) -> str:
    found = await repository.tip(branch)
    if not found:
        raise PromotionError(f"there is no branch {branch} at the remote: make it first (git push REMOTE HEAD:{branch})")
    return found


async def _release(repository: Repository, commit: str, branch: str) -> Release | None:
    text = await repository.read(commit)
    return None if text is None else read(text, f"release.yaml of {branch} ({commit[:12]})")


def _message(title: str, *parts: str) -> str:
    """The last part holds the trailers; what a report says can therefore not be taken for one."""
    kept = ("".join(character for character in part if character.isprintable() or character == "\n").strip() for part in parts)
    return "\n\n".join([title, *filter(None, kept)]) + "\n"


def _listed(changes: tuple[Change, ...]) -> str:
    return "\n".join(f"{key}: {old or '-'} -> {new or '-'}" for key, old, new in changes)
