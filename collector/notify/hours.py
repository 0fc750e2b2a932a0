"""Hours of the week in which a route is in force: ``mon-fri 08:00-18:00``, ``sat,sun 00:00-24:00``, ``22:00-06:00``.

A span over midnight belongs to the day on which it begins.  The clock on the wall of the route's time zone counts, also
on days when it is set: an hour that is skipped never comes, one that is repeated counts twice.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchbook.clock import SECOND_US

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXPECTED: Final = "days and hours such as 'mon-fri 08:00-18:00', 'sat,sun 00:00-24:00' or '22:00-06:00'"
_DAY_MINUTES: Final = 24 * 60
_SPAN: Final = re.compile(r"(?:(?P<days>[a-z,-]+)\s+)?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")


class Hours(NamedTuple):
    """Days (0 is Monday) and the minutes of the day from ``start`` up to ``end``; ``end`` is the smaller over night."""

    days: frozenset[int]
    start: int
    end: int


def parse_hours(text: str) -> Hours:
    """Return what a text such as ``mon-fri 08:00-18:00`` names; raises ValueError saying what was expected."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(EXPECTED)
    start, end = _minutes(match["start"]), _minutes(match["end"])
    if start in (end, _DAY_MINUTES):
        raise ValueError(f"{EXPECTED}; a span that begins and ends at different times")
    return Hours(frozenset(_days(match["days"])), start, end)


def time_zone(name: str) -> tzinfo:
    """Return the zone of a name; raises ValueError when the system knows none.  UTC is known everywhere."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r} here") from error


def in_hours(spans: Iterable[Hours], zone: tzinfo, now_us: int) -> bool:
    """Return whether a moment lies in one of the spans, by the clock of a zone."""
    local = datetime.fromtimestamp(now_us // SECOND_US, zone)
    minute, today = local.hour * 60 + local.minute, local.weekday()
    return any(_holds(span, today, minute) for span in spans)


def _holds(span: Hours, today: int, minute: int) -> bool:
    if span.start < span.end:
        return today in span.days and span.start <= minute < span.end
    yesterday = (today - 1) % 7
    return (today in span.days and minute >= span.start) or (yesterday in span.days and minute < span.end)


def _minutes(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    total = hours * 60 + minutes
    if minutes > 59 or total > _DAY_MINUTES:
        raise ValueError(EXPECTED)
    return total


def _days(text: str | None) -> Iterable[int]:
    if text is None:
        yield from range(7)
        return
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise ValueError(f"{EXPECTED}; the days are {', '.join(DAYS)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        yield from ((begin + step) % 7 for step in range((end - begin) % 7 + 1))
