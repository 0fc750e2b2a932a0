"""Counts, for each value of a field, how many different values of another one it goes with."""

from collections import defaultdict
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.block import SegmentInfo
from collector.query.hits import ChunkHits, Counter
from collector.query.masks import is_coded
from collector.query.reading import Found
from collector.query.samples import Samples
from collector.query.tally import Value, plain_values
from collector.query.texts import UNKNOWN, Numbered, TextNumbers
from collector.query.values import values_at
from collector.view import MULTI_VALUED, CodedColumn, IndexView

#: Up to so many pairs of codes are noted in a table with a place for each; more are sorted.
_TABLE_MAX: Final = 1 << 24
_SHIFT: Final = 32
_LOW: Final = (1 << _SHIFT) - 1


class PairCounter(Protocol):
    """Counts the different values that values of a field go with."""

    def chunk(self, hits: ChunkHits) -> None: ...

    def block(self, found: Found) -> None: ...

    def end_segment(self, segment: SegmentInfo, view: IndexView | None) -> None: ...

    def distinct(self, value: Value) -> int:
        """Return how many different values of the other field a value goes with."""
        ...


def pair_counter(field: str, other: str, texts: TextNumbers) -> "CodePairs | LoosePairs":
    """Return a counter of the different values of ``other`` for each value of ``field``."""
    by_code = all(is_coded(name) and name not in MULTI_VALUED for name in (field, other))
    return CodePairs(field, other, texts) if by_code else LoosePairs(field, other)


class CodePairs(Counter):
    """Pairs of two fields that indexes hold as codes."""

    def __init__(self, field: str, other: str, texts: TextNumbers) -> None:
        self._fields = (field, other)
        self._numbered: tuple[Numbered, Numbered] = (texts.of(field), texts.of(other))
        self._samples = (Samples(field), Samples(other))
        self._segment: list[NDArray[np.int64]] = []
        self._table: NDArray[np.bool_] | None = None
        self._width = 0
        self._found: list[NDArray[np.int64]] = []
        self._decoded: set[tuple[int, int]] = set()
        self._counts: NDArray[np.int64] | None = None

    def chunk(self, hits: ChunkHits) -> None:
        """See :class:`collector.query.hits.Counter`."""
        columns = [hits.column(field) for field in self._fields]
        if any(not isinstance(column, CodedColumn) for column in columns):
            return  # no row has both
        for samples in self._samples:
            samples.chunks.append(hits)
        one, two = (hits.matched(column.codes) for column in columns if isinstance(column, CodedColumn))
        if self._table is None and not self._segment:
            self._begin(hits.view)
        both = one.astype(np.int64) * self._width + two
        if self._table is not None:
            self._table[both] = True
        else:
            self._segment.append(np.unique(both))

    def block(self, found: Found) -> None:
        """See :class:`collector.query.hits.Counter`."""
        columns = [found.block.batch.column(field) for field in self._fields]
        if columns[0] is None or columns[1] is None:
            return
        for one, two in {(columns[0][index], columns[1][index]) for index in found.indexes}:
            if one is not None and two is not None:
                self._decoded.add((self._numbered[0].of_text(one), self._numbered[1].of_text(two)))

    def end_segment(self, segment: SegmentInfo, view: IndexView | None) -> None:
        """See :class:`collector.query.hits.Counter`."""
        keys = np.flatnonzero(self._table) if self._table is not None else _merged(self._segment)
        self._table, self._segment = None, []
        if view is not None and len(keys):
            self._translate(segment, view, keys)
        for samples in self._samples:
            samples.chunks.clear()

    def _translate(self, segment: SegmentInfo, view: IndexView, keys: NDArray[np.int64]) -> None:
        one, two = keys // self._width, keys % self._width
        there = (one > 0) & (two > 0)
        numbers = [self._numbers(segment, view, place, codes[there]) for place, codes in enumerate((one, two))]
        known = (numbers[0] != UNKNOWN) & (numbers[1] != UNKNOWN)
        self._found.append((numbers[0][known] << _SHIFT) | numbers[1][known])

    def _numbers(
        self, segment: SegmentInfo, view: IndexView, place: int, codes: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        field, unkept = self._fields[place], self._samples[place].text
        by_code = np.zeros(view.size(field) + 1, np.int64)
        by_code[codes] = 1
        different = np.flatnonzero(by_code)
        by_code[different] = self._numbered[place].of_codes(view, segment.generation, field, different, unkept)
        numbers: NDArray[np.int64] = by_code[codes]
        return numbers

    def distinct(self, value: Value) -> int:
        """See :class:`PairCounter`."""
        if self._counts is None:
            self._counts = self._counted()
        number = self._numbered[0].of_text(str(value))
        return int(self._counts[number]) if number < len(self._counts) else 0

    def _counted(self) -> NDArray[np.int64]:
        decoded = np.array([one << _SHIFT | two for one, two in self._decoded], np.int64)
        keys = np.concatenate([*self._found, decoded])
        height, width = (len(numbered) for numbered in self._numbered)
        if height * width > _TABLE_MAX:
            return np.bincount(_merged([keys]) >> _SHIFT, minlength=1)
        table = np.zeros((height, width), np.bool_)
        table[keys >> _SHIFT, keys & _LOW] = True
        counts: NDArray[np.int64] = np.count_nonzero(table, axis=1)
        return counts

    def _begin(self, view: IndexView) -> None:
        height, self._width = (view.size(field) + 1 for field in self._fields)
        if height * self._width <= _TABLE_MAX:
            self._table = np.zeros(height * self._width, np.bool_)


class LoosePairs(Counter):
    """Pairs of fields of which at least one is only in the events."""

    def __init__(self, field: str, other: str) -> None:
        self._values = (values_at(field), values_at(other))
        self._found: defaultdict[Any, set[Any]] = defaultdict(set)

    def chunk(self, hits: ChunkHits) -> None:
        """See :class:`collector.query.hits.Counter`."""
        for found in hits.decoded():
            self.block(found)

    def block(self, found: Found) -> None:
        """See :class:`collector.query.hits.Counter`."""
        one, two = (values(found.block.batch) for values in self._values)
        if one is None or two is None:
            return
        for index in found.indexes:
            others = plain_values(two(index))
            for value in plain_values(one(index)) if others else ():
                self._found[value] |= others

    def distinct(self, value: Value) -> int:
        """See :class:`PairCounter`."""
        return len(self._found.get(value, ()))


def _merged(pieces: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    keys = np.sort(np.concatenate([np.zeros(0, np.int64), *pieces]))
    different: NDArray[np.int64] = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    return different
