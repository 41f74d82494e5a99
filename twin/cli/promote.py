"""`twin release promote|rollback|diff|check`: what passed -> a commit on staging, staging -> production, and back."""

from __future__ import annotations

import asyncio
import enum
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import Place, place
from twin.cli.release import ReportArgument
from twin.errors import ReleaseError

if TYPE_CHECKING:
    from twin.cli.pins import Wanted
    from twin.drivers.artifacts import Artifacts
    from twin.drivers.gitwork import GitWork
    from twin.release.gate import Verdict
    from twin.release.promotion_ports import Repository
    from twin.release.publish import Branches, Promotion
    from twin.release.release import Release
    from twin.release.report import Report


class Branch(enum.StrEnum):
    """An environment."""

    STAGING = "staging"
    PRODUCTION = "production"


NO_RELEASE = "there is no release on staging yet: make the first with a report and an index beside --images"
RemoteOption = Annotated[
    str,
    typer.Option(
        "--remote", help="The git remote that has the branches, or its address.", show_default="repository, or origin"
    ),
]
PushOption = Annotated[bool, typer.Option("--push", help="Push the branch itself, also where a forge is configured.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]


def promote(
    context: typer.Context,
    report: ReportArgument = "",
    to: Annotated[Branch, typer.Option("--to", help="The branch to release to.")] = Branch.STAGING,
    adapter: Annotated[str, typer.Option(help="Pin this adapter: its folder, or uri#sha256:...")] = "",
    dataset: Annotated[str, typer.Option(help="Pin this dataset: its folder, or uri#sha256:...")] = "",
    index: Annotated[
        str, typer.Option(help="Pin what `twin index snapshot -o json` printed: the file (- is stdin), or the text.")
    ] = "",
    images: Annotated[
        Path | None, typer.Option(help="Pin the images that this file names; alone, all that was judged stays as it is.")
    ] = None,
    pins: Annotated[Path | None, typer.Option(help="Pin all that this YAML or JSON file holds.")] = None,
    pin: Annotated[list[str] | None, typer.Option("--pin", help="Pin one KEY=VALUE, as in prompt.name=twin-v4.")] = None,
    thresholds: Annotated[
        Path | None, typer.Option(help="What must be shown.", show_default="thresholds.yaml of the twin's folder")
    ] = None,
    remote: RemoteOption = "",
    push: PushOption = False,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Release a candidate that passes the gate to staging, or what staging runs to production.

    The candidate is what staging runs with the given pins changed. Exit status 3 when a rule says no; then nothing has changed.
    """
    from twin.cli.pins import Wanted

    here = place(context)
    wanted = Wanted(adapter, dataset, index, pins, images, pin or ())
    if to is Branch.PRODUCTION:
        if report or wanted != Wanted():
            raise ReleaseError("production runs what staging runs: give neither a report nor pins with --to production")
        made = asyncio.run(_to_production(here, remote, push=push, dry_run=dry_run))
    elif images and not report and wanted == Wanted(images=images):
        imaged = asyncio.run(_to_staging_alone(here, images, remote, push=push, dry_run=dry_run))
        if imaged is None or not imaged.changes:
            say(f"staging runs these images already, as {imaged.release}" if imaged else NO_RELEASE)
            return
        made = imaged
    else:
        judged = _verdict(here, report, thresholds, dry_run=dry_run)
        made = asyncio.run(_to_staging(here, wanted, *judged, remote, push=push, dry_run=dry_run))
    _show(made, output, dry_run=dry_run)


async def _to_staging(
    here: Place, wanted: Wanted, held: Report, verdict: Verdict, remote: str, *, push: bool, dry_run: bool
) -> Promotion:
    from twin.cli import pins
    from twin.cli.reports import judged, kept
    from twin.cli.wiring import artifacts
    from twin.release.promote import candidate, refuse_failed
    from twin.release.promote import promote as run

    said, store = judged(held, verdict), artifacts(here, dry_run=dry_run)
    refuse_failed(said)  # before anything is kept
    at = _branches(here, remote, store, push=push, dry_run=dry_run)
    asked = {"prompt": pins.prompt(), **await pins.pinned(wanted, store)}
    where = await kept(held, verdict, store)
    today = datetime.now(UTC).date().isoformat()
    release, tip = await candidate(at, asked, said, where, today=today)
    return await run(at, release, tip, said)


async def _to_staging_alone(here: Place, images: Path, remote: str, *, push: bool, dry_run: bool) -> Promotion | None:
    """New images of the commit that is checked out here, and nothing else."""
    import msgspec

    from twin.cli import pins
    from twin.cli.wiring import artifacts
    from twin.release.promote import imaged
    from twin.release.release import Images

    try:
        named = msgspec.convert(pins.images(images), Images)
    except msgspec.ValidationError as exc:
        raise ReleaseError(f"{images}: {exc}") from exc
    at = _branches(here, remote, artifacts(here, dry_run=dry_run), push=push, dry_run=dry_run)
    head, today = (await at.repository.look("HEAD")).commit, datetime.now(UTC).date().isoformat()
    return await imaged(at, named, pins.prompt()["digest"], head, today=today)


def _verdict(here: Place, report: str, thresholds: Path | None, *, dry_run: bool) -> tuple[Report, Verdict]:
    """The report, held against the thresholds here and now: what its folder says of a verdict is not taken for one."""
    from twin.cli import kept
    from twin.cli.reports import load, read_thresholds, report_folder, save
    from twin.release.gate import decide
    from twin.release.report import digest_of

    folder, held = load(report_folder(here, report))
    verdict = decide(held, read_thresholds(thresholds or here.folder / "thresholds.yaml"))
    if not (dry_run or kept.pin_of(report)) and held.digest == digest_of(held):
        save(folder, held, verdict)
    return held, verdict


async def _to_production(here: Place, remote: str, *, push: bool, dry_run: bool) -> Promotion:
    from twin.cli.wiring import artifacts
    from twin.release.promote import to_production

    store = artifacts(here, dry_run=dry_run)
    return await to_production(_branches(here, remote, store, push=push, dry_run=dry_run))


def rollback(
    context: typer.Context,
    on: Annotated[Branch, typer.Option("--on", help="The branch whose last release is taken back.")] = Branch.STAGING,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the message of the commit.")] = "",
    remote: RemoteOption = "",
    push: PushOption = False,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take back the last release of a branch, and nothing else; once more, and it goes one release further back."""
    from twin.cli.wiring import artifacts
    from twin.release.promote import rollback as run

    here = place(context)
    at = _branches(here, remote, artifacts(here, dry_run=dry_run), push=push, dry_run=dry_run)
    _show(asyncio.run(run(at, on.value, reason)), output, dry_run=dry_run)


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="A branch at the remote, a commit, or a file.")] = Branch.PRODUCTION.value,
    new: Annotated[str, typer.Argument(help="The same.")] = Branch.STAGING.value,
    remote: RemoteOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what differs between two releases, pin by pin."""
    changes = asyncio.run(_diff(place(context), old, new, remote))
    if not show([{"key": key, "old": before, "new": after} for key, before, after in changes], output):
        table(("pin", old, new), changes, empty=f"{old} and {new} run the same release")


async def _diff(here: Place, old: str, new: str, remote: str) -> list[tuple[str, str, str]]:
    from twin.release.release import difference

    repository = _repository(here, remote)
    return difference(await _named(repository, old, here), await _named(repository, new, here))


async def _named(repository: Repository, name: str, here: Place) -> Release | None:
    """The release that `name` stands for; None where a branch or commit has none. Raises ReleaseError."""
    from twin.release.reading import read

    file = here.folder / name
    if file.is_file():
        return read(file.read_text(encoding="utf-8", errors="replace"), name)
    commit = await repository.tip(name) or (await repository.look(name)).commit
    text = await repository.read(commit)
    return None if text is None else read(text, f"release.yaml of {name}")


def check(
    context: typer.Context,
    commit: Annotated[str, typer.Argument(help="What production would become.")] = "HEAD",
    remote: RemoteOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """For CI: refuse a merge into production whose release.yaml is neither staging's nor a marked rollback (exit status 3)."""
    reason = asyncio.run(_checked(_repository(place(context), remote), commit))
    if not show({"commit": commit, "reason": reason}, output):
        say(reason)


async def _checked(repository: GitWork, commit: str) -> str:
    from twin.release.check import check as run

    return await run(repository, (await repository.look(commit)).commit)


def _repository(here: Place, remote: str) -> GitWork:
    """The clone around the twin's folder; for an address, which needs none, a repository of objects alone below .twin/."""
    from twin.drivers.gitwork import GitWork, is_address, objects_alone

    remote = remote or here.settings.repository or "origin"
    folder = objects_alone(here.made() / "releases.git") if is_address(remote) else here.folder
    return GitWork(folder, here.settings.release_file, remote)


def _branches(here: Place, remote: str, store: Artifacts, *, push: bool, dry_run: bool) -> Branches:
    from twin.release.publish import Branches

    s = here.settings
    forge = None
    if s.forge and not push:
        from twin.drivers.forge import forge_at

        forge = forge_at(s.forge, s.forge_token, s.forge_url)
    return Branches(_repository(here, remote), store, forge, dry_run)


def _show(made: Promotion, output: Output, *, dry_run: bool = False) -> None:
    if show(made, output):
        return
    table(("pin", "old", "new"), made.changes)
    if dry_run:
        say(f"{made.branch} would run release {made.release}; nothing was changed")
    elif made.request:
        say(f"release {made.release} is proposed for {made.branch}: {made.request}")
    else:
        say(f"{made.branch} runs release {made.release} (commit {made.commit[:12]}); `git pull` brings it here")
