"""A report and thresholds -> a verdict with its reasons. A pure function: the same report and thresholds give the same verdict.

A candidate passes when every rule is kept by the worse end of its interval: what is not known to be good enough is refused. All
rules must be kept at once, so testing many needs no correction (Berger, Technometrics 24, 1982).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from twin.errors import GateError
from twin.release.bootstrap import interval, least_documents, least_resamples, resampled
from twin.release.measures.catalogue import MEASURES
from twin.release.report import OTHER, Report, digest_of, possible
from twin.release.summary import differences, summaries
from twin.release.thresholds import Rule, Thresholds

PINNED = ("candidate", "running", "dataset", "questions", "chat_template")
TEMPLATE = PINNED[-1]
UNCOMPARED = ", so nothing says that serving renders as training did; evaluate again"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NEARLY = 1e-8  # what another processor may add up differently
_SHOWN = 3


class Check(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule on one report. `gain` is the mean difference in the direction of better, `bound` the least that `low` may be.

    What could not be judged has no numbers.
    """

    measure: str
    wanted: str
    bound: float
    confidence: float
    gain: float | None
    low: float | None
    high: float | None
    passed: bool


class Verdict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`pass` or `refuse`, why, and each rule's numbers. `report` and `thresholds` are the digests of what was judged."""

    verdict: str
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    report: str
    thresholds: str

    @property
    def passed(self) -> bool:
        """Whether the candidate may be promoted."""
        return self.verdict == "pass"


def decide(report: Report, thresholds: Thresholds) -> Verdict:
    """The verdict on `report`. Never raises for what a report holds: what cannot be judged is refused, with the reason."""
    reasons = list(_unfit(report))
    if not possible(report):
        reasons.append("seed or number of resamples is none that an evaluation has")
        return _verdict(report, thresholds, reasons, [_unknown(rule) for rule in thresholds.rules])
    lacking = {rule: _unmeasured(report, rule) for rule in thresholds.rules}
    reasons += _grouped(lacking)
    checks = [_unknown(rule) for rule, found in lacking.items() if found]
    checks += _checks(report, [rule for rule, found in lacking.items() if not found])
    reasons += [_too_bad(check) for check in checks if check.low is not None and not check.passed]
    return _verdict(report, thresholds, reasons, checks)


def _verdict(report: Report, thresholds: Thresholds, reasons: Sequence[str], checks: Sequence[Check]) -> Verdict:
    return Verdict(
        verdict="refuse" if reasons else "pass",
        reasons=tuple(reasons),
        checks=tuple(sorted(checks, key=lambda check: check.measure)),
        report=report.digest,
        thresholds=thresholds.digest,
    )


def enforce(verdict: Verdict) -> None:
    """Raises GateError with all reasons unless the candidate passed."""
    if not verdict.passed:
        raise GateError("the gate refuses the candidate: " + "; ".join(verdict.reasons))


def _unfit(report: Report) -> Iterator[str]:
    """Why the report as a whole may not be judged."""
    if report.digest != digest_of(report):
        yield "the report was changed after it was made: its content is not what its digest says; evaluate again"
    elif possible(report) and not _follows(report):
        yield "the report's summary does not follow from its scores; evaluate again"
    for name in dict.fromkeys((*_needed(report), *report.inputs)):
        if not _DIGEST.fullmatch(report.inputs.get(name, "")):
            yield f"{name} is not pinned by a digest" + (UNCOMPARED if name == TEMPLATE else "")
    for name, model in (("candidate", report.candidate), ("running", report.running)):
        if model.digest != report.inputs.get(name):
            yield f"{name}: the report names two digests for it"
    ids = [row.id for row in report.rows]
    if len(set(ids)) != len(ids):
        yield "a question stands in the report twice"
    yield from report.broken
    if report.leaked:
        yield f"the split leaks: {len(report.leaked)} questions are from what was trained on ({_some(report.leaked)})"


