"""Old segments as Parquet, written and read by DuckDB.

- ``columns`` says what an archive holds and is the way of an event into it and back; ``arrow`` hands columns to DuckDB.
- ``writer`` makes an archive, ``reader`` finds events in one, ``outline`` tells what one spans.
- ``engine`` is DuckDB, shut in.

Invariants: what was read from a segment's blocks is read from its archive, field for field and byte for byte.  No text
of a user is ever part of an SQL statement.
"""

from collector.archive.columns import chosen
from collector.archive.outline import Outline, RowGroup
from collector.archive.reader import EVERY_ROW, ArchiveReader, Condition
from collector.archive.settings import ArchiveSettings
from collector.archive.writer import ArchiveError, write_archive

__all__ = [
    "EVERY_ROW",
    "ArchiveError",
    "ArchiveReader",
    "ArchiveSettings",
    "Condition",
    "Outline",
    "RowGroup",
    "chosen",
    "write_archive",
]
