"""What one query reads through: segments as they were when it began, their indexes, and blocks.

What vanishes while the query runs (a segment is sealed: same events, another file) raises :class:`MovedError`, and the
query begins anew with a fresh listing.  So no event is missed, and none is shown twice.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo, BlockSource, DecodedBlock, HasRowStarts, SegmentInfo
from collector.query.archive import Archive
from collector.query.budget import Budget
from collector.query.cache import CachedBlocks
from collector.query.match import Select, compile_plan
from collector.query.memory import Memory
from collector.query.named import NamedView
from collector.query.plan import EVERYTHING, Plan
from collector.query.ranges import TimeRange
from collector.view import ChunkInfo, IndexSource, IndexView
from watchbook.wire import WireError


class MovedError(Exception):
    """What the query was reading is no longer where it was; begin anew."""


class Found(NamedTuple):
    """Events of a block, by ascending index."""

    block: DecodedBlock
    indexes: Sequence[int]


class _Listing(NamedTuple):
    infos: Sequence[BlockInfo]
    rows: NDArray[np.int64]


class Question:
    """A plan over a time range, and what was worked out about it once."""

    def __init__(self, plan: Plan, time_range: TimeRange, select: Select | None = None) -> None:
        self.plan = plan
        self.time_range = time_range
        self.select = select or compile_plan(plan)

    def within(self, time_range: TimeRange) -> "Question":
        """Return the same question over another range."""
        return Question(self.plan, time_range, self.select)

    @property
    def everything(self) -> bool:
        """Whether every event of the range matches."""
        return self.plan == EVERYTHING

    def holds_all(self, tmin: int, tmax: int) -> bool:
        """Return whether all times from ``tmin`` to ``tmax`` lie in the range."""
        return self.time_range.time_from <= tmin and tmax < self.time_range.end

    def touches(self, tmin: int, tmax: int) -> bool:
        """Return whether some time from ``tmin`` to ``tmax`` may lie in the range."""
        return tmax >= self.time_range.time_from and tmin < self.time_range.end


class Shelf:
    """What all queries of a process share: where they read, and what they remember."""

    def __init__(
        self,
        source: BlockSource,
        indexes: IndexSource,
        archive: Archive | None,
        blocks: CachedBlocks,
        *,
        listed_blocks: int,
        remembered_bytes: int,
    ) -> None:
        self.source = source
        self.indexes = indexes
        self.archive = archive
        self.blocks = blocks
        self.listings: Memory[Any] = Memory(listed_blocks)
        #: What chunks answered to questions before.
        self.answers: Memory[Any] = Memory(remembered_bytes)


class Reader:
    """Reads for one query; belongs to one thread."""

    def __init__(self, shelf: Shelf, budget: Budget, without_index: frozenset[str] = frozenset()) -> None:
        self.shelf = shelf
        self.budget = budget
        self._without_index = without_index
        self._begun_at = budget.decoded
        self._views: dict[str, IndexView | None] = {}
        self._listings: dict[str, _Listing] = {}
        #: Blocks whose bytes could not be read.
        self.damaged: set[tuple[str, int]] = set()

    def spent(self) -> int:
        """Return how many events this reader decoded."""
        return self.budget.decoded - self._begun_at

    @property
    def archive(self) -> Archive | None:
        """Who reads archived segments, if there is anybody."""
        return self.shelf.archive

    def segments(self, question: Question) -> list[SegmentInfo]:
        """Return the segments that may hold events of the range, the one with the newest first."""
        found = [s for s in self.shelf.source.segments() if s.rows and question.touches(s.tmin, s.tmax)]
        if self.archive is None:
            found = [segment for segment in found if segment.tier != "archived"]
        return sorted(found, key=lambda segment: segment.tmax, reverse=True)

    def view(self, segment: SegmentInfo) -> IndexView | None:
        """Return the index of a segment, None when there is none (yet)."""
        if segment.tier == "archived" or segment.generation in self._without_index:
            return None
        if segment.generation not in self._views:
            view = self.shelf.indexes.view(segment.name, segment.generation, segment.index_path)
            self._views[segment.generation] = view and NamedView(view, segment.generation)
        return self._views[segment.generation]

    def tail(self, segment: SegmentInfo, indexed: int, question: Question) -> list[BlockInfo]:
        """Return the blocks of the range that hold rows from ``indexed`` on: those that no index knows yet."""
        if segment.tier == "archived":
            return []
        infos = self._blocks(segment, indexed, None)
        return [info for info in infos if question.touches(info.tmin, info.tmax)]

    def read(self, segment: SegmentInfo, info: BlockInfo) -> DecodedBlock | None:
        """Return a block, None when its bytes are damaged; raises MovedError."""
        self.budget.spend(info.n)
        try:
            return self.shelf.blocks.read(info, segment.generation)
        except KeyError as error:
            raise MovedError(info.segment) from error
        except WireError:
            self.damaged.add((info.segment, info.row))
            return None

    def matching(self, segment: SegmentInfo, info: BlockInfo, question: Question, skip: int = 0) -> Found | None:
        """Return the events of a block, from index ``skip`` on, that match and lie in the range; None: damaged."""
        block = self.read(segment, info)
        return None if block is None else Found(block, matching(block, question, skip))

    def rows(self, segment: SegmentInfo, rows: NDArray[Any], indexed: int) -> Iterator[Found]:
        """Yield the events at ascending rows (below ``indexed``) of a segment, block by block, but for damaged ones.

        Raises MovedError.
        """
        for info, indexes in self._located(segment, rows, indexed):
            block = self.read(segment, info)
            if block is not None:
                yield Found(block, indexes)

    def blocks_of(self, segment: SegmentInfo, chunk: ChunkInfo, indexed: int) -> list[BlockInfo]:
        """Return the blocks that hold the rows of a chunk."""
        end = min(chunk.row + chunk.n, indexed)
        key = (segment.generation, chunk.row, end)
        known: list[BlockInfo] | None = self.shelf.listings.get(key)
        if known is None:
            known = list(self._blocks(segment, chunk.row, end))
            self.shelf.listings.put(key, known, len(known) + 1)
        return known

    def _located(
        self, segment: SegmentInfo, rows: NDArray[Any], indexed: int
    ) -> Iterator[tuple[BlockInfo, Sequence[int]]]:
        if not len(rows):
            return
        listing = self._listing(segment, indexed)
        which = (np.searchsorted(listing.rows, rows, "right") - 1).tolist()
        places = rows.tolist()
        start, last = 0, len(places)
        while start < last:
            at = which[start]
            info = listing.infos[at] if at >= 0 else None
            end = bisect_right(which, at, start)
            if info is None or places[end - 1] >= info.row + info.n:
                raise MovedError(segment.name)
            yield info, [place - info.row for place in places[start:end]]
            start = end

    def _listing(self, segment: SegmentInfo, indexed: int) -> _Listing:
        """Return the blocks of a segment up to the row ``indexed``: what lies before it never changes."""
        known = self._listings.get(segment.generation)
        if known is None:
            infos = self._blocks(segment, 0, indexed)
            starts = infos.row_starts if isinstance(infos, HasRowStarts) else np.array([info.row for info in infos])
            known = self._listings[segment.generation] = _Listing(infos, starts)
        return known

    def _blocks(self, segment: SegmentInfo, row_from: int, row_to: int | None) -> Sequence[BlockInfo]:
        try:
            return self.shelf.source.blocks(segment, row_from, row_to)
        except KeyError as error:
            raise MovedError(segment.name) from error


def matching(block: DecodedBlock, question: Question, skip: int = 0) -> Sequence[int]:
    """Return the indexes of a block's events, from ``skip`` on, that match and lie in the range."""
    candidates: Sequence[int] = range(skip, block.batch.n)
    if not question.holds_all(block.info.tmin, block.info.tmax):
        low, end, times = question.time_range.time_from, question.time_range.end, block.batch.times
        candidates = [index for index in candidates if low <= times[index] < end]
    return candidates if question.everything else question.select(block, candidates)
