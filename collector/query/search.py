"""Walks what is stored newest first until nothing unread can hold anything that belongs on the page.

What is left to read lies in a heap by the highest time it may hold: segments first, then their units.
Once the page is full and its oldest event is newer than the highest time left, the page is right.  When the budget ends
before, only what is newer than that time is certain; the page holds just this, and the cursor goes on from there.
"""

from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from collector.block import SegmentInfo
from collector.query.budget import Reason
from collector.query.order import Newest, Position, first_at
from collector.query.ranges import TimeRange
from collector.query.reading import Question, Reader
from collector.query.units import Unit, expand
from watchbook.clock import TIME_MIN_US


class Incomplete(NamedTuple):
    """Why a page ends early, and the time (microseconds) down to which everything was searched."""

    reason: Reason
    searched_to: int


class Page(NamedTuple):
    """Events as JSON, newest first; where to go on (None: this was all, or going on would not help)."""

    events: list[bytes]
    after: Position | None
    incomplete: Incomplete | None


def search(reader: Reader, question: Question, before: Position | None, limit: int) -> Page:
    """Return up to ``limit`` events that come after ``before`` in the order of answers; raises MovedError."""
    time_range = question.time_range
    end = time_range.end if before is None else min(time_range.end, before.time + 1)
    question = question.within(TimeRange(time_range.time_from, end))
    newest = Newest(limit + 1, time_range.time_from, end, before)
    left = _Left(end)
    for segment in reader.segments(question):
        left.add(segment.tmax, segment)
    while left:
        tmax, work = left.take()
        if newest.beats(tmax):
            break
        reason = reader.budget.exhausted()
        if reason is not None:
            incomplete = Incomplete(reason, min(tmax + 1, end))
            return _incomplete_page(newest.found(), limit, incomplete, before or first_at(end))
        if isinstance(work, SegmentInfo):
            for unit in expand(reader, work, question):
                left.add(unit.tmax, unit)
        elif work.offer(newest, left.tmax):
            left.add(work.tmax, work)
    return _page(newest.found(), limit)


class _Left:
    """What is left to read, by the highest time it may hold (and that is before ``end``)."""

    def __init__(self, end: int) -> None:
        self._last = end - 1
        self._heap: list[tuple[int, int, SegmentInfo | Unit]] = []
        self._turn = count()

    def __bool__(self) -> bool:
        return bool(self._heap)

    @property
    def tmax(self) -> int:
        return -self._heap[0][0] if self._heap else TIME_MIN_US

    def add(self, tmax: int, work: SegmentInfo | Unit) -> None:
        heappush(self._heap, (-min(tmax, self._last), next(self._turn), work))

    def take(self) -> tuple[int, SegmentInfo | Unit]:
        time, _, work = heappop(self._heap)
        return -time, work


def _page(found: list[tuple[Position, bytes]], limit: int) -> Page:
    after = found[limit - 1][0] if len(found) > limit else None
    return Page([event for _, event in found[:limit]], after, None)


def _incomplete_page(found: list[tuple[Position, bytes]], limit: int, incomplete: Incomplete, before: Position) -> Page:
    certain = [(position, event) for position, event in found if position.time >= incomplete.searched_to]
    if len(certain) > limit:
        return _page(certain, limit)
    after = first_at(incomplete.searched_to)
    # Without progress (more blocks span one instant than the budget allows) the same cursor would come back for ever.
    return Page([event for _, event in certain], after if after < before else None, incomplete)
