"""Remembers the decoded blocks that were used last: consecutive queries and pages read the same ones."""

from collections.abc import Callable
from typing import Literal

from collector.block import BlockInfo, BlockSource, DecodedBlock
from collector.query.memory import Memory

Where = Literal["memory", "store"]


class CachedBlocks:
    """Keeps the last ``size`` decoded blocks of a :class:`collector.block.BlockSource`.  Thread-safe.

    ``count`` is told where each block came from.
    """

    def __init__(self, source: BlockSource, size: int, count: Callable[[Where], None]) -> None:
        self._source = source
        self._blocks: Memory[DecodedBlock] = Memory(size)
        self._count = count

    def read(self, info: BlockInfo, generation: str) -> DecodedBlock:
        """Return a block of the segment that had this generation when it was listed; raises as the source does."""
        key = (info.segment, generation, info.row, info.number, info.n)
        known = self._blocks.get(key)
        self._count("store" if known is None else "memory")
        if known is None:
            known = self._source.read(info)
            self._blocks.put(key, known)
        return known
