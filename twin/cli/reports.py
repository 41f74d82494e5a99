"""Reports in their folders: report.json, the verdict on it, and both as pages. Knows no measure."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from twin.digest import short
from twin.errors import ReleaseError

if TYPE_CHECKING:
    from twin.cli.place import Place
    from twin.drivers.artifacts import Artifacts
    from twin.records import Artifact
    from twin.release.gate import Verdict
    from twin.release.promotion_ports import Judged
    from twin.release.report import Report
    from twin.release.thresholds import Thresholds

REPORT, VERDICT, MARKDOWN, PAGE = "report.json", "verdict.json", "report.md", "report.html"


def folder_of(reports: Path, report: Report) -> Path:
    """Where `report` is kept below `reports`, by the first digits of its digest."""
    return reports / short(report.digest)


def save(folder: Path, report: Report, verdict: Verdict | None = None) -> None:
    """Write `report`, the pages about it, and the verdict when there is one. Raises ReleaseError."""
    import msgspec

    from twin.release.report import write
    from twin.release.report_html import page
    from twin.release.report_markdown import markdown

    files = {PAGE: page(report, verdict).encode(), MARKDOWN: markdown(report, verdict).encode()}
    if verdict is not None:
        files[VERDICT] = msgspec.json.format(msgspec.json.encode(verdict), indent=1) + b"\n"
    files[REPORT] = write(report)  # last: a folder with a report has its pages
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if verdict is None:
            (folder / VERDICT).unlink(missing_ok=True)
        for name, data in files.items():
            _replace(folder / name, data)
    except OSError as exc:
        raise ReleaseError(f"{folder}: the report cannot be written ({exc.strerror}); free some space or give --out") from exc


def load(path: Path) -> tuple[Path, Report]:
    """The report at `path`, a folder or the file itself, and its folder. Raises ReleaseError."""
    from twin.release.report import read

    file = path / REPORT if path.is_dir() else path
    try:
        return file.parent, read(file.read_bytes(), str(file))
    except OSError as exc:
        raise ReleaseError(f"{file}: cannot be read ({exc.strerror}); `twin release evaluate` makes a report") from exc


def report_folder(here: Place, text: str) -> Path:
    """The folder or file that `text` names, that of the report it pins, or the newest. Raises ReleaseError, ArtifactError."""
    from twin.cli import kept

    reports = here.home / "reports"
    return Path(kept.folder(here, text, reports).partition("#")[0]) if text else newest(reports)


def newest(reports: Path) -> Path:
    """The folder of the newest report. Raises ReleaseError when there is none."""
    found = sorted(reports.glob(f"*/{REPORT}"), key=lambda file: file.stat().st_mtime)
    if not found:
        raise ReleaseError(f"{reports}: there is no report yet; `twin release evaluate` makes one")
    return found[-1].parent


def verdict_of(folder: Path, report: Report) -> Verdict | None:
    """The verdict beside `report`, if one was given on just this one."""
    import msgspec

    from twin.release.gate import Verdict

    try:
        verdict = msgspec.json.decode((folder / VERDICT).read_bytes(), type=Verdict)
    except (OSError, msgspec.DecodeError):
        return None
    return verdict if verdict.report == report.digest else None


def read_thresholds(file: Path) -> Thresholds:
    """The thresholds in `file`. Raises ReleaseError."""
    from twin.release.thresholds import parse

    try:
        return parse(file.read_bytes(), str(file))
    except OSError as exc:
        raise ReleaseError(
            f"{file}: cannot be read ({exc.strerror}); docs/guides/evaluation.md says what stands in it"
        ) from exc


def judged(report: Report, verdict: Verdict) -> Judged:
    """What a promotion must know of `report`, on which `verdict` was given just now: one that lies on a disk proves nothing."""
    from twin.release.promotion_ports import Judged
    from twin.release.report_markdown import markdown

    return Judged(
        passed=verdict.passed,
        reasons=verdict.reasons,
        summary=markdown(report, verdict).rstrip(),
        digest=report.digest,
        candidate=report.candidate.digest,
        running=report.running.digest if report.running.kind == "adapter" else "",
        dataset=report.inputs.get("dataset", ""),
        prompt=report.inputs.get("prompt", ""),
        index=report.inputs.get("index", ""),
        template=report.inputs.get("chat_template", ""),
    )


async def kept(report: Report, verdict: Verdict, store: Artifacts) -> Artifact:
    """`report` with its pages as an artifact: them alone, whatever else lies beside it. Raises ArtifactError, ReleaseError."""
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        save(Path(folder), report, verdict)
        return await store.put(Path(folder))


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
