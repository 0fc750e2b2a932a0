"""The directory of a segment: where its blocks lie and what they span, as arrays.

A hot segment may hold a million blocks of one event each, so nothing here is an object a block: an entry is 48 bytes.
Arrays only grow, and what was handed out stays as it was.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo

#: The columns of an entry.  ``row`` is the first row; ``stream`` is a code into the names.
COLUMNS: Final = ("row", "number", "n", "tmin", "tmax", "received", "stream", "sequence")
_TYPES: Final = {"n": np.int32, "stream": np.int32}
_FIRST_ENTRIES: Final = 64


class Directory:
    """The blocks of one segment in order of rows.  ``damaged``: some of them cannot be read and are not among these."""

    def __init__(self, segment: str) -> None:
        self.segment = segment
        self.names: list[str] = []
        self.size = 0
        self.damaged = False
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.empty(_FIRST_ENTRIES, _TYPES.get(name, np.int64)) for name in COLUMNS
        }

    def extend(self, entries: Sequence[Sequence[int]]) -> None:
        """Add entries, each with the values of :data:`COLUMNS`."""
        if entries:
            self.extend_columns(dict(zip(COLUMNS, np.array(entries, np.int64).T, strict=True)))

    def extend_columns(self, columns: dict[str, NDArray[np.int64]]) -> None:
        """Add entries given as one array a column."""
        end = self.size + len(columns["row"])
        for name in COLUMNS:
            array = self._arrays[name]
            if end > len(array):
                grown = np.empty(max(end, 2 * len(array)), array.dtype)
                grown[: self.size] = array[: self.size]
                self._arrays[name] = array = grown
            array[self.size : end] = columns[name]
        self.size = end

    def column(self, name: str) -> NDArray[np.int64]:
        """Return a column; do not write to it."""
        return self._arrays[name][: self.size]

    @property
    def end_row(self) -> int:
        """The row after the last one."""
        return int(self.column("row")[-1] + self.column("n")[-1]) if self.size else 0

    def span(self) -> tuple[int, int]:
        """Return the least and the greatest event time, both 0 without events."""
        if not self.size:
            return 0, 0
        return int(self.column("tmin").min()), int(self.column("tmax").max())

    def entry(self, position: int) -> BlockInfo:
        """Return the block at a position."""
        row, number, n, tmin, tmax, received, stream, sequence = (
            int(self._arrays[name][position]) for name in COLUMNS
        )  # fmt: skip
        name = self.names[stream] if stream >= 0 else ""
        return BlockInfo(number, n, tmin, tmax, received, name, sequence, self.segment, row)

    def rows(self, row_from: int, row_to: int | None) -> "Blocks":
        """Return the blocks that hold any of the rows ``row_from <= row < row_to``."""
        rows = self.column("row")
        first = int(np.searchsorted(rows, row_from, "right")) - 1
        # The block before may end ahead of the row: a damaged file leaves gaps.
        if first >= 0 and rows[first] + self.column("n")[first] <= row_from:
            first += 1
        last = self.size if row_to is None else int(np.searchsorted(rows, row_to, "left"))
        return Blocks(self, max(first, 0), last)


class Blocks(Sequence[BlockInfo]):
    """Some consecutive blocks of a segment; each :class:`BlockInfo` is made when it is asked for.

    ``row_starts`` are their first rows, for ``numpy.searchsorted``.
    """

    def __init__(self, directory: Directory, first: int, last: int) -> None:
        self._directory = directory
        self._first = first
        self._last = max(first, last)
        self.row_starts = directory.column("row")[self._first : self._last]

    def __len__(self) -> int:
        return self._last - self._first

    @overload
    def __getitem__(self, index: int) -> BlockInfo: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BlockInfo]: ...
    def __getitem__(self, index: int | slice) -> BlockInfo | Sequence[BlockInfo]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._directory.entry(self._first + index % len(self))

    def __iter__(self) -> Iterator[BlockInfo]:
        return (self._directory.entry(position) for position in range(self._first, self._last))
