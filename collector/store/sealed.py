"""One sealed segment file (``.sealed.blk``): what is in it and how it is read.

A SQLite file that is never written again once it bears its name:

- ``block``: one row for some events, in order of (time, stream, sequence, index).  ``row`` is the row of its first
  event in the segment; ``tmin``, ``tmax`` and ``received`` (the latest) are microseconds since the epoch;
  ``identities`` say which events of which batches these are (:mod:`collector.store.identities`); ``data`` is a batch in
  the form of :mod:`watchbook.wire`, compressed with the segment's dictionary if it has one; ``hash`` is the block's
  leaf (:func:`block_leaf`).
- ``part``: ``batches``, the table of batches as they came; ``dictionary``, where there is one, the zstd dictionary of
  the blocks (:mod:`collector.store.block_dictionary`); ``streams``, zstd JSON ``[[name, last sequence], …]``: every
  stream known when the segment ended.
- ``request``: answers to requests with an Idempotency-Key, as in a hot segment.
- ``meta``: ``name``, ``store``, ``first_number``, ``numbers`` (how many arrival numbers it covers), ``events`` (how
  many of them are still in it), ``tmin``, ``tmax``, ``received`` (the latest), ``chain_start``, ``chain_end``,
  ``root``.

``root`` is the RFC 6962 root over the leaves of the parts in order of their names, then of the blocks in order of rows.
It stands in the ledger (:mod:`collector.store.ledger`): under its signed checkpoint nothing can be changed unseen.
"""

import sqlite3
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from collector.block import BlockInfo, DecodedBlock
from collector.store.block_dictionary import BlockDictionary
from collector.store.directory import Directory
from collector.store.identities import Batches, Identities
from collector.store.merkle import leaf_hash
from collector.store.packing import Numbers, decompress
from watchbook.checked import decode_checked
from watchbook.wire import WireError

SCHEMA: Final = """
CREATE TABLE block(
    row INTEGER PRIMARY KEY, n INTEGER NOT NULL, tmin INTEGER NOT NULL, tmax INTEGER NOT NULL,
    received INTEGER NOT NULL, hash BLOB NOT NULL, identities BLOB NOT NULL, data BLOB NOT NULL);
CREATE TABLE part(name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE request(
    key TEXT PRIMARY KEY, digest BLOB NOT NULL, sequence INTEGER NOT NULL, n INTEGER NOT NULL,
    received INTEGER NOT NULL);
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
#: The parts that every segment has.
PARTS: Final = ("batches", "streams")
DICTIONARY: Final = "dictionary"
_STREAMS_BYTES_MAX: Final = 1 << 28
_BLOCK_HEADER: Final = struct.Struct(">qqqqqq")


class SealedMeta(NamedTuple):
    """What a sealed segment says of itself; the same words as in the table ``meta``."""

    name: str
    store: str
    first_number: int
    numbers: int
    events: int
    tmin: int
    tmax: int
    received: int
    chain_start: bytes
    chain_end: bytes
    root: bytes


class Stored(NamedTuple):
    """A block as it lies in the file."""

    row: int
    n: int
    tmin: int
    tmax: int
    received: int
    hash: bytes
    identities: bytes
    data: bytes


@dataclass(frozen=True)
class Arrivals:
    """How the events of a sealed segment came: the streams by code, their last sequences, and the batches.

    With it comes what all blocks share: the dictionary that they were compressed with.
    """

    names: Sequence[str]
    sequences: Mapping[str, int]
    batches: Batches
    dictionary: BlockDictionary

    def position(self, stream: str, sequence: int) -> int | None:
        """Return where a stream's batch stands in the table of batches, None when it is not there."""
        if stream not in self.sequences:
            return None
        batches = self.batches
        code = self.names.index(stream)
        found = np.flatnonzero((batches.sequence == sequence) & (batches.stream == code))
        return int(found[0]) if len(found) else None


def generation_of(meta: SealedMeta) -> str:
    """Return what names the content of a sealed segment; see :class:`collector.block.SegmentInfo`."""
    return f"sealed-{meta.root.hex()[:16]}"


def part_leaf(name: str, data: bytes) -> bytes:
    """Return the leaf of a part."""
    return leaf_hash(b"part\0" + name.encode() + b"\0" + data)


def block_leaf(stored: Stored) -> bytes:
    """Return the leaf of a block: its numbers (64 bits, big-endian), the length of its identities, both its blobs."""
    header = _BLOCK_HEADER.pack(*stored[:5], len(stored.identities))
    return leaf_hash(b"block\0" + header + stored.identities + stored.data)


