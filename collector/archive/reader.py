"""Finds events in archives: candidates that somebody else tests, newest first or as they lie.

A question comes as a condition: a piece of SQL over the archive's columns with named parameters for every value.  Row
groups whose times are outside the range asked for are passed over without being opened.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

from collector.archive.columns import COLUMN_NAMES, EXACT, IDENTITY_NAMES, block_of
from collector.archive.engine import open_engine
from collector.archive.outline import Outline, RowGroup, read_outline
from collector.archive.settings import ArchiveSettings
from collector.archive.writer import ArchiveError
from collector.block import DecodedBlock

if TYPE_CHECKING:
    import duckdb

#: Rows of the first piece read newest first; each further one of the row group is four times larger, up to the last.
_PIECE_ROWS_FIRST: Final = 256
_PIECE_ROWS_MAX: Final = 8192
_PIECE_GROWTH: Final = 4
#: Rows of a piece read as they lie: a vector of DuckDB's.
_VECTOR_ROWS: Final = 2048
_ROW: Final = "file_row_number"
#: Archives whose outline is remembered.
_OUTLINES_MAX: Final = 1024


class Condition(Protocol):
    """SQL that is true of every row wanted (and perhaps of others); ``values`` are its parameters by name."""

    @property
    def sql(self) -> str: ...
    @property
    def values(self) -> Mapping[str, object]: ...


class Where(NamedTuple):
    """A condition of this room's own."""

    sql: str = "TRUE"
    values: Mapping[str, object] = {}


EVERY_ROW: Final = Where()


