"""Which stored blocks the rules read once more after a restart, in order of arrival."""

from collections.abc import Iterator
from typing import Final

from collector.alert import Watermark
from collector.block import BlockInfo, BlockSource
from watchbook.wire import EVENTS_MAX

_AT_ONCE: Final = 64


def replay_from(source: BlockSource, mark: Watermark, span_us: int) -> int:
    """Return the time from which on events may still matter to the rules' windows, which reach back so far.

    Windows slide on event time: they are counted back from the newest event at the mark, which may be long past when
    old logs were read in.
    """
    newest = source.arrived_after(mark.number - EVENTS_MAX, EVENTS_MAX)
    times = [info.tmax for info in newest if info.number <= mark.number]
    return min([*times, mark.received]) - span_us


def blocks_before(source: BlockSource, mark: Watermark, time_from: int) -> Iterator[BlockInfo]:
    """Yield the blocks up to the mark that have events from a time on, in order of arrival."""
    for segment in source.segments():
        if segment.tmax >= time_from:
            last = min(mark.number, segment.first_number + segment.rows - 1)
            for info in arrived(source, segment.first_number, last):
                if info.tmax >= time_from:
                    yield info


def arrived(source: BlockSource, first: int, last: int) -> Iterator[BlockInfo]:
    """Yield the blocks that begin with the numbers ``first`` to ``last``."""
    after = first - 1
    while after < last and (infos := source.arrived_after(after, _AT_ONCE)):
        for info in infos:
            if info.number > last:
                return
            yield info
        after = infos[-1].number
