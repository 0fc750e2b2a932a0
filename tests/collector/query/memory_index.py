"""An index in memory, as coarse as an index may be: texts that are not kept, checksums, mere presence, small chunks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.block import SegmentInfo
from collector.view import (
    MULTI_VALUED,
    SEPARATOR,
    AddressColumn,
    ChunkInfo,
    CodedColumn,
    Column,
    HashedColumn,
    IndexDamagedError,
    IndexView,
    NumberColumn,
    Passing,
    PresenceColumn,
    Wanted,
)
from collector.words import checksum, words_of
from tests.collector.query.memory_source import MemorySegment, MemorySource
from watchbook.event import FIELD_BY_NAME, FIELDS

HASHED = ("source.session_id", "source.request_id")
CODED = [f.name for f in FIELDS if f.kind == "text" and f.name not in (*HASHED, "source.ip")] + list(MULTI_VALUED)


class MemoryIndexes:
    """Implements :class:`collector.view.IndexSource`: which rows of a segment are indexed is told by ``reach``."""

    def __init__(self, source: MemorySource, chunk_rows: int = 4, chars_max: int = 12) -> None:
        self.source = source
        self.chunk_rows = chunk_rows
        self.chars_max = chars_max
        #: Rows indexed, by the name of the segment; nothing: all.
        self.reach: dict[str, int | None] = {}
        self.damaged: set[str] = set()

    def view(self, name: str, generation: str, path: object) -> IndexView | None:
        segment = next((kept for kept in self.source.kept if kept.info.generation == generation), None)
        rows = self.reach.get(name)
        if segment is None or rows == 0:
            return None
        view = MemoryView(segment, segment.info, rows, self.chunk_rows, self.chars_max)
        view.damaged = generation in self.damaged
        return view


class MemoryView:
    """Implements :class:`collector.view.IndexView`."""

    def __init__(
        self, segment: MemorySegment, info: SegmentInfo, rows: int | None, chunk_rows: int, chars_max: int
    ) -> None:
        events = [block.batch.event(index) for block in segment.decoded() for index in range(block.batch.n)]
        self._events = events if rows is None else events[:rows]
        self._chars_max = chars_max
        self._dictionaries: dict[str, dict[str, int]] = {}
        self.damaged = False
        self.rows = len(self._events)
        self.chunks = [self._chunk(row, chunk_rows) for row in range(0, self.rows, chunk_rows)]
        for field in CODED:
            self._dictionary(field)

    def _chunk(self, row: int, n: int) -> ChunkInfo:
        times = [event["time"] for event in self._events[row : row + n]]
        return ChunkInfo(row, len(times), min(times), max(times))

    def _of(self, chunk: ChunkInfo) -> list[dict[str, Any]]:
        if self.damaged:
            raise IndexDamagedError("on purpose")
        return self._events[chunk.row : chunk.row + chunk.n]

    def times(self, chunk: ChunkInfo) -> NDArray[np.int64]:
        return np.array([event["time"] for event in self._of(chunk)], np.int64)

    def column(self, chunk: ChunkInfo, field: str) -> Column | None:
        events = self._of(chunk)
        column = self._column(events, field)
        group = field.partition(".")[0]
        anything = [
            field in event or (group in ("measures", "details", "changes") and group in event) for event in events
        ]
        return column if any(anything) else None

    def _column(self, events: Sequence[dict[str, Any]], field: str) -> Column:
        group, _, name = field.partition(".")
        if field in CODED:
            known = self._dictionary(field)
            codes = [known[text] if (text := text_of(event, field)) is not None else 0 for event in events]
            return CodedColumn(np.array(codes, np.uint8 if max(codes, default=0) < 256 else np.uint32))
        if field in HASHED:
            texts = [event.get(field) for event in events]
            return HashedColumn(np.array([0 if t is None else checksum(t.casefold()) for t in texts], np.uint32))
        if field == "source.ip":
            return _addresses([event.get(field) for event in events])
        if field == "duration_ms" or (group == "measures" and name in ("rows", "big")):
            values = [event.get(field) if not name else (event.get(group) or {}).get(name) for event in events]
            floats = [np.nan if value is None else float(value) for value in values]
            exact = all(value is None or float(value) == value for value in values)
            return NumberColumn(np.array(floats, np.float64), exact)
        whole = group if group in ("measures", "details") else field
        return PresenceColumn(np.array([event.get(whole) is not None for event in events], np.bool_))

    def _dictionary(self, field: str) -> dict[str, int]:
        if field not in self._dictionaries:
            texts = [text for event in self._events if (text := text_of(event, field)) is not None]
            self._dictionaries[field] = {text: code for code, text in enumerate(dict.fromkeys(texts), 1)}
        return self._dictionaries[field]

    def passing(self, field: str, wanted: Wanted) -> Passing:
        lower, upper = [], []
        for text, code in self._dictionary(field).items():
            folded = text.casefold()
            if self._kept(field, text):
                if wanted.passes(text):
                    assert _may_pass(wanted, folded), (wanted, text)
                    lower.append(code)
                    upper.append(code)
            elif _may_pass(wanted, folded):
                upper.append(code)
        return Passing(np.array(lower, np.int64), np.array(upper, np.int64))

    def _kept(self, field: str, text: str) -> bool:
        return len(text) <= self._chars_max and not (field in MULTI_VALUED and "\0\0" in text)

    def text(self, field: str, code: int) -> str | None:
        text = list(self._dictionary(field))[code - 1]
        return text if self._kept(field, text) else None

    def size(self, field: str) -> int:
        return len(self._dictionaries.get(field, ()))

    def counts(self, chunk: ChunkInfo, field: str) -> NDArray[np.int64] | None:
        column = self.column(chunk, field)
        return np.bincount(column.codes) if isinstance(column, CodedColumn) and chunk.row % 8 == 0 else None


def _may_pass(wanted: Wanted, folded: str) -> bool:
    """Return whether a text may pass, going by what the question says beside its test."""
    words = words_of(folded)
    if wanted.whole is not None and folded != wanted.whole:
        return False
    return all(any(w.startswith(word) if open_end else w == word for w in words) for word, open_end in wanted.words)


def _addresses(texts: Sequence[str | None]) -> AddressColumn:
    numbers, kinds = [], []
    for text in texts:
        parts = [int(part) for part in (text or "").split(".") if part.isdecimal() and part.isascii()]
        is_ipv4 = len(parts) == 4 and max(parts) < 256 and text == ".".join(map(str, parts))
        numbers.append(int.from_bytes(bytes(parts)) if is_ipv4 else 0)
        like_ipv6 = bool(text) and set(text or "") <= set("0123456789abcdefABCDEF:.")
        kinds.append(0 if text is None else 4 if is_ipv4 else 6 if like_ipv6 else 1)
    return AddressColumn(np.array(numbers, np.uint32), np.array(kinds, np.uint8))


def text_of(event: dict[str, Any], field: str) -> str | None:
    """Return what a dictionary holds of an event's field."""
    if field == "changes.field":
        changes = event.get("changes")
        fields = [change["field"] for change in changes or ()]
        return _joined(fields)
    value = event.get(field)
    if FIELD_BY_NAME.get(field) and FIELD_BY_NAME[field].kind == "texts":
        return _joined(value or [])
    return value if isinstance(value, str) else None


def _joined(values: Sequence[str]) -> str | None:
    # Two separators in a row mark what is not kept: a list that cannot be told from another one.
    odd = any(SEPARATOR in value for value in values)
    return SEPARATOR.join(values) + ("\0\0" if odd else "") if values else None
