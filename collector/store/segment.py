"""One segment file (``.blk``): what is in it, and how it is written and read.

A segment is a SQLite file (WAL, ``synchronous=FULL``, 8 KiB pages):

- ``block``: one row a batch.  ``number`` is the dense arrival number of its first event, over all segments.  ``tmin``
  and ``tmax`` are the least and greatest event time, ``received`` is when the row was written (all microseconds since
  the epoch).  ``data`` are the batch's bytes exactly as they came (:mod:`watchbook.wire`).  ``hash`` chains each block
  to the one before it, also over the segment's border: SHA-256 over the hash before, the header and the data
  (:func:`chain_hash`).
- ``stream``: the last committed sequence of every stream, carried over from the segment before.
- ``request``: answers to requests with an Idempotency-Key.
- ``meta``: ``first_number``, ``chain_start``, ``store`` (uuid of the store).
"""

import hashlib
import sqlite3
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.block import BlockInfo
from collector.store.connections import COMPATIBILITY
from collector.store.layout import HOT_SUFFIX
from watchbook.database import connect

CHAIN_ZERO: Final = bytes(32)
_PAGE_BYTES: Final = 8192
_BUSY_MS: Final = 10_000
_SHRINK_WAIT_MS: Final = 200
#: So that the number of different statements is bounded, as their length is.
_ROWS_AT_ONCE: Final = (16, 8, 4, 2, 1)
_MOVE_ON: Final = "ON CONFLICT(name) DO UPDATE SET sequence = excluded.sequence"
_SCHEMA: Final = f"""
CREATE TABLE block(
    number INTEGER PRIMARY KEY, n INTEGER NOT NULL, tmin INTEGER NOT NULL, tmax INTEGER NOT NULL,
    received INTEGER NOT NULL, stream INTEGER NOT NULL REFERENCES stream(id), sequence INTEGER NOT NULL,
    hash BLOB NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX block_stream ON block(stream, sequence);
CREATE TABLE stream(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sequence INTEGER NOT NULL);
CREATE TABLE request(
    key TEXT PRIMARY KEY, digest BLOB NOT NULL, sequence INTEGER NOT NULL, n INTEGER NOT NULL,
    received INTEGER NOT NULL);
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
PRAGMA user_version={COMPATIBILITY};
"""


class NewBlock(NamedTuple):
    """A block on its way into a segment."""

    info: BlockInfo
    hash: bytes
    data: bytes


class Request(NamedTuple):
    """The answer to a request with an Idempotency-Key; ``digest`` tells its body from another."""

    key: str
    digest: bytes
    sequence: int
    n: int
    received: int


@dataclass
class Heads:
    """Where the store stands: what the next block is appended to."""

    next_number: int
    chain: bytes
    sequences: dict[str, int] = field(default_factory=dict)

    def move_on(self, next_number: int, chain: bytes, moved: dict[str, int]) -> None:
        """Take over what a commit changed."""
        self.next_number = next_number
        self.chain = chain
        self.sequences.update(moved)


def chain_hash(before: bytes, info: BlockInfo, data: bytes) -> bytes:
    """Return the hash of a block: SHA-256 over the 32 bytes before it, its header (big-endian) and its data."""
    header = struct.pack(">qqqq", info.number, info.n, info.received, info.sequence)
    digest = hashlib.sha256(before)
    digest.update(header)
    digest.update(info.stream.encode())
    digest.update(b"\0")
    digest.update(data)
    return digest.digest()


