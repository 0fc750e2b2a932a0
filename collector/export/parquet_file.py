"""An export as a Parquet file (zstd), written by DuckDB.

Columns are those of ``table``; times are timestamps in UTC, to the microsecond.  Pages are collected as NDJSON in a
file beside it, which DuckDB then reads as a stream: memory does not depend on the number of events.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from collector.export.table import TABLE, ColumnType, row_of

_MEMORY: Final = "512MB"
#: An event of 1 MB can grow, where its characters are written as escapes.
_OBJECT_BYTES_MAX: Final = 64 << 20
_READ_AS: Final[dict[ColumnType, str]] = {
    "time": "VARCHAR", "text": "VARCHAR", "integer": "BIGINT", "number": "DOUBLE", "json": "VARCHAR",
}  # fmt: skip


class ParquetFile:
    """Builds a file; it is complete once :meth:`close` has returned."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows_path = path.with_name(f"{path.name}.rows")
        self._rows = self._rows_path.open("wb")

    def add(self, events: Sequence[bytes | msgspec.Raw]) -> None:
        """Add a page of events, given as JSON."""
        names = [column.name for column in TABLE]
        for event in events:
            row = {name: value for name, value in zip(names, row_of(event), strict=True) if value is not None}
            self._rows.write(msgspec.json.encode(row) + b"\n")

    def close(self) -> None:
        """Write the file and remove the one beside it."""
        # Here, because the processes that answer questions import this room and have no use for DuckDB's memory.
        import duckdb

        self._rows.close()
        try:
            with duckdb.connect(":memory:") as connection:
                connection.execute(f"SET memory_limit='{_MEMORY}'")
                connection.execute("SET threads=1")
                connection.execute("SET temp_directory=''")
                connection.execute(_COPY.format(source=_quoted(self._rows_path), target=_quoted(self._path)))
        finally:
            self._rows_path.unlink()


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


_SELECTED: Final = ", ".join(
    f'"{column.name}"::TIMESTAMPTZ AS "{column.name}"' if column.type == "time" else f'"{column.name}"'
    for column in TABLE
)
_TYPED: Final = ", ".join(f"\"{column.name}\": '{_READ_AS[column.type]}'" for column in TABLE)
_COPY: Final = (
    f"COPY (SELECT {_SELECTED} FROM read_json({{source}}, format='newline_delimited', "
    f"maximum_object_size={_OBJECT_BYTES_MAX}, columns={{{{{_TYPED}}}}})) "
    "TO {target} (FORMAT parquet, COMPRESSION zstd)"
)
