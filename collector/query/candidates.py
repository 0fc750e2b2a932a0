"""Which rows of a segment may match a plan, as far as its index can tell: for whoever looks at whole blocks."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo, BlockSource, SegmentInfo
from collector.query.masks import SegmentMasks
from collector.query.plan import Plan
from collector.query.sure import rows_of
from collector.view import ChunkInfo, IndexDamagedError, IndexSource


class Candidates(NamedTuple):
    """The rows below ``known`` that may match, ascending; of rows from there on nothing is known."""

    rows: NDArray[np.int64]
    known: int

    def may_match(self, info: BlockInfo) -> bool:
        """Return whether any event of a block may match."""
        if info.row + info.n > self.known:
            return True
        first, last = np.searchsorted(self.rows, (info.row, info.row + info.n))
        return bool(first < last)


def candidates_of(plan: Plan, segment: SegmentInfo, indexes: IndexSource, source: BlockSource) -> Candidates | None:
    """Return the rows of a segment that may match a plan; None where there is no index that can be read.

    Raises KeyError when the segment is gone.
    """
    if segment.tier == "archived":
        return None
    view = indexes.view(segment.name, segment.generation, segment.index_path)
    if view is None:
        return None

    def blocks_of(chunk: ChunkInfo) -> Sequence[BlockInfo]:
        return source.blocks(segment, chunk.row, min(chunk.row + chunk.n, view.rows))

    found = [np.zeros(0, np.int64)]
    try:
        masks = SegmentMasks(plan, view, blocks_of)
        if not masks.never:
            found += [rows_of(masks.of(chunk).upper, chunk.n) + chunk.row for chunk in view.chunks]
    except IndexDamagedError:
        return None
    return Candidates(np.concatenate(found), view.rows)
