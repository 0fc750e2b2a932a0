"""``rollups.db``: what is known of every finished segment, and the counts that outlive it.

A SQLite file (WAL, ``synchronous=FULL``):

- ``segment``: one row a segment that was ever measured: its name, the ``generation`` of the file that ``scope`` speaks
  of, how many events it had, when the last was received (microseconds), and since when it is gone (null: it is not).
- ``scope``: which organizations and categories are in a segment, how many events each has, which times they
  span and when the first of them was received.
- ``hourly``: how many events of a segment, in the hour that begins at ``hour`` (microseconds), had a value of a field.
  ``value`` points into ``text``; 0 are the values that were not counted by themselves.  The field "" counts all events.

A segment's counts are written in one transaction, in place of what was there of it: however often that is done, each
event is counted once.  They stay when the segment goes, and go only when its organization does.
"""

import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from collector.lifecycle.measure import EVERYTHING, HOUR_US, Measured
from collector.lifecycle.plan import Scope, ScopeSpan
from watchbook.clock import TIME_MIN_US
from watchbook.database import connect, connect_readonly

COMPATIBILITY: Final = 1
_OTHERS: Final = 0
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS segment(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, generation TEXT NOT NULL, events INTEGER NOT NULL,
    received_max INTEGER NOT NULL, gone INTEGER);
