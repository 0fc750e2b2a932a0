"""What is still to be sent, in order: from memory while the sender keeps up, from the spool file when it does not."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from agent.spool.spool import StoredBatch

_READ_BACK_BATCHES = 16


class Pending(NamedTuple):
    """A batch on its way out."""

    sequence: int
    created: int
    n: int
    data: bytes


class Backlog:
    """Hands out batches in the order of their sequence.  ``read_back(after, limit)`` reads them from the spool."""

    def __init__(
        self,
        read_back: Callable[[int, int], Awaitable[list[StoredBatch]]],
        *,
        last_stored: int,
        memory_bytes_max: int,
    ) -> None:
        self._read_back = read_back
        self._memory_bytes_max = memory_bytes_max
        self._memory: deque[StoredBatch] = deque()
        self._bytes = 0
        self._last_stored = last_stored
        self._added = asyncio.Event()
        self.acknowledged = 0

    def add(self, batches: Iterable[StoredBatch]) -> None:
        """Take in batches that were just stored."""
        for batch in batches:
            follows = not self._memory or self._memory[-1].sequence == batch.sequence - 1
            if follows and self._bytes + len(batch.data) <= self._memory_bytes_max:
                self._memory.append(batch)
                self._bytes += len(batch.data)
            self._last_stored = batch.sequence
        self._added.set()

    @property
    def is_empty(self) -> bool:
        """Whether everything that was stored has been acknowledged."""
        return self.acknowledged >= self._last_stored

    async def next_after(self, sequence: int) -> Pending:
        """Return the batch that follows a sequence, waiting until there is one."""
        while True:
            while self._memory and self._memory[0].sequence <= sequence:
                self._bytes -= len(self._memory.popleft().data)
            if self._memory and self._memory[0].sequence == sequence + 1:
                return Pending(*self._memory[0])
            self._added.clear()
            if self._last_stored > sequence:
                read = await self._read_back(sequence, _READ_BACK_BATCHES)
                if read:
                    self._replace(read)
                    return Pending(*read[0])
            await self._added.wait()

    def _replace(self, batches: list[StoredBatch]) -> None:
        self._memory = deque(batches)
        self._bytes = sum(len(batch.data) for batch in batches)

    def restart(self, last_stored: int, acknowledged: int) -> None:
        """Forget what is in memory: the numbers have changed."""
        self._memory.clear()
        self._bytes = 0
        self._last_stored = last_stored
        self.acknowledged = acknowledged
        self._added.set()
