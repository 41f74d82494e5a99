"""Samples -> the Markdown that is printed: a row a target, the waves of streams, and each ratio beside its goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.gateway.measure import ALONE, DELAY, FRAMES, MANY, Samples, Wave

DIRECT, FLOOR, OURS, LITELLM, ANSWERS = "stub", "floor", "ours", "litellm", "answers"
FLAT = 1.02  # a second wave's peak against the first's: more is growth


def targets(samples: Samples, names: Sequence[str], missing: Mapping[str, str]) -> str:
    """One row a target; what is missing says why."""
    heads = (
        "target", f"p50 c={ALONE}", "added p50", f"p99 c={ALONE}", f"req/s c={ALONE}", f"req/s c={MANY}", f"p99 c={MANY}",
        f"processor time a request, c={MANY}",
        f"first token p50 ({MANY} streams of {FRAMES} frames at {DELAY} ms)", "added", "p99", "frames lost",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name in names:
        get = lambda figure, name=name: samples.median(name, figure)  # noqa: E731
        cells = (
            name, f"{get(f'p50@{ALONE}'):.2f} ms", f"{added(samples, name, f'p50@{ALONE}'):+.2f} ms", f"{get(f'p99@{ALONE}'):.2f} ms",
            f"{get(f'per_second@{ALONE}'):,.0f}", f"{get(f'per_second@{MANY}'):,.0f}", f"{get(f'p99@{MANY}'):.1f} ms", f"{get(f'work@{MANY}'):,.0f} µs",
            f"{get('ttft'):.2f} ms", f"{added(samples, name, 'ttft'):+.2f} ms", f"{get('ttft99'):.2f} ms",
            f"{samples.total(name, 'lost')} of {samples.total(name, 'frames'):,}",
        )  # fmt: skip
        shown = ("" if cell.startswith(("nan", "+nan", "0 of 0")) else cell for cell in cells)
        lines.append("| " + " | ".join(shown) + " |")
    lines += [f"| {name} | missing: {reason} |" + " |" * (len(heads) - 2) for name, reason in missing.items()]
    return "\n".join(lines)


def added(samples: Samples, name: str, figure: str) -> float:
    """What a target adds to the stub called directly."""
    return samples.median(name, figure) - samples.median(DIRECT, figure)


def crowds(waves: Sequence[Wave]) -> str:
    """A row a wave of streams through our gateway."""
    lines = ["| wave | streams open at once | frames lost | RSS before | at most | after | per stream |", "|---" * 7 + "|"]
    first = waves[0].before if waves else 0.0
    for number, one in enumerate(waves, 1):
        each = (one.peak - first) * 1024 / max(one.open, 1)
        lines.append(
            f"| {number} | {one.open:,} | {one.lost} of {one.asked:,}{' ' + one.reason if one.reason else ''} | {one.before:.0f} MB "
            f"| {one.peak:.0f} MB | {one.after:.0f} MB | {each:.0f} KB |"
        )
    return "\n".join(lines)


def goals(samples: Samples, waves: Sequence[Wave]) -> str:
    """Each ratio with its named baseline, its goal and whether it is met."""
    alone, many = f"p50@{ALONE}", f"per_second@{MANY}"
    pace = samples.median(OURS, many)
    busy = max(samples.median(name, many) for name in (FLOOR, OURS)) / samples.median(DIRECT, many)
    rows = [
        ("fastest relay's requests/s against the stub's own: what stub and load take away", busy, "<=", 0.5),
        (f"added p50 at c={ALONE} against the floor's", added(samples, OURS, alone) / added(samples, FLOOR, alone), "<=", 2.0),
        (f"requests/s at c={MANY} against the floor's", pace / samples.median(FLOOR, many), ">=", 0.6),
        (f"requests/s at c={MANY} against LiteLLM's", pace / samples.median(LITELLM, many), ">=", 40.0),
        (
            "added time to first token against the floor's",
            added(samples, OURS, "ttft") / added(samples, FLOOR, "ttft"),
            "<=",
            2.0,
        ),
        ("traces dropped in all those requests", samples.median(OURS, "dropped"), "<=", 0.0),
        ("frames lost in streams", float(samples.total(OURS, "lost")), "<=", 0.0),
    ]
    if len(waves) > 1:
        rows.append(("frames lost in the crowd", float(sum(one.lost for one in waves)), "<=", 0.0))
        rows.append(("memory of the last wave against the first's", waves[-1].peak / waves[0].peak, "<=", FLAT))
    return "\n".join(["| ours | ratio | goal | |", "|---|---|---|---|", *(_goal(*row) for row in rows)])


def _goal(what: str, value: float, sign: str, goal: float) -> str:
    if value != value:  # noqa: PLR0124 - NaN: a baseline is missing
        return f"| {what} | not measured | {sign} {goal:g} | |"
    met = value <= goal if sign == "<=" else value >= goal
    return f"| {what} | {value:.2f} | {sign} {goal:g} | {'met' if met else 'MISSED'} |"
