"""A segment's index and a question, joined: which rows of which chunks match and lie in the range."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo, SegmentInfo
from collector.query.masks import SegmentMasks
from collector.query.reading import Question, Reader
from collector.query.sure import ALL, NONE, Pair, both_pairs
from collector.view import ChunkInfo, IndexView


class Part:
    """The indexed part of one segment, for one question."""

    def __init__(self, reader: Reader, segment: SegmentInfo, view: IndexView, question: Question) -> None:
        self.reader = reader
        self.segment = segment
        self.view = view
        self.question = question
        self.masks = SegmentMasks(question.plan, view, self._blocks)

    @property
    def chunks(self) -> Sequence[ChunkInfo]:
        """The chunks that may hold matching events."""
        if self.masks.never:
            return ()
        return [chunk for chunk in self.view.chunks if self.question.touches(chunk.tmin, chunk.tmax)]

    def pair(self, chunk: ChunkInfo) -> Pair:
        """Return which rows of a chunk match and lie in the range."""
        self.reader.budget.spend_rows(chunk.n)
        return both_pairs(self._inside(chunk), self.masks.of(chunk))

    def times(self, chunk: ChunkInfo) -> NDArray[np.int64]:
        """Return the event times of a chunk."""
        return self.view.times(chunk)

    def _inside(self, chunk: ChunkInfo) -> Pair:
        if self.question.holds_all(chunk.tmin, chunk.tmax):
            return ALL
        times, time_range = self.view.times(chunk), self.question.time_range
        mask = (times >= time_range.time_from) & (times < time_range.end)
        return Pair(mask, mask) if mask.any() else NONE

    def _blocks(self, chunk: ChunkInfo) -> list[BlockInfo]:
        return self.reader.blocks_of(self.segment, chunk, self.view.rows)
