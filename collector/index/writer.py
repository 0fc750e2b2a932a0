"""Writes one index file: rows go in, whole states of the index come out of every flush."""

import secrets
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from collector.block import BlockInfo, DecodedBlock
from collector.index.chunk import ChunkBuilder, Vocabulary
from collector.index.dictionary import PAGE_TEXTS, unpack_checksums, unpack_texts
from collector.index.fields import MEASURES, WITH_DICTIONARY
from collector.index.file import CHUNK_SHIFT, FIELD_SHIFT
from collector.index.head import FORMAT, ChunkHead, Head, pack_head, this_boot
from collector.index.packing import PackingError
from collector.index.settings import IndexSettings
from watchbook.clock import SECOND_US


class IndexWriter:
    """Adds rows to an index file, from ``row`` on; the file shows them after the next :meth:`flush`.

    A chunk below ``chunk_rows_min`` rows is written all the same, and replaced by a larger one at the next flush; one
    that began before a restart is read again from the blocks.  Not thread-safe.
    """

    def __init__(
        self, connection: sqlite3.Connection, head: Head, settings: IndexSettings, *, chunk_rows_min: int
    ) -> None:
        self._connection = connection
        self.head = head
        self._settings = settings
        self._chunk_rows_min = chunk_rows_min
        self._vocabulary = Vocabulary(settings)
        self._field_numbers = {name: number for number, name in enumerate(head.fields)}
        self._superseded: deque[tuple[int, int]] = deque()
        self._chunk_number = 1 + max((chunk.number for chunk in head.chunks), default=0)
        self._written_chunk: int | None = None
        begin = head.rows
        if head.chunks and head.chunks[-1].n < chunk_rows_min:
            begin = head.chunks[-1].row
            self._written_chunk = head.chunks[-1].number
        self._builder = self._new_builder(begin)
        self.last = head.last

    @property
    def row(self) -> int:
        """The next row that it wants."""
        return self._builder.row + self._builder.n

    @property
    def unflushed(self) -> int:
        """How many rows the file does not show yet."""
        return max(0, self.row - self.head.rows)

    def restore(self) -> None:
        """Read the dictionaries that the file has; raises sqlite3.Error and PackingError when it is damaged."""
        sizes = dict(zip(self.head.fields, self.head.sizes, strict=True))
        for name, number in self._field_numbers.items():
            if name in WITH_DICTIONARY:
                self._restore_dictionary(name, number, sizes[name])
            elif name.startswith(MEASURES):
                self._vocabulary.knows_measure(name.removeprefix(MEASURES))
        kept = [chunk.number for chunk in self.head.chunks]
        marks = ",".join("?" * len(kept))
        for table in ("col", "cnt"):
            self._connection.execute(f"DELETE FROM {table} WHERE id >> {CHUNK_SHIFT} NOT IN ({marks})", kept)

    def add(self, block: DecodedBlock, now: int) -> None:
        """Take the next block.  ``now`` counts for chunks that get full."""
        info = block.info
        if self._builder.n + block.batch.n > self._settings.chunk_rows and self._builder.n:
            self.flush(now, last=True)
        self._builder.add(block.batch)
        self.last = (info.stream, info.sequence)

    def add_unreadable(self, info: BlockInfo) -> None:
        """Take a block whose bytes are damaged, so that the rows behind it can be indexed."""
        self._builder.add_unreadable(info)
        self.last = (info.stream, info.sequence)

    def flush(self, now: int, *, last: bool = False) -> None:
        """Make the file show all rows, in one transaction; ``last``: begin a new chunk whatever its size."""
        with _transaction(self._connection):
            if self._builder.n:
                self._write_chunk(now)
            self._write_dictionaries()
            self._remove_superseded(now)
            self.head.rows = self.row
            self.head.last = self.last
            self.flush_head()
        if self._builder.n >= self._chunk_rows_min or (last and self._builder.n):
            self._builder = self._new_builder(self.row)
            self._written_chunk = None

    def flush_head(self) -> None:
        """Make the file say what it covers, without new rows."""
        self._connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (pack_head(self.head),))

    def optimize(self) -> None:
        """Bring the words into the form that is read fastest; for files that do not grow any more."""
        self._connection.execute("INSERT INTO word(word) VALUES ('optimize')")

    def _new_builder(self, row: int) -> ChunkBuilder:
        return ChunkBuilder(row, self._settings.chunk_rows, self._vocabulary)

    def _write_chunk(self, now: int) -> None:
        builder, number = self._builder, self._chunk_number
        self._chunk_number += 1
        fields = []
        for column in builder.columns():
            field = self._number(column.field)
            fields.append(field)
            key = number << CHUNK_SHIFT | field
            self._connection.execute("INSERT INTO col VALUES (?, ?)", (key, column.data))
            if column.counts is not None:
                self._connection.execute("INSERT INTO cnt VALUES (?, ?)", (key, column.counts))
        if self._written_chunk is not None:
            self.head.chunks.pop()
            self._superseded.append((now, self._written_chunk))
        times = builder.times()
        self.head.chunks.append(
            ChunkHead(number, builder.row, builder.n, int(times.min()), int(times.max()), fields, builder.partial)
        )
        self._written_chunk = number

    def _write_dictionaries(self) -> None:
        # FTS5 wants ascending rowids within a transaction: otherwise each descent costs a write.
        for name in sorted(self._vocabulary.dictionaries, key=self._number):
            dictionary, field = self._vocabulary.dictionaries[name], self._number(name)
            pages, words = dictionary.take_growth()
            self._connection.executemany(
                "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?)",
                [(field << FIELD_SHIFT | page.number, *page[1:]) for page in pages],
            )
            self._connection.executemany(
                "INSERT INTO word(rowid, t) VALUES (?, ?)",
                [(field << FIELD_SHIFT | code, text) for code, text in words],
            )
            self.head.sizes[field] = dictionary.size

    def _remove_superseded(self, now: int) -> None:
        until = now - int(self._settings.superseded_kept * SECOND_US)
        while self._superseded and self._superseded[0][0] <= until:
            number = self._superseded.popleft()[1]
            for table in ("col", "cnt"):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE id BETWEEN ? AND ?",
                    (number << CHUNK_SHIFT, (number + 1 << CHUNK_SHIFT) - 1),
                )

    def _number(self, field: str) -> int:
        number = self._field_numbers.get(field)
        if number is None:
            number = self._field_numbers[field] = len(self.head.fields)
            self.head.fields.append(field)
            self.head.sizes.append(0)
        return number

    def _restore_dictionary(self, name: str, field: int, size: int) -> None:
        dictionary = self._vocabulary.dictionary(name)
        rows: Iterable[tuple[int, bytes, bytes]] = self._connection.execute(
            "SELECT n, sums, texts FROM page WHERE id BETWEEN ? AND ? ORDER BY id",
            (field << FIELD_SHIFT, (field + 1 << FIELD_SHIFT) - 1),
        )
        for count, sums, texts in rows:
            if dictionary.size % PAGE_TEXTS:
                raise PackingError("a page of a dictionary is too short")
            dictionary.restore(unpack_texts(texts, count), unpack_checksums(sums, count))
        if dictionary.size != size:
            raise PackingError(f"the dictionary of {name} has {dictionary.size} texts, expected {size}")


def new_head(name: str, generation: str, *, sealed: bool) -> Head:
    """Return the head of an index without rows."""
    return Head(FORMAT, name, generation, secrets.token_hex(8), this_boot(), sealed)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):  # what went wrong first is what counts
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
