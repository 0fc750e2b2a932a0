"""Walks everything that matches, in whatever order, for answers that count.

What a chunk answers depends on its rows alone, and they never change: it is remembered by the segment's generation, the
chunk, the plan, and the part of the range that cuts through the chunk.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.block import SegmentInfo
from collector.query.budget import Reason
from collector.query.duck import condition_of
from collector.query.parts import Part
from collector.query.plan import RECEIVED, column_of, document, fields_of
from collector.query.reading import Found, MovedError, Question, Reader, matching
from collector.query.sure import AnyMask, count, rows_of
from collector.view import ChunkInfo, Column, IndexView

_ResultT = TypeVar("_ResultT")


class ChunkHits:
    """The rows of a chunk that match."""

    def __init__(self, walk: "Walk", part: Part, chunk: ChunkInfo) -> None:
        self._walk = walk
        self.part = part
        self.chunk = chunk
        self.exact = True

    @property
    def view(self) -> IndexView:
        """The index that the chunk belongs to."""
        return self.part.view

    @cached_property
    def mask(self) -> AnyMask:
        """Which rows match; those in doubt were decoded, unless the budget was spent: then ``exact`` is False."""
        known = self._walk.remembered(self._key("mask"))
        if known is not None:
            return known if isinstance(known, bool) else np.unpackbits(known, count=self.chunk.n).view(np.bool_)
        pair = self.part.pair(self.chunk)
        mask = pair.upper if pair.lower is pair.upper else self._verified(pair.lower, pair.upper)
        if self.exact:
            packed = mask if isinstance(mask, bool) else np.packbits(mask)
            self._walk.remember(self._key("mask"), packed, 64 if isinstance(packed, bool) else packed.nbytes)
        return mask

    def column(self, field: str) -> Column | None:
        """Return the column of a field."""
        return self.view.column(self.chunk, field)

    def matched(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values (an entry a row) of the rows that match."""
        mask = self.mask
        if isinstance(mask, bool):
            return values if mask else values[:0]
        return values[mask]

    def remembered(self, what: Hashable, work: Callable[[], _ResultT], weight: Callable[[_ResultT], int]) -> _ResultT:
        """Return the result of ``work`` on this chunk, from memory if it is there."""
        key = self._key(what)
        known: _ResultT | None = self._walk.remembered(key)
        if known is None:
            known = work()
            if self.exact:
                self._walk.remember(key, known, weight(known))
        return known

    def decoded(self) -> Iterator[Found]:
        """Yield the events that match, decoded, until the budget is spent."""
        if self._walk.may_decode():
            yield from self._rows(rows_of(self.mask, self.chunk.n))

    def sample(self, row: int) -> Found | None:
        """Return the decoded event of one row of the chunk; None when its block is damaged or the budget is spent."""
        if not self._walk.may_decode():
            return None
        part = self.part
        return next(part.reader.rows(part.segment, np.array([row + self.chunk.row]), part.view.rows), None)

    def _verified(self, lower: AnyMask, upper: AnyMask) -> NDArray[np.bool_]:
        n = self.chunk.n
        mask = np.full(n, lower) if isinstance(lower, bool) else lower.copy()
        doubtful = rows_of(upper, n)
        doubtful = doubtful[~mask[doubtful]]
        if len(doubtful):
            self.exact = self._walk.may_decode()
            if self.exact:
                for block, indexes in self._rows(doubtful):
                    hits = self.part.question.select(block, indexes)
                    mask[np.array(hits, np.int64) + (block.info.row - self.chunk.row)] = True
        return mask

    def _rows(self, rows: NDArray[Any]) -> Iterator[Found]:
        part = self.part
        for found in part.reader.rows(part.segment, rows + self.chunk.row, part.view.rows):
            yield found
            if not self._walk.may_decode():
                self.exact = False
                return

    def _key(self, what: Hashable) -> Hashable:
        chunk, question = self.chunk, self.part.question
        cut = None if question.holds_all(chunk.tmin, chunk.tmax) else question.time_range
        return (self.part.segment.generation, chunk.row, chunk.n, self._walk.plan_key, cut, what)


