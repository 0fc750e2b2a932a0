"""A stored block: one batch of one stream as the store keeps it.  The word that the collector's rooms share."""

from typing import NamedTuple, Protocol

from watchbook.wire import Batch


class BlockInfo(NamedTuple):
    """Where a block lies and what it spans, without its bytes.

    ``number`` is the dense arrival number of its first event, over all segments; its events are ``number`` to
    ``number + n - 1``.  ``tmin``, ``tmax`` and ``received`` are microseconds since the epoch.  ``segment`` names the
    file.
    """

    number: int
    n: int
    tmin: int
    tmax: int
    received: int
    stream: str
    sequence: int
    segment: str


class DecodedBlock(NamedTuple):
    """A block with its events as columns."""

    info: BlockInfo
    batch: Batch


class BlockSource(Protocol):
    """What queries, the tail and the rules read from.  Every call is safe from any thread and reads committed data."""

    def blocks(self, time_from: int, time_to: int) -> list[BlockInfo]:
        """Return the blocks that may hold events with ``time_from <= time < time_to``, highest ``tmax`` first."""
        ...

    def read(self, info: BlockInfo) -> DecodedBlock:
        """Return the events of a block; raises KeyError when it is gone (retention)."""
        ...

    def find(self, stream: str, sequence: int) -> BlockInfo | None:
        """Return the block that a stream's batch was stored as, if it was."""
        ...

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        """Return up to ``limit`` blocks whose first event has a number above ``number``, in order of arrival."""
        ...

    def last_number(self) -> int:
        """Return the number of the newest event, 0 when there is none."""
        ...
