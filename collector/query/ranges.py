"""The time range of a query: RFC 3339, or relative to now as people say it (``1h``, ``-7d``, ``now``)."""

from dataclasses import dataclass
from typing import Any

from collector.query.errors import QueryError
from watchbook import units
from watchbook.clock import SECOND_US, TIME_MAX_US, TIME_MIN_US, format_rfc3339


@dataclass(frozen=True)
class TimeRange:
    """``time_from <= time < time_to``, microseconds.

    ``time_to`` None: no end, so that an event from a clock that runs ahead is seen and not hidden.  ``default``: nobody
    named a beginning.
    """

    time_from: int
    time_to: int | None
    default: bool = False

    @property
    def end(self) -> int:
        """The exclusive end, also when there is none."""
        return TIME_MAX_US + 1 if self.time_to is None else self.time_to

    def document(self) -> dict[str, Any]:
        """Return the range as the API says it."""
        return {
            "from": format_rfc3339(self.time_from),
            "to": None if self.time_to is None else format_rfc3339(self.time_to),
            "default": self.default,
        }


def resolve_range(time_from: str | None, time_to: str | None, now: int, default_s: float) -> TimeRange:
    """Return the range that two texts name; without a beginning the last ``default_s`` seconds.  Raises QueryError."""
    end = None if time_to is None else parse_moment(time_to, now, "to")
    if time_from is None:
        begin = max((now if end is None else end) - int(default_s * SECOND_US), TIME_MIN_US)
    else:
        begin = parse_moment(time_from, now, "from")
    if end is not None and begin >= end:
        raise QueryError(
            f"the range is empty: 'from' ({format_rfc3339(begin)}) is not before 'to' ({format_rfc3339(end)})",
            parameter="from",
        )
    return TimeRange(begin, end, default=time_from is None)


def parse_moment(text: str, now: int, parameter: str) -> int:
    """Return the microseconds that ``2026-11-21T14:00:00Z``, ``1h`` or ``-1h`` (an hour ago) or ``now`` names.

    Raises QueryError, which names ``parameter``.
    """
    try:
        return units.parse_moment(text, now)
    except ValueError as error:
        raise QueryError(str(error), parameter=parameter) from error
