"""Reads segments: a read-only connection a thread and segment, every call sees what is committed."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from collector.block import BlockInfo, DecodedBlock
from collector.store.segment import COMPATIBILITY, INFO_COLUMNS, SUFFIX
from watchbook.database import connect_readonly
from watchbook.wire import decode_batch

_SELECT = f"SELECT {INFO_COLUMNS} FROM block JOIN stream ON stream.id = block.stream"


class SegmentReader:
    """Implements :class:`collector.block.BlockSource` over a folder of segments."""

    def __init__(self, folder: Path, batch_bytes_max: int) -> None:
        self._folder = folder
        self._batch_bytes_max = batch_bytes_max
        self._lock = threading.Lock()
        self._names: list[str] = []
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    def add_segment(self, name: str) -> None:
        """Make a segment known, in order of arrival."""
        with self._lock:
            self._names = [*self._names, name]

    def segments(self) -> list[str]:
        """Return the names of the segments, oldest first."""
        return self._names

    def blocks(self, time_from: int, time_to: int) -> list[BlockInfo]:
        """See :class:`collector.block.BlockSource`."""
        found: list[BlockInfo] = []
        for name in self._names:
            rows = self._connection(name).execute(f"{_SELECT} WHERE tmax >= ? AND tmin < ?", (time_from, time_to))
            found.extend(_infos(rows, name))
        found.sort(key=lambda info: (info.tmax, info.number), reverse=True)
        return found

    def read(self, info: BlockInfo) -> DecodedBlock:
        """See :class:`collector.block.BlockSource`."""
        if info.segment not in self._names:
            raise KeyError(info.segment)
        connection = self._connection(info.segment)
        row = connection.execute("SELECT data FROM block WHERE number = ?", (info.number,)).fetchone()
        if row is None:
            raise KeyError(info.number)
        return DecodedBlock(info, decode_batch(row[0], bytes_max=self._batch_bytes_max))

    def find(self, stream: str, sequence: int) -> BlockInfo | None:
        """See :class:`collector.block.BlockSource`."""
        for name in reversed(self._names):
            rows = self._connection(name).execute(
                f"{_SELECT} WHERE stream = (SELECT id FROM stream WHERE name = ?) AND block.sequence = ?",
                (stream, sequence),
            )
            for info in _infos(rows, name):
                return info
        return None

    def data(self, info: BlockInfo) -> bytes:
        """Return the stored bytes of a block."""
        (data,) = self._connection(info.segment).execute(
            "SELECT data FROM block WHERE number = ?", (info.number,)
        ).fetchone()  # fmt: skip
        return bytes(data)

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        """See :class:`collector.block.BlockSource`."""
        found: list[BlockInfo] = []
        for name in self._names:
            rows = self._connection(name).execute(
                f"{_SELECT} WHERE number > ? ORDER BY number LIMIT ?", (number, limit - len(found))
            )
            found.extend(_infos(rows, name))
            if len(found) >= limit:
                break
        return found

    def last_number(self) -> int:
        """See :class:`collector.block.BlockSource`."""
        for name in reversed(self._names):
            row = (
                self._connection(name)
                .execute("SELECT number + n - 1 FROM block ORDER BY number DESC LIMIT 1")
                .fetchone()
            )
            if row:
                return int(row[0])
        return 0

    def close(self) -> None:
        """Close the connections of all threads; no call may be under way."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def _connection(self, name: str) -> sqlite3.Connection:
        own: dict[str, sqlite3.Connection] = self._local.__dict__.setdefault("connections", {})
        connection = own.get(name)
        if connection is None:
            connection = own[name] = connect_readonly(self._folder / f"{name}{SUFFIX}", compatibility=COMPATIBILITY)
            with self._lock:
                self._connections.append(connection)
        return connection


def _infos(rows: sqlite3.Cursor, segment: str) -> Iterator[BlockInfo]:
    return (BlockInfo._make((*row, segment)) for row in rows)
