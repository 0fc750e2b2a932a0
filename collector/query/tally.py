"""Counts the values of one field over what matches.

Where an index holds the field as codes, codes are counted and become texts at the end of each segment; numbers and IPv4
addresses are counted as they are; everything else is counted of decoded events.
"""

from collections import Counter as Counts
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from collector.block import SegmentInfo
from collector.query.hits import ChunkHits, Counter
from collector.query.masks import is_coded
from collector.query.reading import Found
from collector.query.samples import Samples
from collector.query.sure import count
from collector.query.texts import UNKNOWN, Numbered
from collector.query.values import values_at
from collector.view import MULTI_VALUED, SEPARATOR, AddressColumn, CodedColumn, IndexView, NumberColumn
from watchbook.event import FIELD_BY_NAME

_ItemT = TypeVar("_ItemT")
Value = str | int | float
_INT_LIMIT: Final = 2**63
_OCTETS: Final = (24, 16, 8, 0)


class Most(NamedTuple):
    """The most frequent values with their counts; how often others were met; how many events had no value."""

    values: list[tuple[Value, int]]
    other: int
    missing: int


class FieldTally(Counter):
    """Counts the values of a field: an event counts once for each different value it has."""

    def __init__(self, field: str, numbered: Numbered) -> None:
        self.field = field
        self._numbered = numbered
        self._coded = is_coded(field)
        self._is_text = is_text(field)
        self._values_at = values_at(field)
        self._by_code: NDArray[np.int64] = np.zeros(1, np.int64)
        self._by_number: NDArray[np.int64] = np.zeros(1, np.int64)
        self._loose: Counts[Value] = Counts()
        self._missing = 0
        #: Met, but of a text that could not be read.
        self._untold = 0
        self._samples = Samples(field)

    def chunk(self, hits: ChunkHits) -> None:
        """See :class:`collector.query.hits.Counter`."""
        if self._coded:
            counts = hits.remembered(("codes", self.field), lambda: code_counts(hits, self.field), _nbytes)
            self._by_code = added(self._by_code, counts)
            self._samples.chunks.append(hits)
            return
        column = hits.column(self.field)
        if column is None:
            self._missing += count(hits.mask, hits.chunk.n)
        elif isinstance(column, NumberColumn) and column.exact:
            self._numbers(hits.matched(column.values))
        elif isinstance(column, AddressColumn):
            self._addresses(hits, column)
        else:
            self._decode(hits)

    def block(self, found: Found) -> None:
        """See :class:`collector.query.hits.Counter`."""
        if self._is_text:
            for value, times in text_counts(found, self.field).items():
                self._missing += times if value is None else 0
                if value is not None:
                    self._loose[value] += times
            return
        values = self._values_at(found.block.batch)
        if values is None:
            self._missing += len(found.indexes)
            return
        for index in found.indexes:
            self._add(values(index), 1)

    def end_segment(self, segment: SegmentInfo, view: IndexView | None) -> None:
        """See :class:`collector.query.hits.Counter`."""
        codes = np.flatnonzero(self._by_code[1:]) + 1
        self._missing += int(self._by_code[0])
        if view is not None and len(codes):
            if self.field in MULTI_VALUED:
                self._lists(view, codes)
            else:
                self._texts(view, segment.generation, codes)
        self._by_code = np.zeros(1, np.int64)
        self._samples.chunks.clear()

    def most(self, size: int) -> Most:
        """Return the ``size`` most frequent values."""
        together = int(self._by_number.sum()) + sum(self._loose.values()) + self._untold
        counts = Counts(self._loose)
        for value in self._loose:
            if isinstance(value, str):
                counts[value] += self._numbered_count(value)
        # Of the numbered ones, only those that can be among the most frequent become texts.
        for number in top(self._by_number, size).tolist():
            text = self._numbered.text(number)
            if text not in self._loose:
                counts[text] = int(self._by_number[number])
        ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:size]
        shown = [(_shown(value), times) for value, times in ordered if times]
        return Most(shown, together - sum(times for _, times in shown), self._missing)

    def _numbered_count(self, text: str) -> int:
        number = self._numbered.of_text(text)
        return int(self._by_number[number]) if number < len(self._by_number) else 0

    def _texts(self, view: IndexView, generation: str, codes: NDArray[Any]) -> None:
        numbers = self._numbered.of_codes(view, generation, self.field, codes, self._samples.text)
        known = numbers != UNKNOWN
        self._untold += int(self._by_code[codes[~known]].sum())
        size = int(numbers.max(initial=-1)) + 1
        counts = np.bincount(numbers[known], self._by_code[codes[known]], size).astype(np.int64)
        self._by_number = added(self._by_number, counts)

    def _lists(self, view: IndexView, codes: NDArray[Any]) -> None:
        for code in codes.tolist():
            text = view.text(self.field, code)
            values = self._samples.values(code) if text is None else text.split(SEPARATOR)
            self._add(values, int(self._by_code[code]))

    def _numbers(self, values: NDArray[np.float64]) -> None:
        there = values[~np.isnan(values)]
        self._missing += len(values) - len(there)
        found, counts = np.unique(there, return_counts=True)
        for value, times in zip(found.tolist(), counts.tolist(), strict=True):
            self._loose[_plain(value)] += times

    def _addresses(self, hits: ChunkHits, column: AddressColumn) -> None:
        kinds, numbers = hits.matched(column.kinds), hits.matched(column.numbers)
        if np.any((kinds != 0) & (kinds != 4)):
            self._decode(hits)
            return
        self._missing += int(np.count_nonzero(kinds == 0))
        found, times = np.unique(numbers[kinds != 0], return_counts=True)
        for number, n in zip(found.tolist(), times.tolist(), strict=True):
            self._loose[ipv4_text(number)] += n

    def _decode(self, hits: ChunkHits) -> None:
        for found in hits.decoded():
            self.block(found)

    def _add(self, values: Iterable[Any], times: int) -> None:
        different = plain_values(values)
        for value in different:
            self._loose[value] += times
        self._missing += 0 if different else times


