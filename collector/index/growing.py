"""Keeps the index of one growing segment up with it, and goes on after a restart where it was.

What it finds is used only if it can be trusted (:func:`collector.index.file.take_over`) and fits the segment; else it
begins anew.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from collector.block import BlockInfo, BlockSource, SegmentInfo
from collector.index.file import UNREADABLE, close_and_stamp, create, is_damage, take_over
from collector.index.head import Head, this_boot
from collector.index.packing import PackingError
from collector.index.settings import IndexSettings
from collector.index.writer import IndexWriter, new_head
from watchbook.clock import SECOND_US
from watchbook.wire import WireError

#: Rows whose blocks are listed at a time.
_LISTED_ROWS = 65_536


@dataclass
class IndexCounters:
    """What was done since the start.

    ``rows`` were indexed, in ``flushes`` transactions; ``rebuilt`` indexes were damaged, not trusted or missing, and
    made again; ``unreadable_blocks`` were passed over; ``failures`` of the disk or the file put work off.
    """

    rows: int = 0
    flushes: int = 0
    rebuilt: int = 0
    unreadable_blocks: int = 0
    failures: int = 0


class GrowingIndex:
    """The index of one segment that is not sealed.  Not thread-safe.

    Opening it and every step raise sqlite3.Error, OSError and PackingError when the file does not work; it is closed
    then (:meth:`abandon`), and a new one opened later goes on or begins anew.
    """

    def __init__(
        self, source: BlockSource, segment: SegmentInfo, settings: IndexSettings, counters: IndexCounters
    ) -> None:
        self._source = source
        self._segment = segment
        self._settings = settings
        self._counters = counters
        self._pending: deque[BlockInfo] = deque()
        self._waiting_since: int | None = None
        self.path = segment.index_path
        self._connection, self._writer = self._open()

    def _open(self) -> tuple[sqlite3.Connection, IndexWriter]:
        taken = take_over(self.path)
        if taken is not None:
            connection, head = taken
            try:
                if (writer := self._restored(connection, head)) is not None:
                    return connection, writer
            except BaseException:
                connection.close()
                raise
            connection.close()
        if self.path.exists():
            self._counters.rebuilt += 1
        connection = create(self.path, growing=True)
        writer = self._writer_for(connection, new_head(self._segment.name, self._segment.generation, sealed=False))
        writer.flush_head()
        return connection, writer

    def _restored(self, connection: sqlite3.Connection, head: Head) -> IndexWriter | None:
        if not self._fits(head):
            return None
        writer = self._writer_for(connection, head)
        try:
            writer.restore()
            head.boot = this_boot()
            writer.flush_head()
        except UNREADABLE as error:
            if not is_damage(error):
                raise
            return None
        return writer

    def _writer_for(self, connection: sqlite3.Connection, head: Head) -> IndexWriter:
        rows_min = min(self._settings.flush_rows, self._settings.chunk_rows)
        return IndexWriter(connection, head, self._settings, chunk_rows_min=rows_min)

    def _fits(self, head: Head) -> bool:
        segment = self._segment
        if head.sealed or (head.name, head.generation) != (segment.name, segment.generation):
            return False
        if not head.rows:
            return True
        blocks = self._source.blocks(segment, head.rows - 1, head.rows) if head.rows <= segment.rows else ()
        return any(
            info.row + info.n == head.rows and (info.stream, info.sequence) == tuple(head.last) for info in blocks
        )

    @property
    def rows(self) -> int:
        """How many rows the index shows."""
        return self._writer.head.rows

    def step(self, segment: SegmentInfo, now: int, is_over: Callable[[], bool]) -> bool:
        """Index blocks until ``is_over``, a flush or the end of the segment; return whether there is more to read.

        Each flush is told at once: senders may wait for it.  Raises KeyError when the segment is gone.
        """
        self._segment = segment
        while not is_over() and (info := self._next()) is not None:
            self._add(info, now)
            if self._writer.unflushed >= self._settings.flush_rows:
                self._flush(now)
                return self._writer.row < segment.rows
        waited = 0 if self._waiting_since is None else now - self._waiting_since
        if flush_is_due(self._writer.unflushed, waited, self._settings):
            self._flush(now)
        return self._writer.row < segment.rows

    def finish(self, now: int) -> None:
        """Make the index show everything read so far; close and stamp it."""
        if self._writer.unflushed:
            self._flush(now)
        close_and_stamp(self._connection, self.path)

    def abandon(self) -> None:
        """Close the file as it is: after an error, or because the segment is gone."""
        self._connection.close()

    def _next(self) -> BlockInfo | None:
        row = self._writer.row
        if not self._pending:
            if row >= self._segment.rows:
                return None
            until = min(row + _LISTED_ROWS, self._segment.rows)
            self._pending.extend(self._source.blocks(self._segment, row, until))
        if not self._pending:
            raise KeyError(self._segment.name)
        info = self._pending.popleft()
        if info.row != row:
            raise PackingError(f"the index of {self._segment.name} ends within a block, at row {row}")
        return info

    def _add(self, info: BlockInfo, now: int) -> None:
        try:
            block = self._source.read(info)
        except WireError:
            self._counters.unreadable_blocks += 1
            self._writer.add_unreadable(info)
        else:
            self._writer.add(block, now)
        self._counters.rows += info.n
        if self._waiting_since is None and self._writer.unflushed:
            self._waiting_since = now

    def _flush(self, now: int) -> None:
        self._writer.flush(now)
        self._waiting_since = None
        self._counters.flushes += 1


def flush_is_due(unflushed: int, waited_us: int, settings: IndexSettings) -> bool:
    """Return whether new rows that have waited so long are to be shown now."""
    if unflushed >= settings.flush_rows:
        return True
    if unflushed >= settings.flush_rows_min:
        return waited_us >= settings.flush_after * SECOND_US
    return unflushed > 0 and waited_us >= settings.flush_latest * SECOND_US
