"""Answers from the counts by the hour: what happened when, also when the events are long gone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.lifecycle.measure import EVERYTHING, HOUR_US
from collector.lifecycle.rollups import Bucket, read_buckets
from collector.lifecycle.settings import LifecycleSettings
from collector.problem import ApiProblem, ErrorEntry
from watchbook.clock import SECOND_US, TIME_MAX_US, TIME_MIN_US, format_rfc3339, parse_rfc3339
from watchbook.units import parse_duration

#: Most stretches of time in one answer.
_BUCKETS_MAX: Final = 100_000


class History:
    """The question ``rollup``; made anew in any process, safe from any thread."""

    def __init__(self, path: Path, settings: LifecycleSettings) -> None:
        """``path`` is that of ``rollups.db``, which need not be there yet."""
        self._path = path
        self._settings = settings

    def answer(self, parameters: Mapping[str, Any]) -> bytes:
        """Return ``{interval_s, buckets: [{time, count, by?: {value: count}}], total, others?, fields}`` as JSON.

        ``parameters``: ``from`` and ``to`` (RFC 3339, either may be None), ``interval`` (a duration, None: an hour; it
        is made a multiple of an hour), ``by`` (one of the fields counted, or None) and ``gone`` (True: only what is no
        longer stored).  Hours at both ends count whole.  ``others`` are events of values not counted by themselves.
        Events of a segment are counted once it is sealed.  Raises ApiProblem 400.
        """
        time_from = _moment(parameters, "from", TIME_MIN_US)
        time_to = _moment(parameters, "to", TIME_MAX_US + 1)
        interval_us = _interval(parameters.get("interval"))
        field = self._field(parameters.get("by"))
        try:
            buckets = read_buckets(
                self._path, time_from, time_to, interval_us=interval_us, field=field,
                only_gone=bool(parameters.get("gone")),
            )  # fmt: skip
        except FileNotFoundError:
            buckets = []
        found = document(buckets, interval_us, field)
        if len(found["buckets"]) > _BUCKETS_MAX:
            raise _problem(
                "interval", f"{len(found['buckets'])} stretches of time; at most {_BUCKETS_MAX} are answered"
            )
        return msgspec.json.encode(found | {"fields": list(self._settings.rollup_fields)})

    def _field(self, name: str | None) -> str:
        fields = self._settings.rollup_fields
        if name is None:
            return EVERYTHING
        if name not in fields:
            raise _problem(
                "by", f"expected one of {', '.join(fields)}, found {name[:80]!r}; see 'retention.rollup_fields'"
            )
        return name


def document(buckets: Sequence[Bucket], interval_us: int, field: str) -> dict[str, Any]:
    """Return buckets in the form of a histogram's answer."""
    entries: dict[int, dict[str, Any]] = {}
    others = 0
    for bucket in buckets:
        entry = entries.setdefault(
            bucket.time, {"time": format_rfc3339(bucket.time), "count": 0} | ({"by": {}} if field else {})
        )
        entry["count"] += bucket.events
        if field and bucket.value is not None:
            entry["by"][bucket.value] = bucket.events
        elif field:
            others += bucket.events
    return {
        "interval_s": max(1, interval_us // HOUR_US) * HOUR_US // SECOND_US,
        "buckets": [entries[time] for time in sorted(entries)],
        "total": sum(entry["count"] for entry in entries.values()),
    } | ({"others": others} if others else {})


def _moment(parameters: Mapping[str, Any], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        return parse_rfc3339(str(text))
    except (ValueError, OverflowError) as error:
        raise _problem(name, f"expected a time such as 2026-11-21T14:00:00Z, found {str(text)[:60]!r}") from error


def _interval(text: object) -> int:
    if text is None:
        return HOUR_US
    try:
        # A year is enough for anybody; more would not be a number that fits.
        return max(HOUR_US, int(min(parse_duration(str(text)), 366 * 86400.0) * SECOND_US))
    except ValueError as error:
        raise _problem("interval", f"expected a duration such as 1h or 1d, found {str(text)[:60]!r}") from error


def _problem(parameter: str, message: str) -> ApiProblem:
    entry: ErrorEntry = {"parameter": parameter, "message": message}
    return ApiProblem(400, "parameters", f"'{parameter}': {message}", title="A parameter is wrong", errors=[entry])
