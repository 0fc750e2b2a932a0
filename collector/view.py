"""How queries look into a segment's index: columns of codes for chunks of rows, and dictionaries of what codes mean.

An index covers the rows ``0 <= row < rows`` of its segment in chunks.  For each chunk and field it holds a *column*
with one entry a row.  Texts are *coded*: the entry is a small number that stands for a text in the dictionary of that
segment and field, and 0 stands for "absent".  A question about a text is therefore asked once of each distinct text,
and then of the codes with one vector operation a chunk.

Nothing of an index is the truth: what is not sure is said to be not sure (``upper`` against ``lower``), and every event
that is shown is read from its block and tested again.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

#: Fields with several values an event: their dictionary holds each distinct list, its values joined by this.
MULTI_VALUED: Final = frozenset({"changes.field", "flags"})
SEPARATOR: Final = "\0"

Codes = NDArray[np.unsignedinteger[Any]]
Mask = NDArray[np.bool_]


class ChunkInfo(NamedTuple):
    """Some consecutive rows of a segment: ``row`` to ``row + n - 1``, with event times from ``tmin`` to ``tmax``."""

    row: int
    n: int
    tmin: int
    tmax: int


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """Texts, as codes into the dictionary of the segment and field; 0: absent."""

    codes: Codes


@dataclass(frozen=True, slots=True)
class HashedColumn:
    """Texts of which only a checksum is kept (:func:`checksum`); 0: absent.  Equal texts have equal checksums."""

    checksums: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Numbers; NaN: absent.  ``exact`` False: some were too large for a float to tell from their neighbours."""

    values: NDArray[np.float64]
    exact: bool


@dataclass(frozen=True, slots=True)
class AddressColumn:
    """IP addresses, by their ``kinds``.

    0: absent.  4: an IPv4 address in its canonical form; its number is in ``numbers``.  6: a text of nothing but hex
    digits, colons and dots, as every IPv6 address is.  1: anything else.
    """

    numbers: NDArray[np.uint32]
    kinds: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PresenceColumn:
    """Only whether there is a value."""

    present: Mask


Column = CodedColumn | HashedColumn | NumberColumn | AddressColumn | PresenceColumn


class Word(NamedTuple):
    """A word (:func:`collector.words.words_of`) that a text must have; ``open_end``: or a longer one it begins."""

    text: str
    open_end: bool = False


@dataclass(frozen=True)
class Wanted:
    """A question about texts.

    ``key`` is equal for equal questions (answers are remembered by it).  ``passes`` is the exact test of a text.
    ``whole`` is the case-folded text that a passing one must be equal to, if the question is that.  ``words`` are
    words that every passing text has; without any the question cannot be narrowed and is asked of every text.
    """

    key: Hashable
    passes: Callable[[str], bool]
    whole: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Passing:
    """Which codes of a dictionary pass: surely (``lower``) and perhaps (``upper``), both ascending, lower in upper."""

    lower: NDArray[np.int64]
    upper: NDArray[np.int64]


class IndexView(Protocol):
    """One segment's index as it is at one moment.  Safe to use from one thread at a time.

    Any call raises IndexDamagedError when the file turns out to be damaged; the caller goes on without the index.
    """

    @property
    def rows(self) -> int:
        """How many rows, from 0, it covers."""
        ...

    @property
    def chunks(self) -> Sequence[ChunkInfo]:
        """The chunks, by ascending row, without gaps."""
        ...

    def times(self, chunk: ChunkInfo) -> NDArray[np.int64]:
        """Return the event times of a chunk's rows, microseconds since the epoch."""
        ...

    def column(self, chunk: ChunkInfo, field: str) -> Column | None:
        """Return the column of a field, None when surely no row of the chunk has it.

        ``field`` is a name of :data:`watchbook.event.FIELD_NAMES` (but ``time``), ``measures.NAME`` or
        ``changes.field``.  A PresenceColumn is what is returned for fields that the index does not know better.
        Every column of a text field is coded, but for ``source.ip`` (addresses), ``source.session_id`` and
        ``source.request_id`` (hashed); an empty list is absent, and lists that could be taken for others have no text.
        """
        ...

    def passing(self, field: str, wanted: Wanted) -> Passing:
        """Return the codes of a field's dictionary that pass."""
        ...

    def text(self, field: str, code: int) -> str | None:
        """Return the text that a code stands for, None when it was too long to keep."""
        ...

    def size(self, field: str) -> int:
        """Return the number of codes of a field's dictionary: they run from 1 to this."""
        ...

    def counts(self, chunk: ChunkInfo, field: str) -> NDArray[np.int64] | None:
        """Return how often each code (0 to the largest in the chunk) is in a chunk, None where that is not kept."""
        ...


class IndexSource(Protocol):
    """Finds the index of a segment."""

    def view(self, name: str, generation: str, path: object) -> IndexView | None:
        """Return the index of a segment (``SegmentInfo``'s name, generation and index_path); None: there is none."""
        ...


class IndexDamagedError(Exception):
    """The index cannot be read; it is derived and will be made again."""
