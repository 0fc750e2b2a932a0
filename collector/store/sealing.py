"""Makes the sealed form of a finished hot segment: its events in order of time, in blocks of one size, packed harder.

First every block is read in order of arrival, its hash compared with the chain and its times noted; then the order of
all events is made from the times alone, and the events are put in that order some at a time: a batch is decoded once
for each lot of events that it has a part in.  Memory is that of one lot and of 24 bytes an event, whatever the order.
"""

import gc
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from collector.block import BlockInfo
from collector.store import hot
from collector.store.gather import Gathered
from collector.store.identities import Batches
from collector.store.packing import Numbers
from collector.store.sealed import SealedMeta
from collector.store.sealed_file import digest_of
from collector.store.sealed_writer import Origin, SealedWriter
from collector.store.segment import Request, chain_hash
from collector.store.settings import StoreSettings
from watchbook.wire import EVENTS_MAX, Batch, WireError, decode_batch, decode_times

#: Batches that are checked between two reports of progress.
_CHECKED_AT_ONCE: Final = 64
#: Blocks, spread over the first events, that tell what the blocks have in common.
_LEARNT_BLOCKS: Final = 128


class Progress(NamedTuple):
    """How far a piece of work is: events, of all there are, in each of its phases."""

    phase: Literal["check", "write", "index"]
    done: int
    total: int


class SegmentDamagedError(Exception):
    """A segment is not what was written: it is left as it is."""


class Checked(NamedTuple):
    """What the look over a hot segment found; ``times`` has one entry an event in order of arrival."""

    origin: Origin
    streams: dict[str, int]
    batches: Batches
    times: Numbers


def sealing(
    connection: sqlite3.Connection,
    name: str,
    path: Path,
    settings: StoreSettings,
    *,
    requests_from: int,
    bytes_max: int,
) -> Generator[Progress | SealedMeta, None, None]:
    """Write the sealed form of the hot segment behind a connection to ``path``, step by step.

    Yields Progress, and at last what was written.  Answers to Idempotency-Keys from ``requests_from`` on go with it.
    Closing the iterator removes what was written.  Raises SegmentDamagedError.
    """
    checked = yield from _checking(connection, name, bytes_max)
    writer = SealedWriter(path, checked.origin, level=settings.sealed_level)
    try:
        yield from _writing(connection, checked, writer, settings, bytes_max)
        kept = connection.execute(
            "SELECT key, digest, sequence, n, received FROM request WHERE received >= ? ORDER BY received",
            (requests_from,),
        )
        yield writer.finish(checked.batches, checked.streams, map(Request._make, kept))
    except BaseException:
        writer.give_up()
        raise


def _checking(connection: sqlite3.Connection, name: str, bytes_max: int) -> Any:
    meta = hot.read_meta(connection)
    # In the order of their ids, so that a code is a place in the names.
    streams = dict(connection.execute("SELECT name, sequence FROM stream ORDER BY id"))
    codes = {stream: code for code, stream in enumerate(streams)}
    (total,) = connection.execute("SELECT coalesce(sum(n), 0) FROM block").fetchone()
    rows: list[tuple[int, ...]] = []
    times: list[Numbers] = []
    chain, number = meta.chain_start, meta.first_number
    for found in hot.stored_blocks(connection):
        info = found.info
        if info.number != number:
            raise SegmentDamagedError(f"{name}: expected the block of event {number}, found that of {info.number}")
        chain = chain_hash(chain, info, found.data)
        if chain != found.hash:
            raise SegmentDamagedError(f"{name}: the block of the events from {number} on is not what was stored")
        block_times = _times_of(name, info, found.data, bytes_max)
        rows.append(
            (number, info.n, info.n, info.received, codes[info.stream], info.sequence, int(block_times.min()),
             int(block_times.max()), digest_of(found.data))
        )  # fmt: skip
        times.append(block_times)
        number += info.n
        if len(rows) % _CHECKED_AT_ONCE == 0:
            yield Progress("check", number - meta.first_number, total)
    columns = np.array(rows, np.int64).reshape(-1, 9).T
    batches = Batches(*(np.ascontiguousarray(column) for column in columns))
    received = int(batches.received.max()) if rows else 0
    origin = Origin(name, meta.store, meta.first_number, number - meta.first_number, received, meta.chain_start, chain)
    return Checked(origin, streams, batches, np.concatenate([np.empty(0, np.int64), *times]))


