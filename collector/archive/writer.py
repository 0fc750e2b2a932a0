"""Writes a segment as an archive: whole or not at all, and only after it was looked over.

The file is read back in outline (how many rows, in which order) and synced before anybody is told that it is there;
whoever asked for it gives it its final name.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from collector.archive.arrow import ArrowColumn, ArrowStream
from collector.archive.columns import SCHEMA, archived, characters, joined
from collector.archive.engine import engine
from collector.archive.outline import Outline, read_outline
from collector.archive.settings import ArchiveSettings
from collector.block import DecodedBlock

if TYPE_CHECKING:
    import duckdb

#: Events that go to DuckDB as one piece, at least; blocks are smaller.
_PIECE_EVENTS_MIN: Final = 2048
#: Or fewer, when their texts are as long as this together.
_PIECE_CHARACTERS_MIN: Final = 8 << 20


class ArchiveError(Exception):
    """An archive that could not be made or read.  The segment it was made of is as it was."""


def write_archive(blocks: Iterable[DecodedBlock], path: Path, settings: ArchiveSettings) -> Outline:
    """Write the events of ``blocks``, which come in the order of a sealed segment, as the new file ``path``.

    Holds a few blocks and one row group in memory; what does not fit goes to a folder beside the file for a while.
    Returns when the file is on disk.  Raises ArchiveError, OSError, and what ``blocks`` raises; then there is no file.
    """
    aside = path.with_name(f"{path.name}.tmp")
    counted = _Counted(blocks)
    try:
        with engine(path.parent, settings, aside) as connection:
            _copy(connection, counted, path, settings)
            outline = read_outline(connection, path)
        _check(outline, counted.events)
        _sync(path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return outline


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Counted:
    """Blocks on their way, as pieces of columns; knows how many events went through."""

    def __init__(self, blocks: Iterable[DecodedBlock]) -> None:
        self._blocks = blocks
        self.events = 0

    def pieces(self) -> Iterator[tuple[int, Sequence[ArrowColumn]]]:
        """Yield (rows, columns)."""
        waiting: list[list[ArrowColumn]] = []
        rows: list[int] = []
        size = 0
        for block in self._blocks:
            if not block.batch.n:
                continue
            waiting.append(archived(block))
            rows.append(block.batch.n)
            self.events += block.batch.n
            size += characters(waiting[-1])
            if sum(rows) >= _PIECE_EVENTS_MIN or size >= _PIECE_CHARACTERS_MIN:
                yield sum(rows), joined(waiting, rows)
                waiting, rows, size = [], [], 0
        if rows:
            yield sum(rows), joined(waiting, rows)


def _copy(connection: "duckdb.DuckDBPyConnection", counted: _Counted, path: Path, settings: ArchiveSettings) -> None:
    import duckdb

    stream = ArrowStream(SCHEMA, counted.pieces())
    connection.register("events", stream)
    try:
        connection.execute(
            "COPY (SELECT * FROM events) TO $path (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2,"
            f" COMPRESSION_LEVEL {settings.compression_level}, ROW_GROUP_SIZE {settings.row_group_events},"
            f" ROW_GROUP_SIZE_BYTES {settings.row_group_bytes})",
            {"path": str(path)},
        )
    except duckdb.Error as error:
        if stream.error is not None:
            raise stream.error from error
        raise ArchiveError(f"{path}: {error}") from error
    finally:
        connection.unregister("events")


def _check(outline: Outline, events: int) -> None:
    if outline.rows != events:
        raise ArchiveError(f"{outline.rows} of {events} events arrived in the archive; the segment is kept as it is")
    if not outline.ordered:
        raise ArchiveError("the events arrived out of order in the archive; the segment is kept as it is")
