"""``retention.db``: holds and purges that were asked for by command, and what is still to be reported.

A SQLite file (WAL, ``synchronous=FULL``), opened by the collector and by commands at the same time:

- ``hold``: legal holds set by command (those of the configuration are not in it).
- ``purge``: organizations that are to be deleted; ``done`` (microseconds) is null while anything of one may be left.
- ``report``: what happened, as batches that the collector appends to its own store.  ``sequence`` runs from 1 without
  gaps in the stream that ``meta`` names; ``cause`` is unique, so that one happening is one report however often it is
  noted.  The store's guard of streams takes each sequence once, so that a report sent twice is stored once.  ``data``
  (the batch's bytes) is emptied when the store has it.
- ``meta``: ``stream``; ``ledger``, how many entries of the store's ledger were turned into reports.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from collector.lifecycle.plan import Hold, Purge, Scope
from watchbook.database import connect
from watchbook.wire import columns_of, encode_batch

COMPATIBILITY: Final = 1
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS hold(
    name TEXT PRIMARY KEY, org TEXT, category TEXT, reason TEXT NOT NULL, since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS purge(
    id INTEGER PRIMARY KEY, org TEXT NOT NULL, reason TEXT NOT NULL, requested INTEGER NOT NULL, done INTEGER);
CREATE TABLE IF NOT EXISTS report(sequence INTEGER PRIMARY KEY, cause TEXT NOT NULL UNIQUE, data BLOB);
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('ledger', 0);
PRAGMA user_version={COMPATIBILITY};
COMMIT;
"""
PURGE_PREFIX: Final = "purge-"


class StoredHold(NamedTuple):
    """A hold that was set by command; ``since`` is microseconds."""

    name: str
    org: str | None
    category: str | None
    reason: str
    since: int


class Report(NamedTuple):
    """A batch for the store: append it under exactly this stream and sequence, then say that it is there."""

    stream: str
    sequence: int
    data: bytes


class RetentionState:
    """The file, for one thread at a time; any number of processes may have it open."""

    def __init__(self, path: Path) -> None:
        """Open or make it; raises NewerDatabaseError."""
        self._connection = connect(path, compatibility=COMPATIBILITY)
        self._connection.executescript(_SCHEMA)
        self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('stream', ?)", (uuid.uuid4().hex,))
        (self.stream,) = self._connection.execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def holds(self) -> list[StoredHold]:
        """Return the holds set by command, by name."""
        rows = self._connection.execute("SELECT name, org, category, reason, since FROM hold ORDER BY name")
        return [StoredHold(*row) for row in rows]

    def add_hold(self, hold: StoredHold, event: Mapping[str, Any]) -> bool:
        """Set a hold and note the event that tells of it; False when one of that name stands."""
        with self._transaction():
            cursor = self._connection.execute("INSERT OR IGNORE INTO hold VALUES (?, ?, ?, ?, ?)", hold)
            if cursor.rowcount:
                self._report(f"hold-set:{hold.name}:{hold.since}", event)
            return bool(cursor.rowcount)

    def remove_hold(self, name: str, now: int, event: Mapping[str, Any]) -> bool:
        """Lift a hold and note the event that tells of it; False when there is none of that name."""
        with self._transaction():
            cursor = self._connection.execute("DELETE FROM hold WHERE name = ?", (name,))
            if cursor.rowcount:
                self._report(f"hold-lifted:{name}:{now}", event)
            return bool(cursor.rowcount)

    def add_purge(self, org: str, reason: str, now: int, event: Mapping[str, Any]) -> Purge:
        """Ask for everything of an organization that came up to now to be deleted; note the event that tells of it."""
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO purge(org, reason, requested) VALUES (?, ?, ?)", (org, reason, now)
            )
            purge = Purge(f"{PURGE_PREFIX}{cursor.lastrowid}", org, now)
            self._report(f"purge-asked:{purge.name}", event)
            return purge

    def purges(self) -> list[Purge]:
        """Return the purges that are not done."""
        rows = self._connection.execute("SELECT id, org, requested FROM purge WHERE done IS NULL ORDER BY id")
        return [Purge(f"{PURGE_PREFIX}{id_}", org, requested) for id_, org, requested in rows]

    def end_purge(self, purge: Purge, now: int, event: Mapping[str, Any]) -> None:
        """Note that nothing is left of what a purge spoke of, and the event that is its tombstone."""
        with self._transaction():
            id_ = int(purge.name.removeprefix(PURGE_PREFIX))
            self._connection.execute("UPDATE purge SET done = ? WHERE id = ? AND done IS NULL", (now, id_))
            self._report(f"purge-done:{purge.name}", event)

    def ledger_read(self) -> int:
        """Return how many entries of the ledger were turned into reports."""
        return int(self._connection.execute("SELECT value FROM meta WHERE key = 'ledger'").fetchone()[0])

    def note_ledger(self, read: int, events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Note reports of ledger entries (each with its cause), and that the ledger was read up to ``read``."""
        with self._transaction():
            for cause, event in events:
                self._report(cause, event)
            self._connection.execute("UPDATE meta SET value = ? WHERE key = 'ledger'", (read,))

    def note(self, cause: str, event: Mapping[str, Any]) -> None:
        """Note one report, unless its cause was noted before."""
        with self._transaction():
            self._report(cause, event)

    def reports(self, limit: int) -> list[Report]:
        """Return the oldest reports that the store does not have yet."""
        rows = self._connection.execute(
            "SELECT sequence, data FROM report WHERE data IS NOT NULL ORDER BY sequence LIMIT ?", (limit,)
        )
        return [Report(self.stream, sequence, bytes(data)) for sequence, data in rows]

    def reported(self, sequence: int) -> None:
        """Note that the store has the reports up to a sequence."""
        self._connection.execute("UPDATE report SET data = NULL WHERE sequence <= ? AND data IS NOT NULL", (sequence,))

    def _report(self, cause: str, event: Mapping[str, Any]) -> None:
        if self._connection.execute("SELECT 1 FROM report WHERE cause = ?", (cause,)).fetchone():
            return  # INSERT OR IGNORE would do, but leave a gap in the sequence where another constraint fails
        data = encode_batch(1, columns_of([event]))
        self._connection.execute(
            "INSERT INTO report SELECT coalesce(max(sequence), 0) + 1, ?, ? FROM report", (cause, data)
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def scope_of(hold: StoredHold) -> Hold:
    """Return a stored hold as planning knows it."""
    return Hold(hold.name, Scope(hold.org, hold.category))
