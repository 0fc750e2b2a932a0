"""The order of answers: time, then stream, sequence and index, newest first.

It is total and says nothing about blocks, so that events can be re-blocked without changing any answer.
"""

from collections.abc import Sequence
from heapq import heappush, heappushpop
from typing import NamedTuple

from collector.block import DecodedBlock
from collector.query.render import render


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
        self.size = size
        self.time_from = time_from
        self.time_to = time_to
        self._before = before
        self._heap: list[Position] = []
        self._shown: dict[Position, bytes] = {}

    @property
    def room(self) -> int:
        """How many more are wanted before the oldest has to go."""
        return self.size - len(self._heap)

    @property
    def low(self) -> int:
        """The lowest time that can still get in."""
        return self.time_from if self.room else max(self.time_from, self._heap[0].time)

    def beats(self, time: int) -> bool:
        """Return whether nothing at or before ``time`` can get in any more."""
        return not self.room and self._heap[0].time > time

    def offer(self, block: DecodedBlock, indexes: Sequence[int]) -> bool:
        """Take those of a block's events that are new enough; return whether one was refused as too old."""
        taken: dict[Position, int] = {}
        wanted, refused = self._newest_of(block, indexes)
        for position, index in wanted:
            if self.room:
                heappush(self._heap, position)
            elif position > self._heap[0]:
                dropped = heappushpop(self._heap, position)
                if taken.pop(dropped, None) is None:
                    del self._shown[dropped]
            else:
                refused = True
                break
            taken[position] = index
        self._shown.update(zip(taken, render(block, list(taken.values())), strict=True))
        return refused

    def found(self) -> list[tuple[Position, bytes]]:
        """Return what was kept, newest first, as JSON."""
        return [(position, self._shown[position]) for position in sorted(self._heap, reverse=True)]

    def _newest_of(self, block: DecodedBlock, indexes: Sequence[int]) -> tuple[list[tuple[Position, int]], bool]:
        times, low, end = block.batch.times, self.low, self.time_to
        wanted = [index for index in indexes if low <= times[index] < end]
        refused = len(wanted) < len(indexes) and any(times[index] < low for index in indexes)
        found = list(zip(_positions(block, times, wanted), wanted, strict=True))
        if self._before is not None:
            found = [(position, index) for position, index in found if position < self._before]
        found.sort(reverse=True)
        return found[: self.size], refused or len(found) > self.size


def _positions(block: DecodedBlock, times: Sequence[int], indexes: Sequence[int]) -> list[Position]:
    if block.identities is None:
        stream, sequence = block.info.stream, block.info.sequence
        return [Position(times[index], stream, sequence, index) for index in indexes]
    return [Position(times[index], *block.identities[index][:3]) for index in indexes]
