"""A report and its verdict -> one HTML page that needs nothing else: no script, no request. Everything in it is data, escaped.

Knows no file; the template and the style stand in `page/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from twin.release.gate import PINNED, Check, Verdict
from twin.release.measures.catalogue import MEASURES, Better, Measure
from twin.release.report import Report, Row, Summary, scores
from twin.release.report_examples import Example, examples
from twin.release.report_markdown import short
from twin.release.report_plots import Interval, distributions, finite, gains, interval

LONGEST = 4_000  # characters of a text
PROBLEMS = 12
_JOINERS = "\u200c\u200d"  # of emoji and of scripts that need them
LABELS = {"questions": "Set of questions", "chat_template": "Chat template"}
UNKNOWN = Measure(Better.HIGHER, "", "a measure that this version does not know")


def page(report: Report, verdict: Verdict | None = None) -> str:
    """The page, with the verdict on top."""
    from jinja2 import Environment
    from markupsafe import Markup

    home = files("twin.release") / "page"
    template = (home / "report.html.j2").read_text(encoding="utf-8")
    style = Markup((home / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    made = Environment(autoescape=True, trim_blocks=False).from_string(template)
    return made.render(style=style, **_values(report, verdict), **_drawn(report, verdict))


def shown(text: str, longest: int = LONGEST) -> str:
    """`text` without controls that would turn or hide what stands around it, cut with a word about the rest."""
    plain = "".join(c if c.isprintable() or c in "\n\t" or c in _JOINERS else "\ufffd" for c in text[:longest])
    return plain if len(text) <= longest else f"{plain}\n… and {len(text) - longest:,} more characters"


def _values(report: Report, verdict: Verdict | None) -> dict[str, Any]:
    """All that is text."""
    lacking = [row for row in report.rows if row.problems]
    measures = [check.measure for check in verdict.checks] if verdict else list(report.measures)
    picked = examples(report, measures)
    return {
        "standing": {"pass": "Pass", "refuse": "Refused"}.get(verdict.verdict if verdict else "", "Not judged yet"),
        "outcome": verdict.verdict if verdict else "",
        "reasons": [shown(reason, 600) for reason in verdict.reasons] if verdict else [],
        "candidate": {"name": shown(report.candidate.name, 120)},
        "running": {"name": shown(report.running.name, 120), "kind": report.running.kind},
        "made": shown(report.made[:16].replace("T", " ")),
        "facts": _facts(report, verdict),
        "notes": [shown(note, 600) for note in report.notes],
        "examples": [_example(one) for one in picked],
        "over": "the measures with a rule" if verdict else "all measures",
        "questions": len(report.rows),
        "problems": [{"id": shown(row.id, 60), "text": shown("; ".join(row.problems), 400)} for row in lacking[:PROBLEMS]],
        "problem_count": len(lacking),
        "resamples": f"{report.resamples:,}",
        "seed": report.seed,
        "digest": shown(report.digest, 80),
    }


def _facts(report: Report, verdict: Verdict | None) -> list[dict[str, Any]]:
    documents = len({row.document for row in report.rows})
    facts = [("Questions", f"{len(report.rows):,} of {documents:,} documents", False)]
    names = [*(name for name in PINNED if name in report.inputs), *sorted(report.inputs.keys() - set(PINNED))]
    facts += [(LABELS.get(name, shown(name, 40).capitalize()), short(report.inputs[name]), True) for name in names]
    if verdict:
        facts.append(("Thresholds", short(verdict.thresholds), True))
    if report.judge:
        agreed = ", ".join(f"{name} {share:.0%}" for name, share in sorted(report.judge.agreement.items()))
        facts.append(("Judge", shown(report.judge.model, 120), False))
        facts.append(("Both orders agree", f"{agreed or 'never asked'} ({report.judge.judged:,} judged)", False))
    return [{"name": name, "value": value, "mono": mono} for name, value, mono in facts]


def _drawn(report: Report, verdict: Verdict | None) -> dict[str, Any]:
    checks = {check.measure: check for check in verdict.checks} if verdict else {}
    names = sorted(report.measures.keys() | checks.keys(), key=lambda name: (name not in checks, name))
    return {
        "measures": [_measure(name, report.measures.get(name), checks.get(name)) for name in names],
        "cards": [card for name in names if name in report.measures and (card := _card(report, name))],
    }


def _measure(name: str, summary: Summary | None, check: Check | None) -> dict[str, Any]:
    """One line of the table."""
    from markupsafe import Markup

    measure = MEASURES.get(name, UNKNOWN)
    known = summary if summary and summary.difference is not None else None
    drawing = _interval(measure, known, check)
    label = f"{name}: gain {drawing.low:.4g} to {drawing.high:.4g}" if drawing else ""
    line = Markup(interval(drawing, label)) if drawing else "no scores"  # noqa: S704 - drawn from numbers
    return {
        "name": shown(name, 60),
        "about": f"{measure.about}, {measure.better} is better",
        "running": _number(known.running if known else None, measure),
        "candidate": _number(known.candidate if known else None, measure),
        "difference": _number(known.difference if known else None, measure, sign="+"),
        "interval": line,
        "reach": f"{_number(drawing.low, measure, '+')} to {_number(drawing.high, measure, '+')}" if drawing else "",
        "wanted": check.wanted if check else "",
        "passed": check.passed if check else False,
        "state": "" if check is None else "kept" if check.passed else "not judged" if check.low is None else "broken",
    }


def _interval(measure: Measure, summary: Summary | None, check: Check | None) -> Interval | None:
    """The gate's own interval where it made one, else the report's, turned so that gains are above zero."""
    if check and check.gain is not None and check.low is not None and check.high is not None:
        return Interval(check.gain, check.low, check.high, check.bound)
    if summary is None or summary.difference is None or summary.low is None or summary.high is None:
        return None
    ends = sorted((summary.low * measure.sign, summary.high * measure.sign))
    return Interval(summary.difference * measure.sign, ends[0], ends[1])


def _card(report: Report, name: str) -> dict[str, Any] | None:
    from markupsafe import Markup

    measure, summary = MEASURES.get(name, UNKNOWN), report.measures[name]
    both = [(one, other) for one, other in scores(report.rows, name) if one is not None and other is not None]
    whole = _interval(measure, summary, None)
    if not both or whole is None:
        return None
    candidate, running = finite([one for one, _ in both]), finite([other for _, other in both])
    changes = [(one - other) * measure.sign for one, other in both]
    drawing, low, high = distributions(
        candidate, running, f"{name}: scores of both sides from {min(candidate + running):.4g} on"
    )
    return {
        "name": shown(name, 60),
        "about": measure.about,
        "unit": measure.unit,
        "better": measure.better,
        "distribution": Markup(drawing),  # noqa: S704 - drawn from numbers
        "gains": Markup(gains(changes, whole, f"{name}: gains of {len(changes)} questions, sorted")),  # noqa: S704 - the same
        "low": f"{low:.{measure.digits}f}",
        "high": f"{high:.{measure.digits}f}",
        "largest": f"{_number(min(changes), measure, '+')} to {_number(max(changes), measure, '+')}",
        "wins": f"{sum(change > 0 for change in changes):,}",
        "ties": f"{sum(change == 0 for change in changes):,}",
        "losses": f"{sum(change < 0 for change in changes):,}",
    }


def _example(one: Example) -> dict[str, Any]:
    row: Row = one.row
    return {
        "why": one.why,
        "question": shown(row.question, 400),
        "reference": shown(row.reference),
        "running": shown(row.running or ""),
        "candidate": shown(row.candidate or ""),
        "scores": [_score(name, row.scores) for name in sorted(row.scores)],
    }


def _score(name: str, found: Mapping[str, tuple[float | None, float | None]]) -> dict[str, str]:
    measure = MEASURES.get(name, UNKNOWN)
    candidate, running = found[name]
    return {"name": shown(name, 60), "candidate": _number(candidate, measure), "running": _number(running, measure)}


def _number(value: float | None, measure: Measure, sign: str = "") -> str:
    return "–" if value is None else f"{round(value, measure.digits) + 0.0:{sign}.{measure.digits}f}"  # no minus before zero