def _times_of(name: str, info: BlockInfo, data: bytes, bytes_max: int) -> Numbers:
    try:
        times = np.array(decode_times(data, bytes_max=bytes_max), np.int64)
    except WireError as error:
        raise SegmentDamagedError(f"{name}: the block of event {info.number} cannot be read: {error}") from error
    if len(times) != info.n:
        raise SegmentDamagedError(f"{name}: the block of event {info.number} holds {len(times)} events, not {info.n}")
    return times


def order_of_events(checked: Checked) -> Numbers:
    """Return the events, as places in the order of arrival, in order of (time, stream, sequence, index)."""
    batches, names = checked.batches, np.array(list(checked.streams), dtype=object)
    ranks = np.empty(len(names), np.int64)
    ranks[np.argsort(names)] = np.arange(len(names))
    by_identity = np.lexsort((batches.sequence, ranks[batches.stream]))
    rank_of_batch = np.empty(len(batches.n), np.int64)
    rank_of_batch[by_identity] = np.arange(len(batches.n))
    starts = np.cumsum(batches.n) - batches.n
    indices = np.arange(len(checked.times)) - np.repeat(starts, batches.n)
    return np.lexsort((np.repeat(rank_of_batch, batches.n) * EVENTS_MAX + indices, checked.times))


def _writing(
    connection: sqlite3.Connection, checked: Checked, writer: SealedWriter, settings: StoreSettings, bytes_max: int
) -> Iterator[Progress]:
    order = order_of_events(checked)
    size = settings.sealed_block_events
    at_once = max(1, settings.seal_events_at_once // size) * size
    starts = np.cumsum(checked.batches.n) - checked.batches.n
    for first in range(0, len(order), at_once):
        lot = order[first : first + at_once]
        arrived = np.sort(lot)
        positions = np.searchsorted(starts, arrived, "right") - 1
        indices = arrived - starts[positions]
        with _collector_paused():
            gathered = Gathered(
                _pieces(connection, checked.origin.name, checked.batches, positions, indices, bytes_max)
            )
        places = np.searchsorted(arrived, lot)
        if first == 0:
            some = range(0, len(lot), max(size, len(lot) // _LEARNT_BLOCKS))
            learnt = (gathered.batch(places[start : start + size]) for start in some)
            writer.learn(learnt, settings.sealed_dictionary)
        for start in range(0, len(lot), size):
            chosen = places[start : start + size]
            writer.add(gathered.batch(chosen), positions[chosen], indices[chosen], checked.batches)
            yield Progress("write", first + start + len(chosen), len(order))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Decode without looking for cycles: plain values have none, and the looking took a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _pieces(
    connection: sqlite3.Connection, name: str, batches: Batches, positions: Numbers, indices: Numbers, bytes_max: int
) -> Iterator[tuple[Batch, Numbers]]:
    """Yield (batch, indices of its events) for the batches at the positions, which are ascending."""
    distinct, starts = np.unique(positions, return_index=True)
    for position, chosen in zip(distinct.tolist(), np.split(indices, starts[1:]), strict=True):
        number = int(batches.number[position])
        try:
            batch = decode_batch(hot.block_data(connection, number) or b"", bytes_max=bytes_max)
        except WireError as error:
            raise SegmentDamagedError(f"{name}: the block of event {number} cannot be read: {error}") from error
        yield batch, chosen
