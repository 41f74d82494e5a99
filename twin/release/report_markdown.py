"""A report and its verdict -> a few lines of Markdown, short enough for the body of a commit. Knows no page."""

from __future__ import annotations

from collections.abc import Iterator

from twin.release.gate import Verdict
from twin.release.measures.catalogue import MEASURES
from twin.release.report import Model, Report, Summary

DIGITS = 12
LONGEST = 200  # characters of one reason or name


def markdown(report: Report, verdict: Verdict | None = None) -> str:
    """The verdict with its reasons, what was compared, and a table of the measures; ends with a line break."""
    return "\n".join(_lines(report, verdict)) + "\n"


def _lines(report: Report, verdict: Verdict | None) -> Iterator[str]:
    yield f"Gate: {verdict.verdict if verdict else 'not judged yet'}"
    yield ""
    for reason in verdict.reasons if verdict else ():
        yield f"- {line(reason)}"
    if verdict and verdict.reasons:
        yield ""
    yield f"Candidate {_model(report.candidate)} against {_model(report.running)}"
    documents = len({row.document for row in report.rows})
    yield f"on {len(report.rows)} questions of {documents} documents, dataset {short(report.inputs.get('dataset', ''))}."
    for note in report.notes:
        yield line(note)
    yield ""
    yield "| measure | running | candidate | difference | 95 % interval |"
    yield "|---|---:|---:|---:|---|"
    for name, summary in report.measures.items():
        yield _row(name, summary)
    yield ""
    yield f"Report {report.digest}"


def _row(name: str, summary: Summary) -> str:
    if summary.running is None or summary.candidate is None or summary.difference is None:
        return f"| {line(name)} | | | | no scores |"
    digits = MEASURES[name].digits if name in MEASURES else 3
    numbers = f"{summary.running:.{digits}f} | {summary.candidate:.{digits}f} | {summary.difference:+.{digits}f}"
    return f"| {line(name)} | {numbers} | {summary.low:+.{digits}f} to {summary.high:+.{digits}f} |"


def _model(model: Model) -> str:
    kind = "" if model.kind == "adapter" else f"{model.kind} "
    return f"{kind}`{line(model.name).replace('`', '')}` ({short(model.digest)})"


def short(digest: str) -> str:
    """The first digits of a digest, as people compare them."""
    name, found, digits = digest.partition(":")
    return line(f"{name}:{digits[:DIGITS]}" if found else digest) or "not pinned"


def line(text: str) -> str:
    """`text` on one line, without what Markdown or a terminal would take for its own."""
    plain = "".join(c if c.isprintable() else " " for c in text).replace("|", "/").replace("<", "‹").replace(">", "›")
    return " ".join(plain.split())[:LONGEST]