class Counter:
    """Counts what a walk meets.  Subclasses count something."""

    def chunk(self, hits: ChunkHits) -> None:
        """Count the rows of a chunk."""
        raise NotImplementedError

    def block(self, found: Found) -> None:
        """Count decoded events."""
        raise NotImplementedError

    def end_segment(self, segment: SegmentInfo, view: IndexView | None) -> None:
        """Take note that all of a segment was met."""


class Walk:
    """Meets everything that matches a question, for some counters at once."""

    def __init__(self, reader: Reader, question: Question) -> None:
        self._reader = reader
        self._question = question
        self.plan_key = msgspec.json.encode(document(question.plan))
        self._memory = reader.shelf.answers
        #: Why something was left out, None while nothing was.
        self.incomplete: Reason | None = None

    def run(self, counters: Sequence[Counter], fields: Iterable[str]) -> None:
        """Let counters count.  ``fields``: what they need to see of events.  Raises MovedError."""
        for segment in self._reader.segments(self._question):
            if self._reader.budget.timed_out():
                self._note()
                break
            view = None
            if segment.tier == "archived":
                self._archived(segment, counters, list(fields))
            else:
                view = self._reader.view(segment)
                self._chunks(segment, view, counters)
                self._tail(segment, view.rows if view else 0, counters)
            for counter in counters:
                counter.end_segment(segment, view)

    def may_decode(self) -> bool:
        """Return whether events may be decoded; take note if not."""
        if self.incomplete is None and self._reader.budget.exhausted():
            self._note()
        return self.incomplete is None

    def remembered(self, key: Hashable) -> Any:
        """Return what is remembered of a chunk."""
        return self._memory.get(key)

    def remember(self, key: Hashable, value: Any, weight: int) -> None:
        """Remember something of a chunk."""
        self._memory.put(key, value, weight + 200)

    def _note(self) -> None:
        self.incomplete = self._reader.budget.exhausted() or "scan_budget"

    def _chunks(self, segment: SegmentInfo, view: IndexView | None, counters: Sequence[Counter]) -> None:
        if view is None:
            return None
        part = Part(self._reader, segment, view, self._question)
        for chunk in part.chunks:
            if self._reader.budget.timed_out():
                return self._note()
            hits = ChunkHits(self, part, chunk)
            for counter in counters:
                counter.chunk(hits)
        return None

    def _tail(self, segment: SegmentInfo, indexed: int, counters: Sequence[Counter]) -> None:
        for info in self._reader.tail(segment, indexed, self._question):
            if not self.may_decode():
                return
            found = self._reader.matching(segment, info, self._question, max(0, indexed - info.row))
            if found is not None:
                _count(found, counters)

    def _archived(self, segment: SegmentInfo, counters: Sequence[Counter], fields: Sequence[str]) -> None:
        archive, time_range = self._reader.archive, self._question.time_range
        if archive is None or not self.may_decode():
            return
        condition, tested = condition_of(self._question.plan), fields_of(self._question.plan)
        columns = sorted(column_of(field) for field in {*fields, *tested} - {RECEIVED})
        span = (time_range.time_from, time_range.end)
        try:
            for block in archive.scan(segment.path, condition, *span, columns, identities=RECEIVED in tested):
                self._reader.budget.spend(block.batch.n)
                _count(Found(block, matching(block, self._question)), counters)
                if not self.may_decode():
                    return
        except KeyError as error:
            raise MovedError(segment.name) from error


def _count(found: Found, counters: Sequence[Counter]) -> None:
    if found.indexes:
        for counter in counters:
            counter.block(found)


class Total(Counter):
    """Counts events."""

    def __init__(self) -> None:
        self.value = 0

    def chunk(self, hits: ChunkHits) -> None:
        """See :class:`Counter`."""
        self.value += hits.remembered("total", lambda: count(hits.mask, hits.chunk.n), lambda _: 0)

    def block(self, found: Found) -> None:
        """See :class:`Counter`."""
        self.value += len(found.indexes)
