"""What is counted of a segment before it may go: its scopes, and its values by the hour.  Pure.

A roll-up speaks of one field at a time: how many events of an hour (UTC, by event time) had each value.  What crosses
fields is not kept: it would be as large as the events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from collector.block import DecodedBlock
from collector.lifecycle.plan import Scope, ScopeSpan
from watchbook.clock import SECOND_US, TIME_MIN_US
from watchbook.wire import Batch

HOUR_US: Final = 3600 * SECOND_US
#: The field of the counts of all events, whose only value is :data:`ALL`.
EVERYTHING: Final = ""
ALL: Final = ""
#: Stands for the values beyond ``rollup_values_max``.
OTHERS: Final = None


class HourCount(NamedTuple):
    """How many events of the hour that begins at ``hour`` (microseconds) had this value; None: one of the rarest."""

    hour: int
    field: str
    value: str | None
    events: int


class Measured(NamedTuple):
    """What was counted of a segment."""

    events: int
    received_max: int
    scopes: tuple[ScopeSpan, ...]
    hours: tuple[HourCount, ...]


class Measuring:
    """Counts a segment block by block."""

    def __init__(self, fields: Sequence[str], values_max: int) -> None:
        self._fields = fields
        self._values_max = values_max
        self._spans: dict[tuple[str | None, str | None], list[int]] = {}
        self._hours: dict[tuple[int, str], Counter[str | None]] = defaultdict(Counter)
        self._events = 0
        self._received_max = TIME_MIN_US

    def add(self, block: DecodedBlock) -> None:
        """Count the events of a block."""
        if not block.batch.n:
            return
        received = block.identity_columns().received.tolist()
        self._received_max = max(self._received_max, *received)
        self._events += block.batch.n
        _add_spans(self._spans, block.batch, received)
        _add_hours(self._hours, block.batch, self._fields)

    def result(self) -> Measured:
        """Return the counts of what was added."""
        ordered = sorted(self._spans.items(), key=lambda item: (item[0][0] or "", item[0][1] or ""))
        scopes = tuple(ScopeSpan(Scope(*scope), *span) for scope, span in ordered)
        return Measured(self._events, self._received_max, scopes, tuple(_rows(self._hours, self._values_max)))


def _add_spans(spans: dict[tuple[str | None, str | None], list[int]], batch: Batch, received: Sequence[int]) -> None:
    orgs, categories = _values(batch, "org"), _values(batch, "category")
    for scope, time, came in zip(zip(orgs, categories, strict=True), batch.times, received, strict=True):
        span = spans.get(scope)
        if span is None:
            spans[scope] = [1, time, time, came]
            continue
        span[0] += 1
        if time < span[1]:
            span[1] = time
        elif time > span[2]:
            span[2] = time
        if came < span[3]:
            span[3] = came


def _add_hours(hours: dict[tuple[int, str], Counter[str | None]], batch: Batch, fields: Sequence[str]) -> None:
    pieces = _by_hour(batch.times)
    for hour, places in pieces.items():
        hours[hour, EVERYTHING][ALL] += len(places)
    for field in fields:
        column = batch.columns.get(field)
        if column is None:
            continue
        for hour, places in pieces.items():
            if isinstance(column, str):
                hours[hour, field][column] += len(places)
            else:
                taken = column if len(pieces) == 1 else [column[place] for place in places]
                hours[hour, field].update(taken)


def _by_hour(times: Sequence[int]) -> dict[int, Sequence[int]]:
    first, last = min(times) // HOUR_US, max(times) // HOUR_US
    if first == last:
        return {first * HOUR_US: range(len(times))}
    pieces: dict[int, Any] = defaultdict(list)
    for place, time in enumerate(times):
        pieces[time // HOUR_US * HOUR_US].append(place)
    return pieces


def _rows(hours: dict[tuple[int, str], Counter[str | None]], values_max: int) -> Iterable[HourCount]:
    for (hour, field), counter in hours.items():
        counter.pop(None, None)  # events without the field
        ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0] or ""))
        yield from (HourCount(hour, field, value, events) for value, events in ordered[:values_max])
        others = sum(events for _, events in ordered[values_max:])
        if others:
            yield HourCount(hour, field, OTHERS, others)


def _values(batch: Batch, name: str) -> Sequence[str | None]:
    column = batch.column(name)
    return [None] * batch.n if column is None else column
