"""Remembers the decoded blocks that were used last: consecutive queries and pages read the same ones."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

from collector.block import BlockInfo, BlockSource, DecodedBlock

Where = Literal["memory", "store"]
_Key = tuple[str, int, int]


class CachedBlocks:
    """A :class:`collector.block.BlockSource` that keeps the last ``size`` decoded blocks of another.  Thread-safe.

    ``count`` is told where each block came from.
    """

    def __init__(self, source: BlockSource, size: int, count: Callable[[Where], None]) -> None:
        self._source = source
        self._size = size
        self._lock = threading.Lock()
        self._blocks: OrderedDict[_Key, DecodedBlock] = OrderedDict()
        self._count = count

    def blocks(self, time_from: int, time_to: int) -> list[BlockInfo]:
        """See :class:`collector.block.BlockSource`."""
        return self._source.blocks(time_from, time_to)

    def read(self, info: BlockInfo) -> DecodedBlock:
        """See :class:`collector.block.BlockSource`."""
        key = (info.segment, info.number, info.n)
        with self._lock:
            known = self._blocks.get(key)
            if known is not None:
                self._blocks.move_to_end(key)
        self._count("store" if known is None else "memory")
        if known is not None:
            return known
        block = self._source.read(info)
        with self._lock:
            self._blocks[key] = block
            while len(self._blocks) > self._size:
                self._blocks.popitem(last=False)
        return block

    def find(self, stream: str, sequence: int) -> BlockInfo | None:
        """See :class:`collector.block.BlockSource`."""
        return self._source.find(stream, sequence)

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        """See :class:`collector.block.BlockSource`."""
        return self._source.arrived_after(number, limit)

    def last_number(self) -> int:
        """See :class:`collector.block.BlockSource`."""
        return self._source.last_number()
