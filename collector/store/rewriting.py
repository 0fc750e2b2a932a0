"""Writes a sealed segment again without some of its events; all others keep their identities and their order."""

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from collector.block import DecodedBlock
from collector.store import sealed
from collector.store.gather import Gathered
from collector.store.packing import Numbers, PackedError
from collector.store.sealed import Arrivals, SealedMeta
from collector.store.sealed_writer import Origin, SealedWriter
from collector.store.sealing import Progress, SegmentDamagedError
from collector.store.segment import Request
from collector.store.settings import StoreSettings
from watchbook.wire import WireError

#: Given a block, the ascending places in it of the events that stay.
Stay = Callable[[DecodedBlock], Sequence[int]]


def blocks_of(connection: sqlite3.Connection, name: str, bytes_max: int) -> Iterator[DecodedBlock]:
    """Yield the blocks of a sealed segment; raises SegmentDamagedError at one that is not what was stored."""
    arrivals = sealed.read_arrivals(connection)
    rows = [row for (row,) in connection.execute("SELECT row FROM block ORDER BY row")]
    for row in rows:
        stored = sealed.read_stored(connection, row)
        if stored is None or sealed.block_leaf(stored) != stored.hash:
            raise SegmentDamagedError(f"{name}: the block of the rows from {row} on is not what was stored")
        try:
            yield sealed.decode_stored(stored, name, arrivals, bytes_max)
        except (WireError, PackedError) as error:
            raise SegmentDamagedError(f"{name}: the block of row {row} cannot be read: {error}") from error


def rewriting(
    connection: sqlite3.Connection, stay: Stay, path: Path, settings: StoreSettings, *, bytes_max: int
) -> Generator[Progress | SealedMeta, None, None]:
    """Write the sealed segment behind a connection to ``path`` with those events only that stay, step by step.

    Yields Progress, and at last what was written.  Closing the iterator removes what was written.  Raises
    SegmentDamagedError.
    """
    meta = sealed.read_meta(connection)
    arrivals = sealed.read_arrivals(connection)
    origin = Origin(**{name: getattr(meta, name) for name in Origin._fields})
    dictionary = sealed.read_dictionary(connection)
    writer = SealedWriter(path, origin, level=settings.sealed_level, dictionary=dictionary)
    reblocked = _Reblocked(writer, arrivals, settings.sealed_block_events)
    try:
        done = 0
        for block in blocks_of(connection, meta.name, bytes_max):
            reblocked.add(block, np.asarray(stay(block), np.int64))
            done += block.info.n
            yield Progress("write", done, meta.events)
        reblocked.flush()
        requests = connection.execute("SELECT key, digest, sequence, n, received FROM request ORDER BY received")
        batches = replace(arrivals.batches, kept=reblocked.kept)
        yield writer.finish(batches, dict(arrivals.sequences), map(Request._make, requests))
    except BaseException:
        writer.give_up()
        raise


class _Reblocked:
    """What stays, put together as blocks of one size."""

    def __init__(self, writer: SealedWriter, arrivals: Arrivals, size: int) -> None:
        self.kept = np.zeros(len(arrivals.batches.n), np.int64)
        self._writer = writer
        self._batches = arrivals.batches
        self._size = size
        self._pieces: list[tuple[DecodedBlock, Numbers]] = []
        self._waiting = 0

    def add(self, block: DecodedBlock, places: Numbers) -> None:
        if len(places):
            self._pieces.append((block, places))
            self._waiting += len(places)
        if self._waiting >= self._size:
            self._write(self._waiting // self._size * self._size)

    def flush(self) -> None:
        if self._waiting:
            self._write(self._waiting)

    def _write(self, count: int) -> None:
        gathered = Gathered([(block.batch, places) for block, places in self._pieces])
        positions = np.concatenate([_identities(block).positions[places] for block, places in self._pieces])
        indices = np.concatenate([_identities(block).indices[places] for block, places in self._pieces])
        for start in range(0, count, self._size):
            chosen = np.arange(start, min(start + self._size, count))
            self._writer.add(gathered.batch(chosen), positions[chosen], indices[chosen], self._batches)
        self.kept += np.bincount(positions[:count], minlength=len(self.kept))
        self._keep_rest(count)

    def _keep_rest(self, count: int) -> None:
        """Leave over what did not fill a block: it is the end of the last pieces."""
        rest: list[tuple[DecodedBlock, Numbers]] = []
        left = self._waiting - count
        self._waiting = left
        for block, places in reversed(self._pieces):
            if left <= 0:
                break
            rest.append((block, places[-left:]))
            left -= len(rest[-1][1])
        self._pieces = rest[::-1]


def _identities(block: DecodedBlock) -> Any:
    return block.identities
