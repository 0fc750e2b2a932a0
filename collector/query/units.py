"""Units: what a search walks.  Each knows the highest time it may still give, and gives its newest events first."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo, DecodedBlock, SegmentInfo
from collector.query.duck import condition_of
from collector.query.order import Newest
from collector.query.parts import Part
from collector.query.reading import MovedError, Question, Reader, matching
from collector.query.sure import rows_of
from collector.view import ChunkInfo

#: Candidates that are looked at together at first; doubled from turn to turn.
_BATCH_MIN: Final = 64
_BATCH_MAX: Final = 1024
_NO_TIMES: Final = np.zeros(0, np.int64)


class Unit(Protocol):
    """Part of what is stored: a chunk of an index, a block that no index knows yet, an archived segment."""

    @property
    def tmax(self) -> int:
        """No event that the unit has not yet offered is later than this."""
        ...

    def offer(self, newest: Newest, floor: int) -> bool:
        """Offer the newest events, at least until what is left is before ``floor``; return whether anything is left.

        Returns early, but not before something was offered, when the budget is spent.  Raises MovedError.
        """
        ...


def expand(reader: Reader, segment: SegmentInfo, question: Question) -> list[Unit]:
    """Return the units of a segment."""
    if segment.tier == "archived":
        return [ArchiveUnit(reader, segment, question)]
    view = reader.view(segment)
    units: list[Unit] = []
    if view is not None:
        part = Part(reader, segment, view, question)
        units += [ChunkUnit(part, chunk) for chunk in part.chunks]
    indexed = view.rows if view is not None else 0
    units += [BlockUnit(reader, segment, info, question, indexed) for info in reader.tail(segment, indexed, question)]
    return units


class BlockUnit:
    """A block that no index knows, at least from its index ``indexed - row`` on."""

    def __init__(self, reader: Reader, segment: SegmentInfo, info: BlockInfo, question: Question, indexed: int) -> None:
        self._reader = reader
        self._segment = segment
        self._info = info
        self._question = question
        self._skip = max(0, indexed - info.row)
        self.tmax = info.tmax

    def offer(self, newest: Newest, floor: int) -> bool:  # noqa: ARG002 - it is offered at once
        """See :class:`Unit`."""
        found = self._reader.matching(self._segment, self._info, self._question, self._skip)
        if found is not None:
            newest.offer(*found)
        return False


class ChunkUnit:
    """The rows of a chunk that match surely or perhaps, by descending time."""

    def __init__(self, part: Part, chunk: ChunkInfo) -> None:
        self._part = part
        self._chunk = chunk
        self._left: _Candidates | _Few | None = None
        self._sure = False
        self._batch = _BATCH_MIN
        self.tmax = chunk.tmax

    def offer(self, newest: Newest, floor: int) -> bool:
        """See :class:`Unit`."""
        left = self._left if self._left is not None else self._begin(newest)
        begun = False
        while len(left):
            self.tmax = left.newest
            if newest.beats(self.tmax):
                return False
            if self.tmax < floor or (begun and self._part.reader.budget.exhausted()):
                return True
            begun = True
            refused = self._offer(newest, left.take(max(newest.room, self._batch)))
            if refused and left.ordered and self._part.segment.tier == "sealed":
                return False  # rows are in the order of answers: whatever is left loses too
            self._batch = min(2 * self._batch, _BATCH_MAX)
        return False

    def _begin(self, newest: Newest) -> "_Candidates | _Few":
        chunk = self._chunk
        pair = self._part.pair(chunk)
        self._sure = pair.lower is pair.upper
        rows = rows_of(pair.upper, chunk.n)
        if len(rows) <= _BATCH_MIN and self._part.segment.tier == "sealed":
            self._left = _Few(rows, chunk.tmax)
            return self._left
        times = self._part.times(chunk) if len(rows) else _NO_TIMES
        if len(rows) < chunk.n:
            times = times[rows]
        self._left = _Candidates(rows, times, newest.time_to)
        return self._left

    def _offer(self, newest: Newest, rows: NDArray[Any]) -> bool:
        part, row = self._part, self._chunk.row
        refused = False
        for block, indexes in part.reader.rows(part.segment, rows + row, part.view.rows):
            hits: Sequence[int] = indexes if self._sure else part.question.select(block, indexes)
            refused |= newest.offer(block, hits)
        return refused


class _Candidates:
    """Rows with their times, taken by descending time."""

    def __init__(self, rows: NDArray[Any], times: NDArray[np.int64], time_to: int) -> None:
        self._rows, self._times = rows, times
        #: Whether the times ascend from row to row, as in every sealed segment.
        self.ordered = len(times) < 2 or bool(np.all(times[1:] >= times[:-1]))
        if self.ordered and len(times) and times[-1] >= time_to:
            self._keep(np.arange(int(np.searchsorted(times, min(time_to, 2**62)))))
        elif len(times) and times.max() >= time_to:
            self._keep(np.flatnonzero(times < time_to))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def newest(self) -> int:
        """The highest time of what is left."""
        return int(self._times[-1] if self.ordered else self._times.max())

    def take(self, wanted: int) -> NDArray[Any]:
        """Return at least ``wanted`` rows (if there are so many) of the highest times, ascending by row."""
        taken: NDArray[Any]
        if wanted >= len(self._rows):
            taken, self._rows, self._times = self._rows, self._rows[:0], self._times[:0]
            return taken
        if self.ordered:
            taken, self._rows, self._times = self._rows[-wanted:], self._rows[:-wanted], self._times[:-wanted]
            return taken
        least = np.partition(self._times, len(self._times) - wanted)[len(self._times) - wanted]
        late = self._times >= least  # with all that share this time
        taken = self._rows[late]
        self._keep(~late)
        return taken

    def _keep(self, which: NDArray[Any]) -> None:
        self._rows, self._times = self._rows[which], self._times[which]


class _Few:
    """Rows of a sealed chunk, so few that they are taken at once: the chunk's times need not be looked at for them."""

    ordered = True

    def __init__(self, rows: NDArray[Any], tmax: int) -> None:
        self._rows = rows
        self.newest = tmax

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, _: int) -> NDArray[Any]:
        """Return the rows, ascending."""
        taken, self._rows = self._rows, self._rows[:0]
        return taken


class ArchiveUnit:
    """An archived segment, read by whoever can."""

    def __init__(self, reader: Reader, segment: SegmentInfo, question: Question) -> None:
        self._reader = reader
        self._segment = segment
        self._question = question
        self._blocks: Iterator[DecodedBlock] | None = None
        self.tmax = segment.tmax

    def offer(self, newest: Newest, floor: int) -> bool:
        """See :class:`Unit`."""
        try:
            return self._offer(newest, floor)
        except KeyError as error:
            raise MovedError(self._segment.name) from error

    def _offer(self, newest: Newest, floor: int) -> bool:
        if self._blocks is None:
            assert self._reader.archive is not None
            condition = condition_of(self._question.plan)
            self._blocks = self._reader.archive.newest(self._segment.path, condition, newest.time_from, newest.time_to)
        for block in self._blocks:
            self._reader.budget.spend(block.batch.n)
            newest.offer(block, matching(block, self._question))
            self.tmax = min(self.tmax, block.info.tmin)
            if newest.beats(self.tmax):
                return False
            if self.tmax < floor or self._reader.budget.exhausted():
                return True
        return False
