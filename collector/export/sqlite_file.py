"""An export as a SQLite file: the table ``events``, one row an event, for ``sqlite3`` and Datasette.

Columns are those of ``table``; times are RFC 3339 texts (UTC), so that they sort as they happened.  Rows come in the
order they are added.  ``id`` is the primary key; ``time``, ``actor_id``, ``action`` and ``resource_id`` have an index.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from sqlite_utils import Database

from collector.export.table import TABLE, ColumnType, row_of

_TYPES: Final[dict[ColumnType, type]] = {"time": str, "text": str, "integer": int, "number": float, "json": str}
_INDEXED: Final = ("time", "actor_id", "action", "resource_id")
_INSERT: Final = f"INSERT INTO events VALUES ({', '.join('?' * len(TABLE))})"


class SqliteFile:
    """Builds a file that must not be there yet; it is complete once :meth:`close` has returned."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise FileExistsError(path)
        self._database = Database(path)
        # Nobody needs a file that is not whole: it is made again after a crash.
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._table = self._database.table("events")
        self._table.create(
            {column.name: _TYPES[column.type] for column in TABLE}, pk="id", not_null={"id", "time", "action"}
        )

    def add(self, events: Sequence[bytes | msgspec.Raw]) -> None:
        """Add a page of events, given as JSON."""
        with self._database.conn:
            self._database.conn.executemany(_INSERT, map(row_of, events))

    def close(self) -> None:
        """Index the table and close the file."""
        for name in _INDEXED:
            self._table.create_index([name])
        self._database.close()
