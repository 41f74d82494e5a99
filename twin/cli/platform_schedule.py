"""Cron lines -> how often a month something starts, and how many hours it runs between two of them. Knows no time zone."""

from __future__ import annotations

HOURS = 730  # of an average month
DAYS_OF_A_MONTH = HOURS / 24
WEEK = 7 * 24 * 60  # minutes
FIELDS = 5


def times_of_a_month(line: str) -> float:
    """How often a line fires in an average month. Raises ValueError for a line that a week does not hold."""
    return len(_minutes(line)) / 7 * DAYS_OF_A_MONTH


def hours_of_a_month(start: str, end: str) -> float:
    """Hours from each start to the next end, in an average month. Raises ValueError as above."""
    starts, ends = _minutes(start), _minutes(end)
    running, on = False, 0
    for turn in range(2):  # the first week finds how the second begins
        for minute in range(WEEK):
            running = (running or minute in starts) and minute not in ends
            on += running and turn == 1
    return on / 60 / 7 * DAYS_OF_A_MONTH


def _minutes(line: str) -> set[int]:
    """The minutes of a week, from Sunday on, in which a cron line fires."""
    fields = line.split()
    if len(fields) != FIELDS or fields[2:4] != ["*", "*"]:
        raise ValueError(f"{line!r}: write minute, hour, *, * and days of the week, as in 0 8 * * 1-5")
    minutes, hours, days = _values(fields[0], 60), _values(fields[1], 24), {day % 7 for day in _values(fields[4], 8)}
    return {(day * 24 + hour) * 60 + minute for day in days for hour in hours for minute in minutes}


def _values(field: str, count: int) -> set[int]:
    """`*/15`, `1-5`, `0,30`."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", str(count - 1)) if span == "*" else span.partition("-")
        found |= set(range(int(first), int(last or (count - 1 if step else first)) + 1, int(step or 1)))
    return found