def code_counts(hits: ChunkHits, field: str) -> NDArray[np.int64]:
    """Return how many of the rows that match have each code of a field, from 0 on."""
    if hits.mask is True:
        counts = hits.view.counts(hits.chunk, field)
        if counts is not None:
            return counts
    column = hits.column(field)
    if not isinstance(column, CodedColumn):
        return np.array([count(hits.mask, hits.chunk.n)], np.int64)
    if column.codes.strides == (0,):  # one code for all rows
        counts = np.zeros(int(column.codes[0]) + 1, np.int64)
        counts[-1] = count(hits.mask, hits.chunk.n)
        return counts
    return np.bincount(hits.matched(column.codes), minlength=1)


def is_text(field: str) -> bool:
    """Return whether an event has one text, or none, for a field."""
    known = FIELD_BY_NAME.get(field)
    return known is not None and known.kind == "text"


def text_counts(found: Found, field: str) -> Mapping[str | None, int]:
    """Return how many of some events of a block have each text of such a field (None: no text).

    Counted as codes where the block has codes, all at once: an event at a time it was a third of what questions cost
    while events come in.
    """
    batch, indexes = found.block.batch, found.indexes
    coded = batch.coded(field)
    if coded is not None:
        counts: Counts[str | None] = Counts()
        for code, times in Counts(_picked(coded.codes(), indexes)).items():
            counts[coded.values[code]] += times
        return counts
    column = batch.columns.get(field)
    if column is None or isinstance(column, str):
        return {column: len(indexes)}
    return Counts(_picked(column, indexes))


def _picked(values: Sequence[_ItemT], indexes: Sequence[int]) -> Iterable[_ItemT]:
    return values if len(indexes) == len(values) else map(values.__getitem__, indexes)


def added(sums: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of two arrays of which either may be shorter; may change ``sums``."""
    if len(counts) > len(sums):
        grown = np.zeros(max(len(counts), 2 * len(sums)), np.int64)
        grown[: len(sums)] = sums
        sums = grown
    sums[: len(counts)] += counts
    return sums


def top(counts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Return the places of at least the ``size`` largest counts that are not 0: all that are equal to the smallest."""
    there = np.flatnonzero(counts)
    if len(there) <= size:
        return there
    least = np.partition(counts[there], len(there) - size)[len(there) - size]
    largest: NDArray[np.int64] = there[counts[there] >= least]
    return largest


def ipv4_text(number: int) -> str:
    """Return the text of an IPv4 address."""
    return ".".join(str(number >> shift & 255) for shift in _OCTETS)


def plain_values(values: Iterable[Any]) -> set[Value]:
    """Return the different texts and numbers among values; true and false are the texts that queries know them by."""
    return {_plain(value) for value in values if isinstance(value, str | int | float)}


def _plain(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    # 1.0 and 1 are one value, and have one name.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _INT_LIMIT
    return int(value) if whole else value


def _shown(value: Value) -> Value:
    """Return a value that JSON readers understand: integers beyond 64 bits as text."""
    return str(value) if isinstance(value, int) and not -_INT_LIMIT <= value < _INT_LIMIT else value


def _nbytes(counts: NDArray[Any]) -> int:
    return int(counts.nbytes)
