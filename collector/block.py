"""What is stored, as the collector's rooms speak of it: segments, their blocks, and the events in them.

A segment is one file of events.  *Rows* number the events of a segment from 0 in the order in which they lie in it:
order of arrival while it is hot, order of time once it is sealed.  An event's *identity* (stream, sequence, index), the
number of its arrival and the time of its receipt never change, whatever file it lies in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from watchbook.wire import Batch

Tier = Literal["hot", "sealed", "archived"]


class SegmentInfo(NamedTuple):
    """One segment as it is at this moment.

    ``generation`` names the content of the file: it changes when a hot segment is replaced by its sealed form, so that
    what was remembered of the old file is not taken for the new.  ``rows`` (events) of the newest segment grow.
    ``first_number`` is the arrival number of the first event that came; numbers are dense, ``first_number + rows`` is
    the next segment's.  ``tmin`` and ``tmax`` span the event times (microseconds; both 0 without events).
    """

    name: str
    tier: Tier
    generation: str
    first_number: int
    rows: int
    tmin: int
    tmax: int
    path: Path
    index_path: Path


class BlockInfo(NamedTuple):
    """Where a block lies and what it spans, without its bytes.

    Its events are the rows ``row`` to ``row + n - 1`` of ``segment``.  ``number`` is the arrival number of its first
    event and ``stream`` and ``sequence`` name its batch; a block of a sealed segment mixes batches: there ``number`` is
    0, ``stream`` is "" and ``sequence`` is 0.  ``tmin``, ``tmax`` and ``received`` (the latest) are microseconds since
    the epoch.
    """

    number: int
    n: int
    tmin: int
    tmax: int
    received: int
    stream: str
    sequence: int
    segment: str
    row: int = 0


class Identity(NamedTuple):
    """What names an event for ever, when it was made durable, and its number in the order of arrival."""

    stream: str
    sequence: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs of an identity
    received: int
    number: int


class IdentityColumns(NamedTuple):
    """The identities of a block's events as columns; ``streams`` are places in ``names``."""

    names: Sequence[str]
    streams: NDArray[np.int64]
    sequences: NDArray[np.int64]
    indexes: NDArray[np.int64]
    received: NDArray[np.int64]
    numbers: NDArray[np.int64]


@runtime_checkable
class HasRowStarts(Protocol):
    """Blocks of which it is known where they begin, without looking at each."""

    @property
    def row_starts(self) -> NDArray[np.int64]:
        """The first row of each."""
        ...


@runtime_checkable
class HasColumns(Protocol):
    """Identities that can be had as columns, which costs far less than one by one."""

    def columns(self) -> IdentityColumns:
        """Return them as columns, one entry an event."""
        ...


class DecodedBlock(NamedTuple):
    """A block with its events as columns.

    ``identities`` has one entry an event where they cannot be told from ``info`` (a sealed segment, an archive).
    """

    info: BlockInfo
    batch: Batch
    identities: Sequence[Identity] | None = None

    def identity(self, index: int) -> Identity:
        """Return what names the event at ``index`` of this block."""
        if self.identities is not None:
            return self.identities[index]
        info = self.info
        return Identity(info.stream, info.sequence, index, info.received, info.number + index)

    def numbers(self) -> Sequence[int]:
        """Return the arrival number of each event."""
        if self.identities is None:
            return range(self.info.number, self.info.number + self.batch.n)
        numbers: list[int] = self.identity_columns().numbers.tolist()
        return numbers

    def identity_columns(self) -> IdentityColumns:
        """Return what names the events of this block, as columns."""
        identities: object = self.identities
        if isinstance(identities, HasColumns):
            return identities.columns()
        n, info = self.batch.n, self.info
        if self.identities is None:
            counted, zeros = np.arange(n, dtype=np.int64), np.zeros(n, np.int64)
            numbers, received = info.number + counted, zeros + info.received
            return IdentityColumns((info.stream,), zeros, zeros + info.sequence, counted, received, numbers)
        streams, *others = zip(*self.identities, strict=True)
        codes = {stream: code for code, stream in enumerate(dict.fromkeys(streams))}
        coded = np.fromiter(map(codes.__getitem__, streams), np.int64, n)
        return IdentityColumns(tuple(codes), coded, *(np.array(values, np.int64) for values in others))


class BlockSource(Protocol):
    """What queries, the indexer and the rules read from.  Every call is safe from any thread, reads committed data."""

    def segments(self) -> list[SegmentInfo]:
        """Return the segments there are at this moment, oldest first, whether or not they hold events."""
        ...

    def blocks(self, segment: SegmentInfo, row_from: int = 0, row_to: int | None = None) -> Sequence[BlockInfo]:
        """Return the blocks of a segment that hold any of the rows ``row_from <= row < row_to``, in order of rows.

        Empty for archived segments, which have no blocks.  Raises KeyError when the segment is gone.
        """
        ...

    def read(self, info: BlockInfo) -> DecodedBlock:
        """Return the events of a block; raises KeyError when it is gone (sealed or removed since it was listed).

        Raises WireError when its bytes are damaged.
        """
        ...

    def find(self, stream: str, sequence: int) -> Sequence[BlockInfo]:
        """Return the blocks that hold events of a stream's batch: one while hot, perhaps several once sealed."""
        ...

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        """Return up to ``limit`` batches as blocks whose first event has a number above ``number``, as they arrived.

        For a sealed segment these are its batches as they once came, put together again by :meth:`read`.
        """
        ...

    def last_number(self) -> int:
        """Return the number of the newest event, 0 when there is none."""
        ...


class Answerer(Protocol):
    """Answers questions about stored events, in whatever process; raises ApiProblem for what is wrong with one."""

    async def ask(self, question: str, parameters: Mapping[str, object]) -> bytes:
        """Return the answer as JSON (or, for an export, as the bytes asked for)."""
        ...
