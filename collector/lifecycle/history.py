"""Answers from the counts by the hour: what happened when, also when the events are long gone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.lifecycle.measure import EVERYTHING, HOUR_US
from collector.lifecycle.rollups import Bucket, TooManyCountsError, read_counts
from collector.lifecycle.settings import LifecycleSettings
from collector.problem import ApiProblem, ErrorEntry
from watchbook.clock import SECOND_US, TIME_MAX_US, TIME_MIN_US, Clock, format_rfc3339, now_us
from watchbook.units import parse_duration, parse_moment

#: Most counts in one answer: stretches of time, or with a field its values in all of them together.
_COUNTS_MAX: Final = 200_000
#: A year is enough for anybody; much more would not be a number that fits.
_INTERVAL_S_MAX: Final = 366 * 86_400.0


class History:
    """The question ``rollup``; made anew in any process, safe from any thread."""

    def __init__(self, path: Path, settings: LifecycleSettings, clock: Clock = now_us) -> None:
        """``path`` is that of ``rollups.db``, which need not be there yet."""
        self._path = path
        self._settings = settings
        self._clock = clock

    def answer(self, parameters: Mapping[str, Any]) -> bytes:
        """Return ``{interval_s, buckets: [{time, count, by?: {value: count}}], total, other?, missing?, fields}``.

        It is JSON.  ``parameters``: ``from`` and ``to`` (RFC 3339 or relative to now, either may be None), ``interval``
        (a duration, None: an hour; it is made a multiple of an hour), ``by`` (one of the fields counted, or None) and
        ``gone`` (True: only events of segments that are gone).  Hours at both ends count whole.  With ``by``, ``other``
        are events of values not counted by themselves, ``missing`` those of which no value was counted.  Events of a
        segment are counted once it is sealed.  Raises ApiProblem 400.
        """
        time_from, time_to = _range(parameters, self._clock())
        interval_us = _interval(parameters.get("interval"))
        field = self._field(parameters.get("by"))
        try:
            everything, *divided = read_counts(
                self._path, time_from, time_to, (EVERYTHING,) if field is None else (EVERYTHING, field),
                interval_us=interval_us, only_gone=bool(parameters.get("gone")), counts_max=_COUNTS_MAX,
            )  # fmt: skip
        except FileNotFoundError:
            everything, divided = [], [] if field is None else [[]]
        except TooManyCountsError as error:
            message = f"more than {_COUNTS_MAX} counts; take a wider interval, a shorter range, or no 'by'"
            raise _problem("interval", message) from error
        found = document(everything, divided[0] if divided else None, interval_us)
        return msgspec.json.encode(found | {"fields": list(self._settings.rollup_fields)})

    def _field(self, name: str | None) -> str | None:
        fields = self._settings.rollup_fields
        if name is not None and name not in fields:
            counted = f"one of {', '.join(fields)}" if fields else "none, for no field is counted"
            raise _problem("by", f"expected {counted}, found {name[:80]!r}; see 'retention.rollup_fields'")
        return name


def document(everything: Sequence[Bucket], divided: Sequence[Bucket] | None, interval_us: int) -> dict[str, Any]:
    """Return buckets in the form of a histogram's answer; ``divided``: by the values of a field, None: by none."""
    entries: dict[int, dict[str, Any]] = {
        bucket.time: {"time": format_rfc3339(bucket.time), "count": bucket.events} for bucket in everything
    }
    total = sum(bucket.events for bucket in everything)
    found = {
        "interval_s": max(1, interval_us // HOUR_US) * HOUR_US // SECOND_US,
        "buckets": list(entries.values()),
        "total": {"value": total, "exact": True},
    }
    if divided is None:
        return found
    for entry in entries.values():
        entry["by"] = {}
    for bucket in divided:
        if bucket.value is not None:
            entries[bucket.time]["by"][bucket.value] = bucket.events
    other = sum(bucket.events for bucket in divided if bucket.value is None)
    return found | {"other": other, "missing": total - sum(bucket.events for bucket in divided)}


def _range(parameters: Mapping[str, Any], now: int) -> tuple[int, int]:
    time_from = _moment(parameters, "from", now, TIME_MIN_US)
    time_to = _moment(parameters, "to", now, TIME_MAX_US + 1)
    if time_from >= time_to:
        named = f"{format_rfc3339(time_from)}, 'to' is {format_rfc3339(time_to)}"
        raise _problem("from", f"the range is empty: it is {named}")
    return time_from, time_to


def _moment(parameters: Mapping[str, Any], name: str, now: int, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        return parse_moment(str(text), now)
    except ValueError as error:
        raise _problem(name, str(error)) from error


def _interval(text: object) -> int:
    if text is None:
        return HOUR_US
    try:
        return max(HOUR_US, int(min(parse_duration(str(text)), _INTERVAL_S_MAX) * SECOND_US))
    except ValueError as error:
        raise _problem("interval", f"expected a duration such as 1h or 1d, found {str(text)[:60]!r}") from error


def _problem(parameter: str, message: str) -> ApiProblem:
    entry: ErrorEntry = {"parameter": parameter, "message": message}
    return ApiProblem(400, "parameters", f"'{parameter}': {message}", title="A parameter is wrong", errors=[entry])
