"""Times in queries: ``time:>2026-11-20T10:00Z``, ``received:>-1h``, ``time:2026-11-01..2026-11-02``.

A date alone is a whole day (UTC): ``..2026-11-02`` includes it, ``>2026-11-02`` begins after it.
"""

import re
from typing import Final

from collector.query.errors import QueryError
from collector.query.pattern import Value
from collector.query.plan import Between, Compare, Operator, Test
from collector.query.ranges import parse_moment
from watchbook.clock import SECOND_US, parse_rfc3339

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAY_US: Final = 86_400 * SECOND_US


def within(value: Value, now: int) -> Test:
    """Return the test of ``time:2026-11-01`` (a day) or of an exact time; raises QueryError."""
    text = value.text.strip()
    if text.startswith("-"):
        raise QueryError(
            f"a time is compared: {text[:20]!r} alone is one moment", value.position, suggestion=f">{text[:20]}"
        )
    first, last = _span(text, value.position, now)
    return Compare("=", first) if first == last else Between(first, last)


def comparison(operator: Operator, value: Value, now: int) -> Test:
    """Return the test of ``time:>moment``; raises QueryError."""
    first, last = _span(value.text.strip(), value.position, now)
    return Compare(operator, last if operator in (">", "<=") else first)


def period(value: Value, now: int) -> Test:
    """Return the test of ``time:from..to``, either of which may be missing; raises QueryError."""
    begin, _, end = value.text.partition("..")
    if not begin and not end:
        raise QueryError("expected a time on a side of the '..'", value.position)
    first = _span(begin, value.position, now)[0] if begin else None
    last = _span(end, value.position, now)[1] if end else None
    if first is None or last is None:
        return Compare(">=", first) if first is not None else Compare("<=", last or 0)
    if first > last:
        raise QueryError(f"the range is empty: {begin[:40]!r} is after {end[:40]!r}", value.position)
    return Between(first, last)


def _span(text: str, position: int | None, now: int) -> tuple[int, int]:
    """Return the first and the last microsecond that a text names."""
    if _DATE.fullmatch(text):
        try:
            first = parse_rfc3339(f"{text}T00:00:00Z")
        except ValueError as error:
            raise QueryError(f"{text!r} is no date: {error}", position) from error
        return first, first + _DAY_US - 1
    try:
        moment = parse_moment(text, now, "q")
    except QueryError as error:
        error.position = position
        raise
    return moment, moment
