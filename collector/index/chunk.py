"""The chunk that is being built: takes blocks, gives the blobs of all columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.block import BlockInfo
from collector.index.dictionary import Dictionary
from collector.index.fields import ADDRESS, CHANGED, CODED, HASHED, LISTS, MEASURES, NUMBERS
from collector.index.forms import pack_times
from collector.index.lanes import (
    AddressLane,
    ChangedFieldsLane,
    CodedLane,
    HashedLane,
    Lane,
    ListLane,
    MeasureLane,
    NumberLane,
    PresenceLane,
)
from collector.index.settings import IndexSettings
from collector.index.spread import present_values
from watchbook.columns import Batch

#: Batches are taken together up to so many rows: field by field, a dictionary stays in the processor's cache.
_TOGETHER_ROWS: Final = 8192
#: A batch may be large: not more of them than this wait in memory.
_TOGETHER_BATCHES: Final = 32


class PackedColumn(NamedTuple):
    """The blobs of one column of a chunk."""

    field: str
    data: bytes
    counts: bytes | None


class Vocabulary:
    """What outlives a chunk: the dictionaries of a segment, and the names of the measures that have columns."""

    def __init__(self, settings: IndexSettings) -> None:
        self._settings = settings
        self.dictionaries: dict[str, Dictionary] = {}
        self._measures: set[str] = set()

    def dictionary(self, field: str) -> Dictionary:
        """Return the dictionary of a field, a new one the first time."""
        found = self.dictionaries.get(field)
        if found is None:
            found = Dictionary(self._settings.text_chars_max, self._settings.texts_remembered_max)
            self.dictionaries[field] = found
        return found

    def knows_measure(self, name: str) -> bool:
        """Return whether a measure has columns; a new one gets them as long as there are not too many."""
        if name in self._measures:
            return True
        if len(self._measures) >= self._settings.measures_max or len(name) > self._settings.text_chars_max:
            return False
        self._measures.add(name)
        return True


def _make_lane(field: str, rows: int, vocabulary: Vocabulary) -> Lane:
    if field in CODED:
        return CodedLane(field, rows, vocabulary.dictionary(field))
    if field in LISTS:
        return ListLane(field, rows, vocabulary.dictionary(field))
    if field == CHANGED:
        return ChangedFieldsLane("changes", rows, vocabulary.dictionary(field))
    if field in HASHED:
        return HashedLane(field, rows)
    if field == ADDRESS:
        return AddressLane(field, rows)
    return NumberLane(field, rows) if field in NUMBERS else PresenceLane(field, rows)


class ChunkBuilder:
    """Collects the rows of one chunk from ``row`` of the segment; ``rows`` is how many it will about hold.

    After :meth:`columns` it can go on: what it gives later is the chunk with all its rows.
    """

    def __init__(self, row: int, rows: int, vocabulary: Vocabulary) -> None:
        self.row = row
        self.n = 0
        #: Some measures of these rows have no column.
        self.partial = False
        self._rows = rows
        self._waiting: list[Batch] = []
        self._taken = 0
        self._vocabulary = vocabulary
        self._times: list[NDArray[np.int64]] = []
        self._lanes: dict[str, Lane] = {}
        self._measures: dict[str, MeasureLane] = {}

    def add(self, batch: Batch) -> None:
        """Take the events of a batch."""
        if batch.n:
            self._waiting.append(batch)
            self.n += batch.n
            if self.n - self._taken >= _TOGETHER_ROWS or len(self._waiting) >= _TOGETHER_BATCHES:
                self._take_waiting()

    def add_unreadable(self, info: BlockInfo) -> None:
        """Take the rows of a block whose bytes are damaged: nothing is known of them but when they were."""
        self._take_waiting()
        self._times.append(np.full(info.n, info.tmin, np.int64))
        self._times[-1][-1] = info.tmax
        self.n += info.n
        self._taken = self.n

    def times(self) -> NDArray[np.int64]:
        """Return the times of all rows, of which there is at least one."""
        self._take_waiting()
        self._times = [np.concatenate(self._times)]
        return self._times[0]

    def columns(self) -> Iterator[PackedColumn]:
        """Yield the columns that have a value in some row, and the times."""
        yield PackedColumn("time", pack_times(self.times()), None)
        for field, lane in self._lanes.items():
            counts = lane.pack_counts(self.n) if isinstance(lane, CodedLane) else None
            yield PackedColumn(field, lane.pack(self.n), counts)
        for name, measure in self._measures.items():
            yield PackedColumn(MEASURES + name, measure.pack(self.n), None)

    def _lane(self, field: str) -> Lane:
        lane = self._lanes.get(field)
        if lane is None:
            lane = self._lanes[field] = _make_lane(field, self._rows, self._vocabulary)
        return lane

    def _take_waiting(self) -> None:
        batches, at = self._waiting, self._taken
        self._waiting, self._taken = [], self.n
        self._times.extend(np.array(batch.times, np.int64) for batch in batches)
        for name in dict.fromkeys(name for batch in batches for name in batch.columns):
            if name == "changes":
                self._lane(CHANGED).add(at, batches)
            elif name == "measures":
                self._add_measures(at, batches)
            if name != "time":
                self._lane(name).add(at, batches)

    def _add_measures(self, at: int, batches: Sequence[Batch]) -> None:
        for batch in batches:
            for index, values in present_values(batch, "measures"):
                self._put_measures(at + index, values)
            at += batch.n

    def _put_measures(self, row: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            lane = self._measures.get(name)
            if lane is None:
                if not self._vocabulary.knows_measure(name):
                    self.partial = True
                    continue
                lane = self._measures[name] = MeasureLane()
            lane.put(row, value)
