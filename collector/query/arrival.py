"""Walks events in the order of their arrival: what ``watchbook tail`` and pollers read."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from collector.block import BlockInfo, BlockSource
from collector.query.budget import Budget
from collector.query.cache import CachedBlocks
from collector.query.match import Select
from collector.query.render import render
from watchbook.wire import EVENTS_MAX, WireError

#: Blocks asked for at a time.
_BLOCKS: Final = 64
#: How often a block that was moved since it was listed is looked for anew.
_TRIES: Final = 4


class Arrived(NamedTuple):
    """Events (JSON) in order of arrival, their numbers, and the number of the last one looked at: go on after it."""

    events: list[bytes]
    numbers: list[int]
    last_number: int


class Arrivals:
    """Reads in order of arrival for one query."""

    def __init__(self, source: BlockSource, blocks: CachedBlocks, select: Select, budget: Budget) -> None:
        self._source = source
        self._blocks = blocks
        self._select = select
        self._budget = budget
        self._generations: dict[str, str] = {}

    def after(self, number: int, limit: int) -> Arrived:
        """Return up to ``limit`` matching events with an arrival number above ``number``."""
        newest = self._source.last_number()
        if number > newest:
            return Arrived([], [], newest)  # the store is another, or was emptied
        events: list[bytes] = []
        numbers: list[int] = []
        last, moved = number, 0
        while last < newest and len(events) < limit and not self._budget.exhausted():
            before = last
            for info in self._listed(last):
                try:
                    last = self._read(info, last, limit, events, numbers)
                except KeyError:
                    moved += 1  # sealed meanwhile: the same events lie elsewhere, or retention dropped them
                    if moved >= _TRIES:
                        last = info.number + info.n - 1
                    break
                moved = 0
                if len(events) >= limit or self._budget.exhausted():
                    break
            else:
                if last == before:
                    break
        return Arrived(events, numbers, last)

    def _read(self, info: BlockInfo, after: int, limit: int, events: list[bytes], numbers: list[int]) -> int:
        """Add the events of a block; return the number of the last one looked at.  Raises KeyError when it is gone."""
        end = info.number + info.n - 1
        self._budget.spend(info.n)
        try:
            block = self._blocks.read(info, self._generations.get(info.segment, ""))
        except WireError:
            return end
        hits = self._select(block, range(max(0, after + 1 - info.number), block.batch.n))
        room = limit - len(events)
        events += render(block, hits[:room])
        numbers += [info.number + hit for hit in hits[:room]]
        return info.number + hits[room - 1] if len(hits) >= room else end

    def _listed(self, after: int) -> Iterator[BlockInfo]:
        self._generations = {segment.name: segment.generation for segment in self._source.segments()}
        infos = self._source.arrived_after(after, _BLOCKS)
        if not infos or infos[0].number != after + 1:
            yield from self._rest_of_block(after)
        yield from infos

    def _rest_of_block(self, after: int) -> Sequence[BlockInfo]:
        """Return the block that ``after`` lies in, when it is not its last event: a page ended in the middle of it."""
        near = self._source.arrived_after(max(0, after - EVENTS_MAX), EVENTS_MAX)
        return [info for info in near if info.number <= after < info.number + info.n - 1]
