"""A candidate that passed -> a commit on staging; staging -> production; and back. Knows no git, no forge and no clock.

Whatever is refused leaves the branch as it was: a commit is made beside everything that is there, and pushed only as the next
one after the tip that was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.errors import PromotionError
from twin.records import Artifact
from twin.release.past import history, refuse_own
from twin.release.promotion_ports import Judged, Store
from twin.release.publish import Branches, Promotion, listed, message_of, publish, release_of, tip_of
from twin.release.reading import checked
from twin.release.release import Images, Release, artifacts, changed, difference, following, index_digest, write

STAGING, PRODUCTION = "staging", "production"
REVERTS, PROMOTES = "Rolls-back", "Promotes"  # trailers of a commit's message


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
    tip = await tip_of(at.repository, STAGING)
    running = await release_of(at.repository, tip, STAGING)
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
    running = await release_of(at.repository, tip, STAGING)
    changes = tuple(difference(running, release))
    told = (judged.summary, listed(changes), f"Release: {release.id}\nReport: {judged.digest}")
    message = message_of(f"Release {release.id}", *told)

    async def build(onto: str) -> str:
        return await at.repository.written(onto, write(release), message)

    promotion = Promotion(release=release.id, since=running.id if running else "", branch=STAGING, commit="", changes=changes)
    return await publish(at, promotion, tip, build, message, f"release/{release.id}")


async def imaged(at: Branches, images: Images, prompt: str, head: str, *, today: str) -> Promotion | None:
    """Pin other images on staging and nothing else: all that was judged stays, and so does the report. `head` is the commit
    that they are of, and `prompt` the digest of its prompt.

    None where staging has no release yet; without changes where it runs them already. Raises PromotionError where staging has
    moved on, so that of two builds the older never wins, or where the code has another prompt than was judged.
    """
    from msgspec.structs import replace

    tip = await tip_of(at.repository, STAGING)
    running = await release_of(at.repository, tip, STAGING)
    if running is None:
        return None
    if running.images == images:
        return Promotion(release=running.id, since=running.id, branch=STAGING, commit="")
    if running.prompt.digest != prompt:
        raise PromotionError(
            f"the code's prompt is {prompt}, but release {running.id} was judged with {running.prompt.digest} "
            f"({running.prompt.name}): evaluate with these images, then give their report beside --images"
        )
    release = replace(running, id=following(today, (await history(at.repository, tip)).last), images=images)
    changes = tuple(difference(running, release))
    message = message_of(f"Release {release.id}", f"Images of {head[:12]}.", listed(changes), f"Release: {release.id}")

    async def build(onto: str) -> str:
        if onto != head:
            raise PromotionError(f"{STAGING} moved meanwhile: it is at {onto[:12]}, and these images are of {head[:12]}")
        return await at.repository.written(onto, write(release), message)

    promotion = Promotion(release=release.id, since=running.id, branch=STAGING, commit="", changes=changes)
    return await publish(at, promotion, tip, build, message, f"release/{release.id}")


async def to_production(at: Branches) -> Promotion:
    """Merge staging into production, and state what production holds: exactly what staging does.

    A merge alone is not enough. After a rollback git takes the release for merged, and would keep the old pins without a word.
    """
    staging, tip = await tip_of(at.repository, STAGING), await tip_of(at.repository, PRODUCTION)
    release = await release_of(at.repository, staging, STAGING)
    if release is None:
        raise PromotionError("staging has no release.yaml yet: `twin release promote` writes the first")
    await verify(release, at.store)
    running = await release_of(at.repository, tip, PRODUCTION)
    if await at.repository.tree(staging) == await at.repository.tree(tip):
        raise PromotionError(f"production holds what staging holds already: release {release.id}")
    changes = tuple(difference(running, release))
    message = message_of(f"Promote release {release.id} to production", listed(changes), f"{PROMOTES}: {staging}")

    async def build(onto: str) -> str:
        await refuse_own(at.repository, onto, staging)
        return await at.repository.merged(onto, staging, message)

    promotion = Promotion(
        release=release.id, since=running.id if running else "", branch=PRODUCTION, commit="", changes=changes
    )
    return await publish(at, promotion, tip, build, message, f"promote/{release.id}-{tip[:12]}")


async def rollback(at: Branches, branch: str, reason: str = "") -> Promotion:
    """Take back the last release commit of `branch` that still stands, and nothing else. Raises as `promote`."""
    tip = await tip_of(at.repository, branch)
    running = await release_of(at.repository, tip, branch)
    standing = (await history(at.repository, tip)).standing
    if not standing:
        raise PromotionError(f"{branch} has no release to take back")
    last = standing[-1]
    former = await release_of(at.repository, last.parents[0], branch) if last.parents else None
    if former is None:
        raise PromotionError(f"{branch} has no release before {running.id if running else 'this one'} to go back to")
    await verify(former, at.store)
    changes = tuple(difference(running, former))
    title = f"Roll back {running.id if running else last.title} to {former.id}"
    message = message_of(title, reason, listed(changes), f"{REVERTS}: {last.commit}")
    text = await at.repository.read(last.parents[0])

    async def build(onto: str) -> str:
        commit = await at.repository.reverted(onto, last.commit, message)
        if await at.repository.read(commit) != text:
            raise PromotionError(f"taking back {last.commit[:12]} does not bring back {former.id}: revert it by hand")
        return commit

    promotion = Promotion(release=former.id, since=running.id if running else "", branch=branch, commit="", changes=changes)
    return await publish(at, promotion, tip, build, message, f"rollback/{branch}-{last.commit[:12]}")
