"""Walks events in the order of their arrival: what ``watchbook tail`` and pollers read."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from collector.block import BlockInfo, BlockSource
from collector.query.budget import Budget
from collector.query.match import Select
from collector.query.order import Event, render
from watchbook.wire import EVENTS_MAX

#: Blocks asked for at a time.
_BLOCKS: Final = 64


class Arrived(NamedTuple):
    """Events in order of arrival, and the number of the last event looked at: go on after it."""

    events: list[Event]
    last_number: int


def arrived(source: BlockSource, select: Select, after: int, limit: int, budget: Budget) -> Arrived:
    """Return up to ``limit`` matching events with an arrival number above ``after``."""
    newest = source.last_number()
    if after > newest:
        return Arrived([], newest)  # the store is another, or was emptied
    events: list[Event] = []
    last = after
    for info in _blocks_after(source, after):
        if budget.exhausted():
            break
        for index in _matching(source, select, info, last, budget):
            events.append(index.event)
            if len(events) == limit:
                return Arrived(events, index.number)
        last = info.number + info.n - 1
    return Arrived(events, last)


class _Numbered(NamedTuple):
    number: int
    event: Event


def _matching(source: BlockSource, select: Select, info: BlockInfo, after: int, budget: Budget) -> Iterator[_Numbered]:
    try:
        block = source.read(info)
    except KeyError:
        return  # retention dropped it since it was listed
    budget.spend(info.n)
    candidates = range(max(0, after + 1 - info.number), block.batch.n)
    for index in select(block.batch, candidates):
        yield _Numbered(info.number + index, render(block, index))


def _blocks_after(source: BlockSource, after: int) -> Iterator[BlockInfo]:
    infos = source.arrived_after(after, _BLOCKS)
    if not infos or infos[0].number != after + 1:
        yield from _rest_of_block(source, after)
    while infos:
        yield from infos
        infos = source.arrived_after(infos[-1].number, _BLOCKS)


def _rest_of_block(source: BlockSource, after: int) -> Sequence[BlockInfo]:
    """Return the block that ``after`` lies in, when it is not its last event: a page ended in the middle of it."""
    near = source.arrived_after(after - EVENTS_MAX, EVENTS_MAX)
    return [info for info in near if info.number <= after < info.number + info.n - 1]