def read_meta(connection: sqlite3.Connection) -> SealedMeta:
    """Return what the segment says of itself."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    return SealedMeta(**{name: meta[name] for name in SealedMeta._fields})


def read_part(connection: sqlite3.Connection, name: str) -> bytes:
    """Return a part's bytes."""
    return bytes(connection.execute("SELECT data FROM part WHERE name = ?", (name,)).fetchone()[0])


def part_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the parts that there must be and of those that there are, in the order of their leaves."""
    there = {name for (name,) in connection.execute("SELECT name FROM part")}
    return sorted(there.union(PARTS))


def read_dictionary(connection: sqlite3.Connection) -> bytes:
    """Return the dictionary that the blocks were compressed with, nothing when there is none."""
    found = connection.execute("SELECT data FROM part WHERE name = ?", (DICTIONARY,)).fetchone()
    return b"" if found is None else bytes(found[0])


def read_arrivals(connection: sqlite3.Connection) -> Arrivals:
    """Return how the events came; raises PackedError or msgspec.DecodeError when that is damaged."""
    streams = decode_streams(read_part(connection, "streams"))
    batches = Batches.unpacked(read_part(connection, "batches"))
    return Arrivals(list(streams), streams, batches, BlockDictionary(read_dictionary(connection)))


def decode_streams(data: bytes) -> dict[str, int]:
    """Return the last sequence of each stream, in the order of their codes."""
    return dict(msgspec.json.decode(decompress(data, _STREAMS_BYTES_MAX), type=list[tuple[str, int]]))


def read_directory(connection: sqlite3.Connection, name: str) -> Directory:
    """Return where the blocks lie."""
    directory = Directory(name)
    directory.extend(
        connection.execute("SELECT row, 0, n, tmin, tmax, received, -1, 0 FROM block ORDER BY row").fetchall()
    )
    return directory


def read_stored(connection: sqlite3.Connection, row: int) -> Stored | None:
    """Return a block as it lies in the file, None when there is none that begins at this row."""
    found = connection.execute(
        "SELECT row, n, tmin, tmax, received, hash, identities, data FROM block WHERE row = ?", (row,)
    ).fetchone()
    return None if found is None else Stored(*found)


def read_identities(connection: sqlite3.Connection, row: int) -> bytes:
    """Return the packed identities of the block that begins at this row; raises KeyError."""
    found = connection.execute("SELECT identities FROM block WHERE row = ?", (row,)).fetchone()
    if found is None:
        raise KeyError(row)
    return bytes(found[0])


def decode_stored(stored: Stored, segment: str, arrivals: Arrivals, bytes_max: int) -> DecodedBlock:
    """Return a block with its events; raises WireError or PackedError when its bytes are damaged.

    The hash tells that they are the bytes that were sealed; what they hold was checked then and is decoded as needed.
    """
    if block_leaf(stored) != stored.hash:
        raise WireError(f"the block at row {stored.row} of {segment} is not what was sealed")
    identities = Identities.packed(arrivals.batches, arrivals.names, stored.identities, stored.n)
    info = BlockInfo(0, stored.n, stored.tmin, stored.tmax, stored.received, "", 0, segment, stored.row)
    decompressor = arrivals.dictionary.decompressor()
    return DecodedBlock(info, decode_checked(stored.data, bytes_max=bytes_max, decompressor=decompressor), identities)


def batch_info(arrivals: Arrivals, position: int, segment: str, first_number: int) -> BlockInfo:
    """Return a batch as the block that it once was; ``n`` counts the events that are still there."""
    batches = arrivals.batches
    number = int(batches.number[position])
    return BlockInfo(
        number=number,
        n=int(batches.kept[position]),
        tmin=int(batches.tmin[position]),
        tmax=int(batches.tmax[position]),
        received=int(batches.received[position]),
        stream=arrivals.names[int(batches.stream[position])],
        sequence=int(batches.sequence[position]),
        segment=segment,
        row=number - first_number,
    )


def events_of(block: DecodedBlock, position: int) -> tuple[Numbers, Numbers]:
    """Return which events of a sealed block belong to a batch, and their indices in it."""
    identities: Any = block.identities
    found = np.flatnonzero(identities.positions == position)
    return found, identities.indices[found]


def batch_identities(arrivals: Arrivals, position: int, indices: Numbers) -> Identities:
    """Return the identities of a batch's events at these indices."""
    return Identities(arrivals.batches, arrivals.names, (np.full(len(indices), position), indices))
