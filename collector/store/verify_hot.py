"""Looks over a hot segment: every block against the chain, its header against its content, the rows against gaps.

Each block is checked against the hash that is *stored* with the block before it, so that one changed block is named and
not all that follow; what the stored hashes themselves are worth is told by the ends of the chain.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from collector.store import hot
from collector.store.findings import Finding, Kind, SegmentReport
from collector.store.hot import HotMeta, StoredBlock
from collector.store.segment import chain_hash
from watchbook.wire import WireError, decode_batch


class HotChain(NamedTuple):
    """Where the chain of a hot segment begins and ends.

    ``ends`` has the hash after those blocks whose last number was asked for; ``received`` is the latest of the blocks.
    """

    meta: HotMeta
    next_number: int
    chain_end: bytes
    ends: dict[int, bytes]
    received: int


class HotCheck:
    """The look over one segment."""

    def __init__(self, connection: sqlite3.Connection, name: str, found: Callable[[Finding], None]) -> None:
        self._connection = connection
        self._place = f"{name}.blk"
        self._found = found
        self.meta = hot.read_meta(connection)
        self.report = SegmentReport(name, "hot", 0)
        self._last_sequences: dict[str, int] = {}
        self._damaged = False
        self._lost = 0

    def run(self, numbers: Collection[int], bytes_max: int, progress: Callable[[int], None]) -> HotChain:
        """Look at every block; the hashes at ``numbers`` are wanted, ``progress`` is told the events of each."""
        before, expected = self.meta.chain_start, self.meta.first_number
        ends: dict[int, bytes] = {}
        received = 0
        for number, block in self._blocks():
            if block is None:
                self._lost += 1
                continue
            self._check_place(number, expected)
            if not _is_well_formed(block):
                self._say("changed", "the block's row holds values of another kind than is written", number, number)
                continue
            n = block.info.n
            if self._is_right(block, before, number == expected, bytes_max):
                self.report.intact += n
            self.report.events += n
            before, expected = block.hash, number + n
            received = max(received, block.info.received)
            if expected - 1 in numbers:
                ends[expected - 1] = before
            progress(n)
        if self._lost:
            self._say("unreadable", f"the file is damaged: {self._lost} blocks cannot be read", expected, None)
        self._check_sequences()
        return HotChain(self.meta, expected, before, ends, received)

    def _check_place(self, number: int, expected: int) -> None:
        if number > expected and self._damaged:
            self._say(
                "unreadable", f"the file is damaged: {self._lost or 'some'} blocks cannot be read", expected, number - 1
            )
        elif number > expected:
            self._say("vanished", "the blocks of these events are gone", expected, number - 1)
        elif number < expected:
            text = f"the block of event {number} stands among the events before {expected}"
            self._say("moved", text, number, number)
        self._lost = 0

    def _blocks(self) -> Iterator[tuple[int, StoredBlock | None]]:
        """Yield every block by its number, None where it cannot be read."""
        number = 0
        try:
            for block in hot.stored_blocks(self._connection):
                number = block.info.number
                yield number, block
        except sqlite3.DatabaseError:
            self._damaged = True
            for later in hot.block_numbers(self._connection):
                if later > number:
                    yield later, self._one(later)

    def _one(self, number: int) -> StoredBlock | None:
        try:
            return next(hot.stored_blocks(self._connection, number, number))
        except (sqlite3.DatabaseError, StopIteration):
            return None

    def _is_right(self, block: StoredBlock, before: bytes, follows: bool, bytes_max: int) -> bool:
        info = block.info
        last = info.number + info.n - 1
        span = {"tmin": info.tmin, "tmax": info.tmax}
        # After a gap the hash before is not there: the block is then judged by what it holds alone.
        if follows and chain_hash(before, info, block.data) != block.hash:
            self._say("changed", "the block, or the hash beside it, is not what was stored", info.number, last, **span)
            return False
        try:
            times = decode_batch(block.data, bytes_max=bytes_max).times
        except WireError as error:
            self._say("unreadable", f"the block cannot be read: {error}", info.number, last, **span)
            return False
        if (len(times), min(times, default=0), max(times, default=0)) != (info.n, info.tmin, info.tmax):
            self._say(
                "changed", "the times that the block is listed with are not those of its events", info.number, last
            )
            return False
        self._last_sequences[info.stream] = max(self._last_sequences.get(info.stream, 0), info.sequence)
        return follows

    def _check_sequences(self) -> None:
        try:
            known = dict(self._connection.execute("SELECT name, sequence FROM stream"))
        except sqlite3.DatabaseError:
            self._say("unreadable", "the table of streams cannot be read", None, None)
            return
        for stream, sequence in self._last_sequences.items():
            if known.get(stream, 0) < sequence:
                self._say(
                    "changed", f"stream {stream} is noted at {known.get(stream, 0)}, it was at {sequence}", None, None
                )

    def _say(self, kind: Kind, text: str, first: int | None, last: int | None, **span: int) -> None:
        self._found(Finding(kind, self._place, text, first, last, **span))


def _is_well_formed(block: StoredBlock) -> bool:
    """Whether the values of a row are of the kinds that are written (SQLite keeps what it is given)."""
    info = block.info
    numbers = (info.number, info.n, info.tmin, info.tmax, info.received, info.sequence)
    return all(type(value) is int for value in numbers) and type(block.hash) is type(block.data) is bytes
