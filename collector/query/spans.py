"""The buckets of a histogram: their width, and where they begin and end.  Pure."""

from typing import Final, NamedTuple

from collector.query.errors import QueryError
from collector.query.ranges import TimeRange
from watchbook.clock import SECOND_US, TIME_MAX_US
from watchbook.units import parse_duration

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: Widths to choose from, in seconds, when nobody says.
_WIDTHS: Final = (
    1, 2, 5, 10, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY, 365 * _DAY,
    3650 * _DAY, 36500 * _DAY, 365_000 * _DAY,
)  # fmt: skip
#: So many buckets fill a chart.
_WANTED: Final = 200
#: A range longer than this begins where the data does.
_LONG_US: Final = 400 * _DAY * SECOND_US
#: How far ahead of the clock events may be and still be in the chart; later ones are in the total only.
_AHEAD_US: Final = _DAY * SECOND_US


class Span(NamedTuple):
    """Buckets of ``width`` from ``begin`` (a multiple of it since the epoch) to before ``end``; microseconds."""

    begin: int
    end: int
    width: int

    @property
    def starts(self) -> range:
        """Where each bucket begins."""
        return range(self.begin, self.end, self.width)


def span_of(time_range: TimeRange, tmin: int, tmax: int, now: int, interval: str | None, buckets_max: int) -> Span:
    """Return the buckets of a range whose events lie from ``tmin`` to ``tmax``; raises QueryError.

    A range without an end ends now, or with the newest event if that is not far ahead.
    """
    end = time_range.end
    if time_range.time_to is None or end - now > _LONG_US:
        end = min(end, max(now, min(tmax, now + _AHEAD_US)) + 1)
    begin = min(time_range.time_from, end - 1)
    if end - begin > _LONG_US:
        begin = min(max(begin, tmin), end - _LONG_US)
    if interval is None:
        width = next((w for w in _WIDTHS if (end - begin) <= w * SECOND_US * _WANTED), _WIDTHS[-1]) * SECOND_US
    else:
        width = _width(interval)
    begin -= begin % width
    if (end - begin) // width >= buckets_max:
        raise QueryError(
            f"{(end - begin) // width + 1} buckets of {interval} are more than {buckets_max}; take a longer 'interval' "
            "or a shorter range",
            parameter="interval",
        )
    return Span(begin, end, width)


def _width(interval: str) -> int:
    try:
        width = round(parse_duration(interval) * SECOND_US)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"expected a duration such as 15m, 1h or 1d, found {interval[:40]!r}", parameter="interval"
        ) from error
    if not 0 < width <= TIME_MAX_US:
        raise QueryError(f"{interval[:40]!r} is too short or too long for a bucket", parameter="interval")
    return width
