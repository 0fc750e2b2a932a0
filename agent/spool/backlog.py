"""What is still to be sent, in order: from memory while the sender keeps up, from the spool file when it does not."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from agent.spool.spool import Mark, StoredBatch

_READ_BACK_BATCHES = 16
_LOOK_AGAIN_S = 0.2


class Backlog:
    """Hands out batches in the order of their sequence.  ``read_back(after, limit)`` reads them from the spool."""

    def __init__(
        self,
        read_back: Callable[[int, int], Awaitable[list[StoredBatch]]],
        *,
        last_stored: int,
        acknowledged: Mark,
        memory_bytes_max: int,
    ) -> None:
        self._read_back = read_back
        self._memory_bytes_max = memory_bytes_max
        self._memory: deque[StoredBatch] = deque()
        self._bytes = 0
        self._last_stored = last_stored
        self._added = asyncio.Event()
        self._progress = asyncio.Event()
        self._early: Mark | None = None
        self.acknowledged = acknowledged

    def add(self, batches: Iterable[StoredBatch]) -> None:
        """Take in batches that were just stored."""
        for batch in batches:
            if batch.stream != self.acknowledged.stream:
                # Stored before the stream was renewed (then it was counted there), or after that and told early.
                self._early = Mark(batch.stream, batch.sequence)
                continue
            follows = not self._memory or self._memory[-1].sequence == batch.sequence - 1
            if follows and self._bytes + len(batch.data) <= self._memory_bytes_max:
                self._memory.append(batch)
                self._bytes += len(batch.data)
            self._last_stored = max(self._last_stored, batch.sequence)
        self._added.set()

    @property
    def is_empty(self) -> bool:
        """Whether everything that was stored has been acknowledged."""
        return self.acknowledged.sequence >= self._last_stored

    async def wait_until_empty(self, is_hopeless: Callable[[], bool]) -> None:
        """Return when everything has been acknowledged, or when ``is_hopeless`` says that it will not be."""
        while not self.is_empty and not is_hopeless():
            self._progress.clear()
            try:
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await self._progress.wait()
            except TimeoutError:
                continue

    def acknowledge(self, batch: StoredBatch) -> None:
        """Note that a batch and all before it are on disk at the collector."""
        if batch.stream == self.acknowledged.stream:
            self.acknowledged = Mark(batch.stream, batch.sequence)
            self._progress.set()

    async def next(self) -> StoredBatch:
        """Return the batch that follows what is acknowledged, waiting until there is one."""
        while True:
            after = self.acknowledged.sequence
            while self._memory and self._memory[0].sequence <= after:
                self._bytes -= len(self._memory.popleft().data)
            if self._memory and self._memory[0].sequence == after + 1:
                return self._memory[0]
            self._added.clear()
            if self._last_stored > after:
                self._replace(await self._read_back(after, _READ_BACK_BATCHES))
            if not self._memory:
                await self._added.wait()

    def _replace(self, batches: list[StoredBatch]) -> None:
        self._memory = deque(batch for batch in batches if batch.stream == self.acknowledged.stream)
        self._bytes = sum(len(batch.data) for batch in self._memory)

    def forget_memory(self) -> None:
        """Read what is next from the spool again: it has changed there."""
        self._replace([])

    def restart(self, last: Mark) -> None:
        """Begin anew in another stream whose batches, up to ``last``, are all unsent."""
        self.acknowledged = Mark(last.stream, 0)
        early = self._early.sequence if self._early and self._early.stream == last.stream else 0
        self._last_stored = max(last.sequence, early)
        self._replace([])
        self._added.set()
