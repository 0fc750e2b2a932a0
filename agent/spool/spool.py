"""The spool file.  Every method blocks and belongs to one worker thread; ``bytes`` and ``stream`` may be read from any.

SQLite, WAL, ``synchronous=FULL``:

- ``batch(sequence, created, n, data)``: unsent batches.  ``sequence`` is AUTOINCREMENT: a plain rowid is given out
  again after the last row is gone, and the collector would take new data for a repeat.
- ``position(id, document)``: how far each file was read (:mod:`agent.tail.track`).
- ``mark(input, document)``: how far an input that is no file was read: whatever it goes on from after a restart.
- ``counter(input, name, value)``: totals since the spool was made, moved in the transaction of the lines they count.
- ``rejected(id, created, reason, document)``: events that the collector refused.
- ``meta``: ``stream`` (uuid), ``started`` (JSON), ``first_start`` (microseconds since the epoch).
"""

import fcntl
import json
import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from watchbook import wire
from watchbook.clock import Clock
from watchbook.database import connect, connect_readonly

COMPATIBILITY: Final = 1
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE batch(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE position(id INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE mark(input TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE counter(input TEXT, name TEXT, value INTEGER NOT NULL, PRIMARY KEY (input, name)) WITHOUT ROWID;
CREATE TABLE rejected(id INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, reason TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
PRAGMA user_version={COMPATIBILITY};
COMMIT;
"""
#: Spools of before have no marks; agents of before pass them over.
_LATER: Final = "CREATE TABLE IF NOT EXISTS mark(input TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID"
FILE_NAME: Final = "spool.db"


class FolderInUseError(Exception):
    """Another agent works in this folder."""


class Mark(NamedTuple):
    """A place in a stream: every batch up to ``sequence``."""

    stream: str
    sequence: int


class StoredBatch(NamedTuple):
    """An unsent batch; ``created`` in microseconds since the epoch."""

    stream: str
    sequence: int
    created: int
    n: int
    data: bytes


class Group(NamedTuple):
    """What one transaction takes in: batches as JSON before compression, and all that moves with them.

    ``positions``: documents by id, None to forget one.  ``counters``: (input, name) -> how much to add.  ``marks``:
    documents by input.
    """

    batches: Sequence[tuple[int, bytes]]
    positions: Mapping[int, bytes | None]
    started: Sequence[str]
    counters: Mapping[tuple[str, str], int]
    marks: Mapping[str, bytes] = {}


class Spool:
    """One spool file, made when it is not there.  Raises NewerDatabaseError or sqlite3.DatabaseError.

    ``first_start`` is when the process that made it was started.
    """

    def __init__(self, folder: Path, clock: Clock, process_start: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FolderInUseError(
                f"{folder} is in use by another agent; stop it, or give this one another 'state'"
            ) from error
        self._clock = clock
        self._connection = connect(folder / FILE_NAME, compatibility=COMPATIBILITY)
        execute = self._connection.execute
        execute("PRAGMA cache_size=-256")  # KiB: batches are written once and seldom read
        if execute("PRAGMA user_version").fetchone() == (0,):
            self._connection.executescript(_SCHEMA)
        execute(_LATER)
        execute("INSERT OR IGNORE INTO meta VALUES ('stream', ?)", (uuid.uuid4().hex,))
        execute("INSERT OR IGNORE INTO meta VALUES ('first_start', ?)", (process_start,))
        (self.first_start,) = execute("SELECT value FROM meta WHERE key = 'first_start'").fetchone()
        (self.stream,) = execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()
        self.bytes, self.batches = execute("SELECT coalesce(sum(length(data)), 0), count(*) FROM batch").fetchone()

    def last_sequence(self) -> int:
        """Return the highest sequence ever given out in this stream, 0 when there is none."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchone()
        return int(row[0]) if row else 0

    def acknowledged(self) -> Mark:
        """Return the place before the oldest unsent batch."""
        (oldest,) = self._connection.execute("SELECT min(sequence) FROM batch").fetchone()
        return Mark(self.stream, self.last_sequence() if oldest is None else int(oldest) - 1)

    def positions(self) -> list[bytes]:
        """Return the documents of all positions."""
        return [row[0] for row in self._connection.execute("SELECT document FROM position ORDER BY id")]

    def marks(self) -> dict[str, bytes]:
        """Return how far inputs that are no files were read, by input."""
        return dict(self._connection.execute("SELECT input, document FROM mark"))

    def started(self) -> list[str]:
        """Return the patterns that have been started."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'started'").fetchone()
        return list(json.loads(row[0])) if row else []

    def commit(self, group: Group, acknowledged: Mark) -> list[StoredBatch]:
        """Store a group and drop what was acknowledged, durably and together; return the batches with their sequences.

        Raises sqlite3.Error; then nothing of it was stored and the call can be made again.
        """
        created = self._clock()
        compressed = [(n, wire.compress(data)) for n, data in group.batches]
        with self._transaction():
            freed = self._drop(acknowledged)
            stored = [self._insert(created, n, data) for n, data in compressed]
            self._write_positions(group)
        self.bytes += sum(len(batch.data) for batch in stored) - freed[0]
        self.batches += len(stored) - freed[1]
        return stored

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what is done within, or nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _drop(self, acknowledged: Mark) -> tuple[int, int]:
        if acknowledged.stream != self.stream:
            return 0, 0  # said of the numbers of a stream that has been renewed since
        rows = self._connection.execute(
            "DELETE FROM batch WHERE sequence <= ? RETURNING length(data)", (acknowledged.sequence,)
        ).fetchall()
        return sum(row[0] for row in rows), len(rows)

    def _insert(self, created: int, n: int, data: bytes) -> StoredBatch:
        cursor = self._connection.execute("INSERT INTO batch(created, n, data) VALUES (?, ?, ?)", (created, n, data))
        assert cursor.lastrowid is not None
        return StoredBatch(self.stream, cursor.lastrowid, created, n, data)

    def _write_positions(self, group: Group) -> None:
        execute, executemany = self._connection.execute, self._connection.executemany
        kept = [(i, document) for i, document in group.positions.items() if document is not None]
        executemany("INSERT OR REPLACE INTO position VALUES (?, ?)", kept)
        executemany("DELETE FROM position WHERE id = ?", [(i,) for i, doc in group.positions.items() if doc is None])
        executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", group.marks.items())
        execute("INSERT OR REPLACE INTO meta VALUES ('started', ?)", (json.dumps(list(group.started)),))
        executemany(
            "INSERT INTO counter VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
            [(name, counter, value) for (name, counter), value in group.counters.items() if value],
        )

    def after(self, sequence: int, limit: int) -> list[StoredBatch]:
        """Return up to ``limit`` batches that follow a sequence."""
        rows = self._connection.execute(
            "SELECT sequence, created, n, data FROM batch WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (sequence, limit),
        )
        return [StoredBatch(self.stream, *row) for row in rows]

    def reject(self, sequence: int, indexes: Iterable[int] | None, reason: str, bytes_max: int) -> StoredBatch | None:
        """Set events of a batch aside with the reason, and return the batch that goes out in its place.

        ``indexes`` None sets all of them aside; the batch that is left is empty, so that the sequence has no hole.
        Returns None when there is no such batch.
        """
        execute = self._connection.execute
        row = execute("SELECT created, n, data FROM batch WHERE sequence = ?", (sequence,)).fetchone()
        if row is None:
            return None
        created, _, data = row
        kept: list[dict[str, Any]] = []
        try:
            batch = wire.decode_batch(data, bytes_max=bytes_max)
        except wire.WireError as error:  # damaged in the spool: it is set aside as it is
            aside, reason = [{"damaged_batch_hex": data.hex()}], f"{reason}; here: {error}"
        else:
            bad = set(range(batch.n)) if indexes is None else set(indexes)
            kept = [batch.event(index) for index in range(batch.n) if index not in bad]
            aside = [batch.event(index) for index in range(batch.n) if index in bad]
        replacement = wire.encode_batch(len(kept), wire.columns_of(kept))
        now = self._clock()
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO rejected(created, reason, document) VALUES (?, ?, ?)",
                [(now, reason, json.dumps(event, ensure_ascii=False)) for event in aside],
            )
            execute("UPDATE batch SET n = ?, data = ? WHERE sequence = ?", (len(kept), replacement, sequence))
        self.bytes += len(replacement) - len(data)
        return StoredBatch(self.stream, sequence, created, len(kept), replacement)

    def renew_stream(self, acknowledged: Mark) -> Mark:
        """Begin a new stream and number what is unsent in it from 1; return the place of its last batch."""
        execute = self._connection.execute
        stream = uuid.uuid4().hex
        with self._transaction():
            freed = self._drop(acknowledged)
            # Sequences have no holes.  Negative in between: the numbers of the old and the new order overlap.
            (first, count) = execute("SELECT coalesce(min(sequence), 1), count(*) FROM batch").fetchone()
            execute("UPDATE batch SET sequence = -(sequence - ?)", (first - 1,))
            execute("UPDATE batch SET sequence = -sequence")
            execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'batch'", (count,))
            execute("UPDATE meta SET value = ? WHERE key = 'stream'", (stream,))
        self.stream = stream
        self.bytes -= freed[0]
        self.batches -= freed[1]
        return Mark(stream, int(count))

    def rejected(self) -> int:
        """Return how many events the collector refused."""
        return int(self._connection.execute("SELECT count(*) FROM rejected").fetchone()[0])

    def close(self) -> None:
        """Close the file and give the folder free."""
        self._connection.close()
        os.close(self._lock)


class SpoolView(NamedTuple):
    """What a look at a spool from outside shows."""

    stream: str
    batches: int
    size: int
    events: int
    oldest: int | None
    rejected: int
    positions: list[bytes]
    counters: dict[str, dict[str, int]]


def look_into(folder: Path) -> SpoolView:
    """Return what is in a folder's spool while its agent may be running; raises sqlite3.Error when there is none."""
    connection = connect_readonly(folder / FILE_NAME, compatibility=COMPATIBILITY)
    try:
        execute = connection.execute
        execute("BEGIN")
        batches, size, events, oldest = execute(
            "SELECT count(*), coalesce(sum(length(data)), 0), coalesce(sum(n), 0), min(created) FROM batch"
        ).fetchone()
        counters: dict[str, dict[str, int]] = {}
        for name, counter, value in execute("SELECT input, name, value FROM counter"):
            counters.setdefault(name, {})[counter] = value
        stream: Any = execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()[0]
        rejected = execute("SELECT count(*) FROM rejected").fetchone()[0]
        positions = [row[0] for row in execute("SELECT document FROM position ORDER BY id")]
        return SpoolView(stream, batches, size, events, oldest, rejected, positions, counters)
    finally:
        connection.close()


def spool_exists(folder: Path) -> bool:
    """Return whether a folder holds a spool."""
    return (folder / FILE_NAME).exists()


SpoolError = sqlite3.Error