class ArchiveReader:
    """Reads the archives of one folder.  Safe from any thread; each read has a cursor of its own."""

    def __init__(self, folder: Path, settings: ArchiveSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._outlines: dict[tuple[Path, int, int], Outline] = {}

    def outline(self, path: Path) -> Outline:
        """Return what an archive spans; raises KeyError when it is gone and ArchiveError when it cannot be read."""
        try:
            status = path.stat()
        except FileNotFoundError as error:
            raise KeyError(path.name) from error
        key = (path, status.st_ino, status.st_mtime_ns)
        found = self._outlines.get(key)
        if found is None:
            with self._cursor(path) as cursor:
                found = read_outline(cursor, path)
            while len(self._outlines) >= _OUTLINES_MAX:
                self._outlines.pop(next(iter(self._outlines)), None)
            self._outlines[key] = found
        return found

    def newest(
        self, path: Path, condition: Condition, time_from: int, time_to: int, fields: Sequence[str] | None = None
    ) -> Iterator[DecodedBlock]:
        """Yield the candidates with ``time_from <= time < time_to`` in blocks, newest first.

        Within a block events ascend, and every event of a block comes after all of the next.  With ``fields`` only
        those are read (besides the time and the identity; ``measures.rows`` reads ``measures``).  Stop taking when
        there is enough: what is not taken is not read.  Raises KeyError when the archive is gone, and ArchiveError.
        """
        columns = _columns(fields, identities=True)
        for group in reversed(self.outline(path).groups):
            if group.tmin < time_to and group.tmax >= time_from:
                yield from self._newest_of(path, group, condition, (time_from, time_to), columns)

    def scan(
        self,
        path: Path,
        condition: Condition,
        time_from: int,
        time_to: int,
        fields: Sequence[str] | None = None,
        *,
        identities: bool = True,
    ) -> Iterator[DecodedBlock]:
        """Yield the candidates as they lie, oldest first; see :meth:`newest`.

        Without ``identities`` the events have none that is right: for whoever only counts.
        """
        columns = _columns(fields, identities=identities)
        sql = f"SELECT {_quoted(columns)} FROM {_SOURCE} WHERE time >= $from AND time < $to AND ({condition.sql})"
        with self._cursor(path) as cursor:
            cursor.execute(sql, {**condition.values, "path": str(path), "from": time_from, "to": time_to})
            while rows := cursor.fetchmany(_VECTOR_ROWS):
                yield block_of(_segment(path), 0, columns, rows, identities=identities)

    def find(self, path: Path, stream: str, sequence: int) -> DecodedBlock | None:
        """Return the events of one batch in the order of its places, None when there are none here."""
        condition = Where('stream = $stream AND "sequence" = $sequence', {"stream": stream, "sequence": sequence})
        return self._ordered(path, condition, '"index"', None)

    def arrived(self, path: Path, number: int, limit: int) -> DecodedBlock | None:
        """Return up to ``limit`` events whose number is above ``number``, in order of arrival; None: there are none.

        Batches may be cut at the end; ask again with the number of the last.
        """
        return self._ordered(path, Where('"number" > $number', {"number": number}), '"number"', limit)

    def close(self) -> None:
        """Let go of the files; no read may be under way."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _newest_of(
        self, path: Path, group: RowGroup, condition: Condition, span: tuple[int, int], columns: Sequence[str]
    ) -> Iterator[DecodedBlock]:
        """Yield the candidates of a row group: first which rows they are, then piece by piece the rows themselves."""
        where = (
            f"FROM {_SOURCE} WHERE time >= $from AND time <= $last"
            f" AND {_ROW} >= $first_row AND {_ROW} < $end_row AND ({condition.sql})"
        )
        values = {
            **condition.values, "path": str(path), "first_row": group.row, "end_row": group.row + group.n,
            "from": max(span[0], group.tmin), "last": min(span[1] - 1, group.tmax),
        }  # fmt: skip
        with self._cursor(path) as cursor:
            found = np.sort(cursor.execute(f"SELECT {_ROW} {where}", values).fetchnumpy()[_ROW])
        piece = _PIECE_ROWS_FIRST
        while found.size:
            wanted, found = found[-piece:], found[:-piece]
            values |= {"first_row": int(wanted[0]), "end_row": int(wanted[-1]) + 1}
            with self._cursor(path) as cursor:
                rows = cursor.execute(f"SELECT {_quoted(columns)} {where} ORDER BY {_ROW}", values).fetchall()
            yield block_of(_segment(path), int(wanted[0]), columns, rows)
            piece = min(piece * _PIECE_GROWTH, _PIECE_ROWS_MAX)

    def _ordered(self, path: Path, condition: Condition, order: str, limit: int | None) -> DecodedBlock | None:
        sql = f"SELECT {_quoted(COLUMN_NAMES)} FROM {_SOURCE} WHERE {condition.sql} ORDER BY {order} LIMIT $limit"
        with self._cursor(path) as cursor:
            rows = cursor.execute(sql, {**condition.values, "path": str(path), "limit": limit or (1 << 40)}).fetchall()
        return block_of(_segment(path), 0, COLUMN_NAMES, rows) if rows else None

    @contextmanager
    def _cursor(self, path: Path) -> Iterator["duckdb.DuckDBPyConnection"]:
        import duckdb

        with self._lock:
            if self._connection is None:
                self._connection = open_engine(self._folder, self._settings)
            cursor = self._connection.cursor()
        try:
            yield cursor
        except duckdb.Error as error:
            if not path.exists():
                raise KeyError(path.name) from error
            raise ArchiveError(f"{path}: {error}") from error
        finally:
            cursor.close()


_SOURCE: Final = "read_parquet($path, file_row_number = true)"


def _segment(path: Path) -> str:
    return path.name.removesuffix(".parquet")


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _columns(fields: Sequence[str] | None, *, identities: bool) -> list[str]:
    if fields is None:
        wanted = set(COLUMN_NAMES)
    else:
        wanted = {"time", *(name if name in COLUMN_NAMES else name.partition(".")[0] for name in fields)}
        wanted |= {EXACT} if "duration_ms" in wanted else set()
    wanted = wanted | set(IDENTITY_NAMES) if identities else wanted - set(IDENTITY_NAMES)
    return [name for name in COLUMN_NAMES if name in wanted]