CREATE TABLE IF NOT EXISTS scope(
    segment INTEGER NOT NULL REFERENCES segment(id), org TEXT, category TEXT, events INTEGER NOT NULL,
    tmin INTEGER NOT NULL, tmax INTEGER NOT NULL, received_min INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS scope_segment ON scope(segment);
CREATE TABLE IF NOT EXISTS text(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS hourly(
    field TEXT NOT NULL, hour INTEGER NOT NULL, value INTEGER NOT NULL, segment INTEGER NOT NULL REFERENCES segment(id),
    events INTEGER NOT NULL, PRIMARY KEY (field, hour, value, segment)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hourly_segment ON hourly(segment);
PRAGMA user_version={COMPATIBILITY};
COMMIT;
"""


class KnownSegment(NamedTuple):
    """A segment as it was measured."""

    name: str
    generation: str
    received_max: int
    scopes: tuple[ScopeSpan, ...]


class Bucket(NamedTuple):
    """How many events of the time from ``time`` (microseconds) had a value; None: values not counted by themselves."""

    time: int
    value: str | None
    events: int


class Rollups:
    """The counts, for whoever writes them: one process, one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises NewerDatabaseError."""
        self._connection = connect(path, compatibility=COMPATIBILITY)
        self._connection.executescript(_SCHEMA)
        self._known: dict[str, KnownSegment] | None = None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def known(self) -> dict[str, KnownSegment]:
        """Return the segments that are not gone, by name.  Costs nothing while nothing is written."""
        if self._known is None:
            self._known = self._read_known()
        return self._known

    def _read_known(self) -> dict[str, KnownSegment]:
        scopes: dict[int, list[ScopeSpan]] = {}
        for segment, org, category, *span in self._connection.execute(
            "SELECT segment, org, category, scope.events, tmin, tmax, received_min"
            " FROM scope JOIN segment ON segment.id = segment WHERE gone IS NULL ORDER BY scope.rowid"
        ):
            scopes.setdefault(segment, []).append(ScopeSpan(Scope(org, category), *span))
        rows = self._connection.execute("SELECT id, name, generation, received_max FROM segment WHERE gone IS NULL")
        return {
            name: KnownSegment(name, generation, received_max, tuple(scopes.get(id_, ())))
            for id_, name, generation, received_max in rows
        }

    def put(self, name: str, generation: str, measured: Measured, *, hours: bool) -> None:
        """Note what was measured of a segment, in place of what was there.

        Without ``hours`` its counts by the hour stay as they are, if there are any: those of a segment that was
        written again without what is past its time still speak of all that it had.
        """
        with self._writing():
            known = self._id(name)
            segment = self._put_segment(known, name, generation, measured)
            self._connection.execute("DELETE FROM scope WHERE segment = ?", (segment,))
            self._connection.executemany(
                "INSERT INTO scope VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(segment, *span.scope, *span[1:]) for span in measured.scopes],
            )
            if hours or known is None:
                self._put_hours(segment, measured)

    def renamed(self, name: str, generation: str) -> None:
        """Note that the same events lie in another file now (they were archived)."""
        with self._writing():
            self._connection.execute("UPDATE segment SET generation = ? WHERE name = ?", (generation, name))

    def gone(self, name: str, now: int) -> None:
        """Note that a segment is gone; its counts stay."""
        with self._writing():
            self._connection.execute("UPDATE segment SET gone = ? WHERE name = ? AND gone IS NULL", (now, name))
            self._connection.execute(
                "DELETE FROM scope WHERE segment = (SELECT id FROM segment WHERE name = ?)", (name,)
            )

    def forget(self, name: str) -> None:
        """Drop all that is known of a segment, its counts too: something in it was purged."""
        with self._writing():
            segment = self._id(name)
            for table in ("hourly", "scope"):
                self._connection.execute(f"DELETE FROM {table} WHERE segment = ?", (segment,))
            self._connection.execute("DELETE FROM segment WHERE id = ?", (segment,))

    def forget_org(self, org: str) -> None:
        """Drop what the counts say of an organization by its name; other fields' counts cannot be told apart."""
        with self._writing():
            self._connection.execute(
                "DELETE FROM hourly WHERE field = 'org' AND value = (SELECT id FROM text WHERE text = ?)", (org,)
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._known = None
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _id(self, name: str) -> int | None:
        row = self._connection.execute("SELECT id FROM segment WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def _put_segment(self, known: int | None, name: str, generation: str, measured: Measured) -> int:
        if known is None:
            cursor = self._connection.execute(
                "INSERT INTO segment(name, generation, events, received_max) VALUES (?, ?, ?, ?)",
                (name, generation, measured.events, measured.received_max),
            )
            return int(cursor.lastrowid or 0)
        self._connection.execute(
            "UPDATE segment SET generation = ?, events = ?, received_max = ?, gone = NULL WHERE id = ?",
            (generation, measured.events, measured.received_max, known),
        )
        return known

    def _put_hours(self, segment: int, measured: Measured) -> None:
        self._connection.execute("DELETE FROM hourly WHERE segment = ?", (segment,))
        texts = {count.value for count in measured.hours if count.value is not None}
        self._connection.executemany("INSERT OR IGNORE INTO text(text) VALUES (?)", [(text,) for text in texts])
        ids: dict[str | None, int] = {None: _OTHERS}
        for text in texts:
            (ids[text],) = self._connection.execute("SELECT id FROM text WHERE text = ?", (text,)).fetchone()
        self._connection.executemany(
            "INSERT INTO hourly VALUES (?, ?, ?, ?, ?)",
            [(count.field, count.hour, ids[count.value], segment, count.events) for count in measured.hours],
        )


class TooManyCountsError(Exception):
    """More would be read than was to be."""


def read_buckets(
    path: Path,
    time_from: int,
    time_to: int,
    *,
    interval_us: int = HOUR_US,
    field: str = EVERYTHING,
    only_gone: bool = False,
) -> list[Bucket]:
    """Return what :func:`read_counts` returns for one field, however much it is."""
    (buckets,) = read_counts(path, time_from, time_to, (field,), interval_us=interval_us, only_gone=only_gone)
    return buckets


def read_counts(
    path: Path,
    time_from: int,
    time_to: int,
    fields: Sequence[str],
    *,
    interval_us: int,
    only_gone: bool = False,
    counts_max: int = sys.maxsize,
) -> list[list[Bucket]]:
    """Return for each field how many events each stretch of ``interval_us`` had, by its values; from any process.

    Stretches begin at multiples of the interval, which is made a multiple of an hour; the hours at both ends count
    whole.  The field "": all events.  ``only_gone``: only those of segments that are gone.  Newest segments are not
    in it before they are sealed.  All of it is of one moment.  Raises FileNotFoundError when nothing was ever counted,
    TooManyCountsError when a field has more than ``counts_max`` counts, and NewerDatabaseError.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    step = max(1, interval_us // HOUR_US) * HOUR_US
    connection = connect_readonly(path, compatibility=COMPATIBILITY)
    try:
        connection.execute("BEGIN")
        return [
            _summed(_hours(connection, field, time_from, time_to, only_gone=only_gone), step, counts_max)
            for field in fields
        ]
    finally:
        connection.close()


def _hours(
    connection: sqlite3.Connection, field: str, time_from: int, time_to: int, *, only_gone: bool
) -> Iterator[tuple[int, str | None, int]]:
    return connection.execute(
        "SELECT hour, text, sum(hourly.events) FROM hourly LEFT JOIN text ON text.id = value"
        " JOIN segment ON segment.id = segment WHERE field = ? AND hour >= ? AND hour < ?"
        f"{' AND gone IS NOT NULL' if only_gone else ''} GROUP BY hour, value",
        (field, time_from // HOUR_US * HOUR_US, time_to),
    )


def _summed(rows: Iterable[tuple[int, str | None, int]], step: int, counts_max: int) -> list[Bucket]:
    # Negative times too: SQL's division cuts towards zero, so the stretches are made here.
    sums: dict[tuple[int, str | None], int] = {}
    for hour, text, events in rows:
        key = (max(hour // step * step, TIME_MIN_US), text)
        sums[key] = sums.get(key, 0) + events
        if len(sums) > counts_max:
            raise TooManyCountsError
    return sorted((Bucket(*key, events) for key, events in sums.items()), key=_bucket_order)


def _bucket_order(bucket: Bucket) -> tuple[int, str]:
    return bucket.time, bucket.value or ""
