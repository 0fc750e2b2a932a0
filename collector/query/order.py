"""The order of answers: time, then stream, sequence and index, newest first.

It is total and says nothing about blocks, so that events can be re-blocked without changing any answer.
"""

from collections.abc import Sequence
from heapq import heappush, heappushpop
from typing import Any, NamedTuple

import msgspec

from collector.block import DecodedBlock
from collector.query.match import Select
from watchbook.event import event_id, nest

Event = dict[str, Any]


class Position(NamedTuple):
    """Where an event stands in the order; a greater one comes earlier.  ``place`` is its index in the batch."""

    time: int
    stream: str
    sequence: int
    place: int


def first_at(time: int) -> Position:
    """Return a position that comes after every event later than or at ``time``, and before all earlier ones."""
    return Position(time, "", 0, 0)


class Newest:
    """The newest ``size`` events offered so far, in [``time_from``, ``time_to``) and after ``before``."""

    def __init__(self, size: int, time_from: int, time_to: int, before: Position | None) -> None:
        self._size = size
        self._from = time_from
        self._to = time_to
        self._before = before
        self._heap: list[tuple[Position, Event]] = []

    def beats(self, time: int) -> bool:
        """Return whether nothing at or before ``time`` can get in any more."""
        return len(self._heap) == self._size and self._heap[0][0].time > time

    def offer(self, block: DecodedBlock, select: Select) -> None:
        """Take those of a block's events that match and are new enough."""
        info, times = block.info, block.batch.times
        hits = select(block.batch, self._candidates(block))
        for time, index in sorted(((times[index], index) for index in hits), reverse=True):
            position = Position(time, info.stream, info.sequence, index)
            if self._before is not None and position >= self._before:
                continue
            if len(self._heap) < self._size:
                heappush(self._heap, (position, render(block, index)))
            elif position > self._heap[0][0]:
                heappushpop(self._heap, (position, render(block, index)))
            else:
                break

    def found(self) -> list[tuple[Position, Event]]:
        """Return what was kept, newest first."""
        return sorted(self._heap, key=lambda found: found[0], reverse=True)

    def _candidates(self, block: DecodedBlock) -> Sequence[int]:
        info, times = block.info, block.batch.times
        full = len(self._heap) == self._size
        low = max(self._from, self._heap[0][0].time) if full else self._from
        if low <= info.tmin and info.tmax < self._to:
            return range(len(times))
        return [index for index, time in enumerate(times) if low <= time < self._to]


def render(block: DecodedBlock, index: int) -> Event:
    """Return one event as the API shows it; ``details`` and ``changes`` stay ``msgspec.Raw``, as they were sent."""
    info = block.info
    flat: dict[str, Any] = {
        "id": event_id(info.stream, info.sequence, index),
        "time": block.batch.times[index],
        "received": info.received,
    }
    for name, column in block.batch.columns.items():
        value = column if isinstance(column, str) else column[index]
        # A copy: the piece itself would keep the whole block in memory.
        flat[name] = value.copy() if isinstance(value, msgspec.Raw) else value
    return nest(flat)
