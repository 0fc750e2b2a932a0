"""A view of one segment's index: what one head covers, read piece by piece and remembered."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from collector.index.cache import ByteCache
from collector.index.dictionary_reader import DictionaryReader
from collector.index.fields import DETAILS, KNOWN, MEASURES, WITH_DICTIONARY
from collector.index.file import CHUNK_SHIFT, UNREADABLE
from collector.index.forms import unpack_column, unpack_counts, unpack_times
from collector.index.head import ChunkHead, Head
from collector.index.opened import OpenIndex
from collector.index.packing import PackingError
from collector.index.passing import NOTHING, Found, find_passing
from collector.view import (
    MULTI_VALUED,
    AddressColumn,
    ChunkInfo,
    CodedColumn,
    Column,
    HashedColumn,
    IndexDamagedError,
    NumberColumn,
    Passing,
    PresenceColumn,
    Wanted,
)

_ResultT = TypeVar("_ResultT")


class SegmentView:
    """Implements :class:`collector.view.IndexView` over an open file.  ``report`` is told of damage."""

    def __init__(self, file: OpenIndex, head: Head, cache: ByteCache, report: Callable[[Exception], None]) -> None:
        self._file = file
        self._head = head
        self._cache = cache
        self._report = report
        self._field_numbers = {name: number for number, name in enumerate(head.fields)}
        self._chunks = {chunk.row: chunk for chunk in head.chunks}
        #: Names this making of the index: what is remembered of codes holds for it alone.
        self.build = head.build
        self.rows = head.rows
        self.chunks: Sequence[ChunkInfo] = [
            ChunkInfo(chunk.row, chunk.n, chunk.tmin, chunk.tmax) for chunk in head.chunks
        ]

    def times(self, chunk: ChunkInfo) -> NDArray[np.int64]:
        """See :class:`collector.view.IndexView`."""
        found = self._blob(self._chunks[chunk.row], "time", lambda data: unpack_times(data, chunk.n), _nbytes)
        if found is None:
            raise self._damaged(PackingError("a chunk has no times"))
        return found

    def column(self, chunk: ChunkInfo, field: str) -> Column | None:
        """See :class:`collector.view.IndexView`."""
        head = self._chunks[chunk.row]
        column: Column | None = self._blob(head, field, lambda data: unpack_column(data, chunk.n), _column_bytes)
        if column is not None or field in KNOWN:
            return column
        if field.startswith(MEASURES):
            return self.column(chunk, "measures") if head.partial else None
        if field.startswith(DETAILS):
            return self.column(chunk, "details")
        return PresenceColumn(np.broadcast_to(np.True_, (chunk.n,)))

    def passing(self, field: str, wanted: Wanted) -> Passing:
        """See :class:`collector.view.IndexView`."""
        number, size = self._field_numbers.get(field), self.size(field)
        if number is None or not size:
            return NOTHING.passing
        key = (self._head.build, "passing", number, wanted.key)
        known: Found = self._cache.get(key) or NOTHING
        if known.size > size:  # another view of the file has gone further: codes only grow
            return Passing(_up_to(size, known.passing.lower), _up_to(size, known.passing.upper))
        found = find_passing(self._dictionary(field, number), wanted, known)
        if found is not known:
            self._cache.put(key, found, found.passing.lower.nbytes + found.passing.upper.nbytes)
        return found.passing

    def text(self, field: str, code: int) -> str | None:
        """See :class:`collector.view.IndexView`."""
        text = self._dictionary(field, self._field_numbers[field]).text(code)
        return text if isinstance(text, str) else None

    def size(self, field: str) -> int:
        """See :class:`collector.view.IndexView`."""
        number = self._field_numbers.get(field)
        return 0 if number is None else self._head.sizes[number]

    def counts(self, chunk: ChunkInfo, field: str) -> NDArray[np.int64] | None:
        """See :class:`collector.view.IndexView`."""
        if field not in WITH_DICTIONARY:
            return None
        head = self._chunks[chunk.row]
        number = self._field_numbers.get(field)
        if number is None or number not in head.fields:
            return np.array([chunk.n], np.int64)
        key = head.number << CHUNK_SHIFT | number
        return self.remembered("cnt", key, lambda: self._counts(key), _nbytes)

    def _counts(self, key: int) -> NDArray[np.int64] | None:
        rows = self.select("SELECT data FROM cnt WHERE id = ?", key)
        return unpack_counts(rows[0][0]) if rows else None

    def _dictionary(self, field: str, number: int) -> DictionaryReader:
        return DictionaryReader(self, number, self._head.sizes[number], multi_valued=field in MULTI_VALUED)

    def remembered(
        self, kind: str, key: Hashable, load: Callable[[], _ResultT], size_of: Callable[[_ResultT], int]
    ) -> _ResultT:
        """Return what ``load`` gives, from memory if it is there; raises IndexDamagedError."""
        whole_key = (self._head.build, kind, key)
        found: _ResultT | None = self._cache.get(whole_key)
        if found is None:
            try:
                found = load()
            except UNREADABLE as error:
                raise self._damaged(error) from error
            self._cache.put(whole_key, found, size_of(found))
        return found

    def select(self, statement: str, *values: object) -> list[Any]:
        """Return the rows of a SELECT; raises sqlite3.Error."""
        return self._file.rows(statement, values)

    def _blob(
        self, head: ChunkHead, field: str, unpack: Callable[[bytes], _ResultT], size_of: Callable[[_ResultT], int]
    ) -> _ResultT | None:
        number = self._field_numbers.get(field)
        if number is None or number not in head.fields:
            return None
        key = head.number << CHUNK_SHIFT | number

        def load() -> _ResultT:
            rows = self.select("SELECT data FROM col WHERE id = ?", key)
            if not rows:
                self._refuse_superseded(head)
                raise PackingError(f"the index lacks the column of {field}")
            return unpack(rows[0][0])

        return self.remembered("col", key, load, size_of)

    def _refuse_superseded(self, chunk: ChunkHead) -> None:
        now = self._file.head()
        if now is not None and chunk.number not in (there.number for there in now.chunks):
            raise IndexDamagedError("the view is too old: what it showed has been replaced; ask for a new one")

    def _damaged(self, error: Exception) -> IndexDamagedError:
        self._report(error)
        return IndexDamagedError(f"the index of {self._head.name} is damaged: {error}")


def _up_to(size: int, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return codes[: np.searchsorted(codes, size, "right")]


def _nbytes(values: NDArray[Any] | None) -> int:
    # A constant array takes one value's memory, whatever it says.
    return 0 if values is None or values.strides == (0,) else values.nbytes


def _column_bytes(column: Column) -> int:
    match column:
        case CodedColumn(values) | HashedColumn(values) | NumberColumn(values) | PresenceColumn(values):
            return _nbytes(values)
        case AddressColumn(numbers, kinds):
            return _nbytes(numbers) + _nbytes(kinds)