class Segment:
    """The segment that is being written.  Every method belongs to the writer's thread."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.name = path.name.removesuffix(HOT_SUFFIX)
        self._connection = connection
        self._stream_ids: dict[str, int] = dict(connection.execute("SELECT name, id FROM stream"))
        (self.events,) = connection.execute("SELECT coalesce(sum(n), 0) FROM block").fetchone()

    @classmethod
    def create(cls, path: Path, heads: Heads, store: str) -> "Segment":
        """Create a segment that goes on from ``heads``, in one transaction."""
        connection = connect(path, compatibility=COMPATIBILITY, page_bytes=_PAGE_BYTES)
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
            connection.executemany("INSERT INTO stream(name, sequence) VALUES (?, ?)", heads.sequences.items())
            meta = {"first_number": heads.next_number, "chain_start": heads.chain, "store": store}
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            remove_hot(path)  # nothing is in it; another try must find its name free
            raise
        return cls(path, connection)

    @classmethod
    def open(cls, path: Path) -> "Segment | None":
        """Open an existing segment for writing; None when its creation was cut off (it holds nothing at all)."""
        connection = connect(path, compatibility=COMPATIBILITY, page_bytes=_PAGE_BYTES)
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            connection.close()
            return None
        return cls(path, connection)

    def heads(self) -> tuple[Heads, str]:
        """Return where this segment ends, and the uuid of its store."""
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        last = self._connection.execute("SELECT number + n, hash FROM block ORDER BY number DESC LIMIT 1").fetchone()
        number, chain = last or (meta["first_number"], meta["chain_start"])
        sequences = dict(self._connection.execute("SELECT name, sequence FROM stream"))
        return Heads(number, chain, sequences), meta["store"]

    def commit(self, blocks: Sequence[NewBlock], sequences: dict[str, int], requests: Iterable[Request]) -> None:
        """Write blocks, the sequences they move on and the requests they answer, in one durable transaction."""
        execute = self._connection.execute
        if self._connection.in_transaction:  # a rollback that failed
            execute("ROLLBACK")
        execute("BEGIN IMMEDIATE")
        try:
            self._insert("stream(name, sequence)", list(sequences.items()), _MOVE_ON)
            self._insert("block", [self._row_of(block) for block in blocks])
            self._connection.executemany("INSERT OR REPLACE INTO request VALUES (?, ?, ?, ?, ?)", requests)
            execute("COMMIT")
        except BaseException:
            self._stream_ids.clear()
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self.events += sum(block.info.n for block in blocks)

    def _insert(self, into: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        """Insert rows with few calls: at each the interpreter's lock is given up, and waited for when others work."""
        start = 0
        while start < len(rows):
            size = next(size for size in _ROWS_AT_ONCE if size <= len(rows) - start)
            part = rows[start : start + size]
            values = ", ".join([f"({', '.join('?' * len(part[0]))})"] * size)
            self._connection.execute(f"INSERT INTO {into} VALUES {values} {conflict}", list(chain.from_iterable(part)))
            start += size

    def _row_of(self, block: NewBlock) -> tuple[Any, ...]:
        info = block.info
        return (
            info.number, info.n, info.tmin, info.tmax, info.received, self._stream_id(info.stream), info.sequence,
            block.hash, block.data,
        )  # fmt: skip

    def _stream_id(self, name: str) -> int:
        found = self._stream_ids.get(name)
        if found is None:
            (found,) = self._connection.execute("SELECT id FROM stream WHERE name = ?", (name,)).fetchone()
            self._stream_ids[name] = found
        return found

    def shrink_journal(self, bytes_max: int) -> None:
        """Fold the journal into the file when it is larger than that.

        SQLite does so by itself, but only at a moment without readers: with many of them there may be none for long.
        """
        journal = Path(f"{self.path}-wal")
        if journal.exists() and journal.stat().st_size > bytes_max:
            self._connection.execute(f"PRAGMA busy_timeout={_SHRINK_WAIT_MS}")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")

    def finish(self) -> None:
        """Fold the journal into the file, whoever reads it, and close it: nothing more will come."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def close(self) -> None:
        """Close the file; SQLite folds the journal into it."""
        self._connection.close()


def remove_hot(path: Path) -> None:
    """Remove a hot segment's file and what SQLite keeps beside it."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)
