"""The spool file.  Every method blocks and belongs to one worker thread; ``bytes`` and ``stream`` may be read from any.

SQLite, WAL, ``synchronous=FULL``:

- ``batch(sequence, created, n, data)``: unsent batches.  ``sequence`` is AUTOINCREMENT: a plain rowid is given out
  again after the last row is gone, and the collector would take new data for a repeat.
- ``position(id, document)``: how far each file was read (:mod:`agent.tail.track`).
- ``mark(input, document)``: how far an input that is no file was read: whatever it goes on from after a restart.
- ``reach(sequence, offsets)``: where the files stood before a group of unsent batches, by the group's first: what the
  collector has of them for sure.
- ``counter(input, name, value)``: totals since the spool was made, moved in the transaction of the lines they count.
- ``rejected(id, created, reason, document)``: events that the collector refused.
- ``meta``: ``stream`` (uuid), ``started`` (JSON), ``first_start`` (microseconds since the epoch), ``collector`` (the
  address of the one in use; missing while there was never another).
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent.spool.reserve import Reserve
from watchbook import wire
from watchbook.clock import Clock
from watchbook.database import connect

COMPATIBILITY: Final = 1
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE batch(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE position(id INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE counter(input TEXT, name TEXT, value INTEGER NOT NULL, PRIMARY KEY (input, name)) WITHOUT ROWID;
CREATE TABLE rejected(id INTEGER PRIMARY KEY AUTOINCREMENT, created INTEGER NOT NULL, reason TEXT NOT NULL,
    document TEXT NOT NULL);
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
PRAGMA user_version={COMPATIBILITY};
COMMIT;
"""
#: Spools of before have none of these; agents of before pass them over.
_LATER: Final = """
CREATE TABLE IF NOT EXISTS mark(input TEXT PRIMARY KEY, document BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reach(
    sequence INTEGER PRIMARY KEY REFERENCES batch(sequence) ON UPDATE CASCADE ON DELETE CASCADE, offsets TEXT NOT NULL);
"""
#: What was lost counts as read too; spools of before have only the one.
_READ_OF_LOST: Final = (
    "INSERT OR IGNORE INTO counter SELECT input, 'bytes_read', value FROM counter WHERE name = 'bytes_lost'"
)
FILE_NAME: Final = "spool.db"


class FolderInUseError(Exception):
    """Another agent works in this folder."""


class FolderUnusableError(Exception):
    """The folder cannot be made or written to: read-only, no space, no right."""


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


class Rejection(NamedTuple):
    """What became of a refused batch: how many events were set aside, what goes out in its place, and the half of it
    that became the newest batch."""

    aside: int
    replacement: StoredBatch
    moved: StoredBatch | None


class Group(NamedTuple):
    """What one transaction takes in: batches as JSON before compression, and all that moves with them.

    ``positions``: documents by id, None to forget one.  ``counters``: (input, name) -> how much to add.  ``marks``:
    documents by input.  ``reach``: by id of a position, the offset up to which earlier batches reach.
    """

    batches: Sequence[tuple[int, bytes]]
    positions: Mapping[int, bytes | None]
    started: Sequence[str]
    counters: Mapping[tuple[str, str], int]
    marks: Mapping[str, bytes] = {}
    reach: Mapping[int, int] = {}


