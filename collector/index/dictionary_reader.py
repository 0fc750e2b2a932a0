"""Reads the dictionary of one field, page by page; implements :class:`collector.index.passing.Texts`."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from collector.index.dictionary import PAGE_TEXTS, Kept, unpack_checksums, unpack_texts
from collector.index.file import FIELD_SHIFT
from collector.index.packing import PackingError

#: About what Python keeps besides the characters of a text.
_TEXT_BYTES: Final = 60
_CODE_MASK: Final = (1 << FIELD_SHIFT) - 1
_ResultT = TypeVar("_ResultT")


class Shelf(Protocol):
    """Where a dictionary's parts come from."""

    def remembered(
        self, kind: str, key: Hashable, load: Callable[[], _ResultT], size_of: Callable[[_ResultT], int]
    ) -> _ResultT:
        """Return what ``load`` gives, from memory if it is there; raises IndexDamagedError."""
        ...

    def select(self, statement: str, *values: object) -> list[Any]:
        """Return the rows of a SELECT; raises sqlite3.Error."""
        ...


class DictionaryReader:
    """The codes 1 to ``size`` of a field's dictionary; what the file holds beyond them came later."""

    def __init__(self, shelf: Shelf, field: int, size: int, *, multi_valued: bool) -> None:
        self._shelf = shelf
        self._field = field
        self.size = size
        self.multi_valued = multi_valued

    def text(self, code: int) -> Kept:
        """Return the text of a code, or its digest; raises IndexError when there is no such code."""
        if not 1 <= code <= self.size:
            raise IndexError(f"there is no code {code}, the largest is {self.size}")
        return self._page((code - 1) // PAGE_TEXTS)[(code - 1) % PAGE_TEXTS]

    def at(self, codes: Iterable[int]) -> Iterator[tuple[int, Kept]]:
        """Yield (code, its text or digest) of ascending codes."""
        page, texts = -1, cast(Sequence[Kept], ())
        for code in codes:
            if (code - 1) // PAGE_TEXTS != page:
                page = (code - 1) // PAGE_TEXTS
                texts = self._page(page)
            yield code, texts[(code - 1) % PAGE_TEXTS]

    def texts(self, first: int) -> Iterator[tuple[int, Sequence[Kept]]]:
        """Yield (code of the first, texts) page by page, from the code ``first`` to the end."""
        while first <= self.size:
            page, at = divmod(first - 1, PAGE_TEXTS)
            texts = self._page(page)[at:]
            yield first, texts
            first += len(texts)

    def codes_of_checksum(self, checksum: int, first: int) -> Iterable[int]:
        """Return the codes from ``first`` whose case-folded text has this checksum, ascending."""
        checksums = self._shelf.remembered("checksums", (self._field, self.size), self._checksums, _nbytes)
        return (np.flatnonzero(checksums[first - 1 :] == np.uint32(checksum)) + first).tolist()

    def codes_of_words(self, match: str, first: int) -> Iterable[int]:
        """Return the codes from ``first`` whose words satisfy an FTS5 expression, ascending."""
        return self._shelf.remembered(
            "words", (self._field, self.size, match, first), lambda: self._found(match, first), _list_bytes
        )

    def _found(self, match: str, first: int) -> list[int]:
        base = self._field << FIELD_SHIFT
        rows = self._shelf.select(
            "SELECT rowid FROM word WHERE word MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid",
            match, base | first, base | self.size,
        )  # fmt: skip
        return [rowid & _CODE_MASK for (rowid,) in rows]

    def _page(self, page: int) -> Sequence[Kept]:
        count = min(PAGE_TEXTS, self.size - page * PAGE_TEXTS)
        return self._shelf.remembered(
            "texts", (self._field, page, count), lambda: self._read_page(page)[:count], _texts_bytes
        )

    def _read_page(self, page: int) -> list[Kept]:
        rows = self._shelf.select("SELECT n, texts FROM page WHERE id = ?", self._field << FIELD_SHIFT | page)
        if not rows:
            raise PackingError("the index lacks a page of a dictionary")
        return unpack_texts(rows[0][1], rows[0][0])

    def _checksums(self) -> NDArray[np.uint32]:
        base = self._field << FIELD_SHIFT
        rows = self._shelf.select(
            "SELECT n, sums FROM page WHERE id BETWEEN ? AND ? ORDER BY id", base, base | _CODE_MASK
        )
        checksums = np.concatenate([unpack_checksums(sums, count) for count, sums in rows])
        if len(checksums) < self.size:
            raise PackingError("the index lacks a page of a dictionary")
        return checksums[: self.size]


def _nbytes(values: NDArray[np.uint32]) -> int:
    return values.nbytes


def _list_bytes(values: list[int]) -> int:
    return 36 * len(values)


def _texts_bytes(texts: Sequence[Kept]) -> int:
    return sum(map(len, texts)) + _TEXT_BYTES * len(texts)