def _needed(report: Report) -> tuple[str, ...]:
    """What must be pinned. No server but a vLLM shows its tokens, so of another none can be compared: the report says so."""
    return tuple(name for name in PINNED if name != TEMPLATE) if report.serving == OTHER else PINNED


def _follows(report: Report) -> bool:
    made = summaries(report.rows, seed=report.seed, resamples=report.resamples)
    if made.keys() != report.measures.keys():
        return False
    fields = ("candidate", "running", "difference", "low", "high")
    pairs = [(getattr(made[name], field), getattr(report.measures[name], field)) for name in made for field in fields]
    return all(one == other or (one is not None and other is not None and abs(one - other) <= _NEARLY) for one, other in pairs)


def _grouped(lacking: Mapping[Rule, str]) -> list[str]:
    """Each reason once, with the measures that it holds for."""
    measures: dict[str, list[str]] = {}
    for rule, reason in lacking.items():
        if reason:
            measures.setdefault(reason, []).append(rule.measure)
    return [f"{', '.join(names)}: {reason}" for reason, names in measures.items()]


def _unmeasured(report: Report, rule: Rule) -> str:
    """Why the scores of one rule's measure cannot be judged; empty when they can."""
    name, rows = rule.measure, report.rows
    if not any(name in row.scores for row in rows):
        return f"was not measured: it needs {MEASURES[name].needs}"
    missing = [row.id for row in rows if None in row.scores.get(name, (None,))]
    if missing:
        return f"{len(missing)} of {len(rows)} questions have no score ({_some(missing)})"
    if len(rows) < rule.questions:
        return f"{len(rows)} questions, and at least {rule.questions} are asked for"
    documents = len({row.document for row in rows})
    if documents < (least := least_documents(rule.confidence)):
        return f"{documents} documents say nothing at a confidence of {rule.confidence:g}: at least {least}"
    if report.resamples < (needed := least_resamples(rule.confidence, documents)):
        return f"{report.resamples} resamples are too few at a confidence of {rule.confidence:g}: at least {needed}"
    return ""


def _checks(report: Report, rules: Sequence[Rule]) -> list[Check]:
    """Each rule held against its own interval; all rules see the same resamples."""
    if not rules:
        return []
    rows = sorted(report.rows, key=lambda row: row.id)
    gains = np.stack([differences(rows, rule.measure) * MEASURES[rule.measure].sign for rule in rules], axis=1)
    documents = [row.document for row in rows]
    means = resampled(gains, documents, resamples=report.resamples, seed=report.seed)
    return [_check(rule, gains[:, at], means[:, at], len(set(documents))) for at, rule in enumerate(rules)]


def _check(rule: Rule, gains: np.ndarray, means: np.ndarray, documents: int) -> Check:
    gain = float(np.mean(gains))
    low, high = interval(means, gain, confidence=rule.confidence, documents=documents)
    return Check(
        measure=rule.measure,
        wanted=rule.wanted,
        bound=rule.gain,
        confidence=rule.confidence,
        gain=gain,
        low=low,
        high=high,
        passed=low >= rule.gain - _NEARLY,
    )


def _unknown(rule: Rule) -> Check:
    return Check(
        measure=rule.measure,
        wanted=rule.wanted,
        bound=rule.gain,
        confidence=rule.confidence,
        gain=None,
        low=None,
        high=None,
        passed=False,
    )


def _too_bad(check: Check) -> str:
    low, high = check.low or 0.0, check.high or 0.0
    if low >= 0:
        what = f"is better, but only by {low:.4g} for certain"
    else:
        what = f"{'is' if high < 0 else 'may be'} worse, by up to {-low:.4g}"
    shown = f"{check.confidence * 100:g} % interval of the gain: {low:+.4g} to {high:+.4g}"
    return f"{check.measure}: {what} ({shown}); wanted: {check.wanted}"


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join("".join(c if c.isprintable() else "\ufffd" for c in id)[:12] for id in ids[:_SHOWN])
    return shown + (", ..." if len(ids) > _SHOWN else "")
