"""Counts what matches by time: in buckets, and within each by the values of a field."""

from collections import Counter as Counts
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from collector.block import SegmentInfo
from collector.query.hits import ChunkHits, Counter
from collector.query.masks import is_coded
from collector.query.reading import Found
from collector.query.samples import Samples
from collector.query.spans import Span
from collector.query.tally import Value, plain_values
from collector.query.texts import UNKNOWN, Numbered
from collector.query.values import values_at
from collector.view import MULTI_VALUED, CodedColumn, IndexView

#: Values by which buckets are divided: the most frequent ones.
BY_MAX: Final = 20
_KEYS_MAX: Final = 2**62
_Buckets = tuple[NDArray[np.int64], NDArray[np.int64]]


class Histogram(Counter):
    """Counts events in buckets."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._counts = np.zeros(len(span.starts), np.int64)

    def chunk(self, hits: ChunkHits) -> None:
        """See :class:`collector.query.hits.Counter`."""
        buckets, counts = hits.remembered(("buckets", self._span.width), lambda: self._buckets(hits), _nbytes)
        self._add(buckets, counts)

    def block(self, found: Found) -> None:
        """See :class:`collector.query.hits.Counter`."""
        times = found.block.batch.times
        found_times = np.array([times[index] for index in found.indexes], np.int64)
        self._add(*_unique(found_times // self._span.width))

    def counts(self) -> list[int]:
        """Return the count of each bucket of the span."""
        return [int(count) for count in self._counts]

    def _buckets(self, hits: ChunkHits) -> _Buckets:
        times, width = hits.matched(hits.part.times(hits.chunk)), self._span.width
        if len(times) and np.all(times[1:] >= times[:-1]):
            first, last = int(times[0]) // width, int(times[-1]) // width
            if last - first < len(times) // 8:
                edges = np.searchsorted(times, np.arange(first + 1, last + 1) * width)
                return np.arange(first, last + 1), np.diff(edges, prepend=0, append=len(times))
        return _unique(times // width)

    def _add(self, buckets: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        places = buckets - self._span.begin // self._span.width
        inside = (places >= 0) & (places < len(self._counts))
        np.add.at(self._counts, places[inside], counts[inside])


class DividedHistogram(Counter):
    """Counts events in buckets by the values of a field."""

    def __init__(self, span: Span, field: str, numbered: Numbered) -> None:
        self._span = span
        self._field = field
        self._numbered = numbered
        self._values_at = values_at(field)
        self._by_code = is_coded(field) and field not in MULTI_VALUED
        self._segment: list[_Buckets] = []
        self._samples = Samples(field)
        self._width = 1
        self._counts: Counts[tuple[int, Value]] = Counts()

    def chunk(self, hits: ChunkHits) -> None:
        """See :class:`collector.query.hits.Counter`."""
        if not self._by_code:
            for found in hits.decoded():
                self.block(found)
            return
        column = hits.column(self._field)
        if not isinstance(column, CodedColumn):
            return
        self._width = hits.view.size(self._field) + 1
        what = ("divided", self._span.width, self._field, self._width)
        self._samples.chunks.append(hits)
        self._segment.append(hits.remembered(what, lambda: self._divided(hits, column), _nbytes))

    def block(self, found: Found) -> None:
        """See :class:`collector.query.hits.Counter`."""
        values = self._values_at(found.block.batch)
        times = found.block.batch.times
        for index in found.indexes if values is not None else ():
            for value in plain_values(values(index)) if values is not None else ():
                self._counts[times[index] // self._span.width, value] += 1

    def end_segment(self, segment: SegmentInfo, view: IndexView | None) -> None:
        """See :class:`collector.query.hits.Counter`."""
        pieces, self._segment = self._segment, []
        if view is not None and pieces:
            self._translate(segment, view, pieces)
        self._samples.chunks.clear()

    def _translate(self, segment: SegmentInfo, view: IndexView, pieces: list[_Buckets]) -> None:
        keys = np.concatenate([keys for keys, _ in pieces])
        counts = np.concatenate([counts for _, counts in pieces])
        codes, places = np.unique(keys % self._width, return_inverse=True)
        there, generation = codes[codes > 0], segment.generation
        numbers = self._numbered.of_codes(view, generation, self._field, there, self._samples.text)
        if len(codes) and codes[0] == 0:
            numbers = np.concatenate([[UNKNOWN], numbers])
        for bucket, number, count in zip(
            (keys // self._width).tolist(), numbers[places].tolist(), counts.tolist(), strict=True
        ):
            if number != UNKNOWN:
                self._counts[bucket, self._numbered.text(number)] += count

    def by(self) -> list[dict[str, int]]:
        """Return the counts of each bucket by value."""
        first = self._span.begin // self._span.width
        found: list[dict[str, int]] = [{} for _ in self._span.starts]
        together: Counts[Value] = Counts()
        for (bucket, value), count in self._counts.items():
            if 0 <= bucket - first < len(found):
                together[value] += count
        shown = {value for value, _ in sorted(together.items(), key=lambda item: (-item[1], str(item[0])))[:BY_MAX]}
        for (bucket, value), count in self._counts.items():
            if value in shown and 0 <= bucket - first < len(found):
                found[bucket - first][str(value)] = count
        return found

    def _divided(self, hits: ChunkHits, column: CodedColumn) -> _Buckets:
        buckets = hits.matched(hits.part.times(hits.chunk)) // self._span.width
        keyed = np.abs(buckets) < _KEYS_MAX // self._width  # others lie outside of every chart
        return _unique(buckets[keyed] * self._width + hits.matched(column.codes)[keyed])


def _unique(values: NDArray[np.int64]) -> _Buckets:
    """Return the different values and how often each is there; cheap where they ascend or lie close together."""
    if not len(values):
        return values, values
    low, high = int(values.min()), int(values.max())
    if high - low <= 4 * len(values) + 1024:
        counts: Any = np.bincount(values - low)
        there = np.flatnonzero(counts)
        return there + low, counts[there]
    found, counts = np.unique(values, return_counts=True)
    return found, counts.astype(np.int64)


def _nbytes(found: _Buckets) -> int:
    return int(found[0].nbytes + found[1].nbytes)