def lock_folder(folder: Path) -> int:
    """Return a descriptor that keeps other agents out of a folder, which is made, while it is open.

    Raises FolderInUseError and FolderUnusableError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FolderUnusableError(
            f"{error.filename}: {error.strerror}; see to the disk and the rights of 'state'"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise FolderInUseError(
            f"{folder} is in use by another agent; stop it, or give this one another 'state'"
        ) from error
    return lock


class Spool:
    """One spool file, made when it is not there.  Raises NewerDatabaseError, sqlite3.DatabaseError,
    FolderInUseError and FolderUnusableError.

    ``first_start`` is when the process that made it was started.
    """

    def __init__(self, folder: Path, clock: Clock, process_start: int = 0, reserve_bytes: int = 0) -> None:
        self._clock = clock
        self._lock = lock_folder(folder)
        self._reserve = Reserve(folder, reserve_bytes)
        try:
            self._open(folder, process_start)
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, folder: Path, process_start: int) -> None:
        self._connection = connect(folder / FILE_NAME, compatibility=COMPATIBILITY)
        execute = self._connection.execute
        execute("PRAGMA cache_size=-256")  # KiB: batches are written once and seldom read
        if execute("PRAGMA user_version").fetchone() == (0,):
            self._connection.executescript(_SCHEMA)
        self._connection.executescript(_LATER)
        execute("PRAGMA foreign_keys = ON")
        execute(_READ_OF_LOST)
        execute("INSERT OR IGNORE INTO meta VALUES ('stream', ?)", (os.urandom(16).hex(),))
        execute("INSERT OR IGNORE INTO meta VALUES ('first_start', ?)", (process_start,))
        (self.first_start,) = execute("SELECT value FROM meta WHERE key = 'first_start'").fetchone()
        (self.stream,) = execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()
        # Not to overwrite what is deleted: that would take as much space in the log as the batches themselves.
        execute("PRAGMA secure_delete=OFF").fetchall()
        self._reserve.hold()
        self.bytes, self.batches = execute("SELECT coalesce(sum(length(data)), 0), count(*) FROM batch").fetchone()

    def damage(self) -> str | None:
        """Return what SQLite finds wrong with the file; None when it is whole.  Reads all of it."""
        try:
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            return str(error)
        return None if found == "ok" else str(found)

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
            if stored and group.reach:
                reach = json.dumps(group.reach)
                self._connection.execute("INSERT OR REPLACE INTO reach VALUES (?, ?)", (stored[0].sequence, reach))
        self.bytes += sum(len(batch.data) for batch in stored) - freed[0]
        self.batches += len(stored) - freed[1]
        return stored

    def drop(self, acknowledged: Mark) -> None:
        """Drop what was acknowledged where a commit finds no space, with the reserve; raises sqlite3.Error."""
        with self._reserve.released():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            with self._transaction():
                freed = self._drop(acknowledged)
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.bytes -= freed[0]
        self.batches -= freed[1]

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

    def reject(self, sequence: int, indexes: Iterable[int] | None, reason: str, bytes_max: int) -> Rejection | None:
        """Set the events of a batch that the collector refuses aside; what goes out in its place may be empty, so that
        the sequence has no hole.

        Where it is not known which they are (``indexes`` None, or none of the batch's), the batch is halved: the first
        half stays in its place, the second becomes the newest batch, so that no other batch changes its number.  One
        event alone is set aside.  Returns None when there is no such batch.
        """
        execute = self._connection.execute
        row = execute("SELECT created, data FROM batch WHERE sequence = ?", (sequence,)).fetchone()
        if row is None:
            return None
        created, data = row
        kept: list[dict[str, Any]] = []
        later: list[dict[str, Any]] = []
        try:
            batch = wire.decode_batch(data, bytes_max=bytes_max)
        except wire.WireError as error:  # damaged in the spool: it is set aside as it is
            aside, reason = [{"damaged_batch_hex": data.hex()}], f"{reason}; here: {error}"
        else:
            events = [batch.event(index) for index in range(batch.n)]
            kept, aside, later = _divided(events, set(indexes or ()))
        replacement, moved = _encoded(kept), _encoded(later) if later else None
        now = self._clock()
        with self._transaction():
            self._connection.executemany(
                "INSERT INTO rejected(created, reason, document) VALUES (?, ?, ?)",
                [(now, reason, json.dumps(event, ensure_ascii=False)) for event in aside],
            )
            execute("UPDATE batch SET n = ?, data = ? WHERE sequence = ?", (len(kept), replacement, sequence))
            newest = None if moved is None else self._insert(created, len(later), moved)
        self.bytes += len(replacement) + len(moved or b"") - len(data)
        self.batches += newest is not None
        return Rejection(len(aside), StoredBatch(self.stream, sequence, created, len(kept), replacement), newest)

    def collector(self) -> str | None:
        """Return the address of the collector that what is unsent was last sent to, None before any change of it."""
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'collector'").fetchone()
        return str(row[0]) if row else None

    def change_collector(self, url: str, acknowledged: Mark) -> None:
        """Note where batches go from now on, and drop what the collector before has acknowledged, in one transaction.

        Without it a batch that one collector has taken could be sent to another after a crash.
        """
        with self._transaction():
            freed = self._drop(acknowledged)
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('collector', ?)", (url,))
        self.bytes -= freed[0]
        self.batches -= freed[1]

    def renew_stream(self, acknowledged: Mark) -> Mark:
        """Begin a new stream and number what is unsent in it from 1; return the place of its last batch."""
        execute = self._connection.execute
        stream = os.urandom(16).hex()
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


def _divided(events: list[dict[str, Any]], bad: set[int]) -> tuple[list[dict[str, Any]], ...]:
    """Return what is kept, what is set aside, and what goes out later, of the events of a refused batch."""
    n = len(events)
    if not bad.intersection(range(n)):
        return ([], events, []) if n == 1 else (events[: n // 2], [], events[n // 2 :])
    kept = [event for index, event in enumerate(events) if index not in bad]
    return kept, [event for index, event in enumerate(events) if index in bad], []


def _encoded(events: list[dict[str, Any]]) -> bytes:
    return wire.encode_batch(len(events), wire.columns_of(events))


def spool_exists(folder: Path) -> bool:
    """Return whether a folder holds a spool."""
    return (folder / FILE_NAME).exists()


SpoolError = sqlite3.Error
