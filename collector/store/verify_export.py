"""Holds an export (NDJSON, as ``watchbook export`` writes it) against the store: every event as it is stored.

Archives are read by somebody else: :data:`FindArchived` is handed in.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.block import DecodedBlock, SegmentInfo
from collector.store.findings import Finding
from collector.store.reader import SegmentReader
from watchbook.clock import parse_rfc3339
from watchbook.event import event_id, nest, parse_event_id
from watchbook.wire import WireError

_BYTES_MAX: Final = 1 << 30
#: What is said of an export that has nothing to do with the store, before no more is said.
_FINDINGS_MAX: Final = 1000
#: Batches of archives that are kept in memory: an export goes through several of a time at once.
_BATCHES_REMEMBERED: Final = 64
_BLOCKS_REMEMBERED: Final = 64

_Key = tuple[str, int, int]


#: Given an archive's path, a stream and a sequence: the events of that batch in it, None when there are none.
#: Raises OSError when the archive cannot be read.
FindArchived = Callable[[Path, str, int], DecodedBlock | None]


def check_export(
    folder: Path,
    export: Path,
    found: Callable[[Finding], None],
    progress: Callable[[int], None],
    find_archived: FindArchived,
) -> int:
    """Compare every event of an export with the stored one of the same id; return how many were compared.

    Raises OSError when the export cannot be read.
    """
    compared = said = 0
    with closing(SegmentReader(folder, _BYTES_MAX)) as reader, export.open("rb") as lines:
        store = _Stored(reader, find_archived)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            text = _difference(store, line)
            compared += 1
            progress(compared)
            if text is not None:
                said += 1
                found(Finding("changed", f"{export.name}:{number}", text))
            if said == _FINDINGS_MAX:
                break
    return compared


class _Stored:
    """The stored events by their identity, in whichever tier they lie."""

    def __init__(self, reader: SegmentReader, find_archived: FindArchived) -> None:
        self._reader = reader
        self._archived = [segment for segment in reader.segments() if segment.tier == "archived"]
        self._find = lru_cache(_BATCHES_REMEMBERED)(find_archived)
        self._kept: deque[dict[_Key, tuple[DecodedBlock, int]]] = deque(maxlen=_BLOCKS_REMEMBERED)

    def event(self, stream: str, sequence: int, index: int, time: int | None) -> dict[str, Any] | None:
        """Return an event in flat form, None when there is none; raises WireError and OSError.

        ``time`` is what the export says: the archives that hold events of then are looked into first.
        """
        found = self._near(stream, sequence, index)
        if found is not None:
            return _flat(*found)
        for segment in sorted(self._archived, key=lambda segment: not _spans(segment, time)):
            block = self._find(segment.path, stream, sequence)
            places = range(0 if block is None else block.batch.n)
            for place in places:
                if block is not None and block.identity(place).index == index:
                    return _flat(block, place)
        return None

    def _near(self, stream: str, sequence: int, index: int) -> tuple[DecodedBlock, int] | None:
        """Return the block that holds an event, and its place there; neighbours of the last ones cost little."""
        key = (stream, sequence, index)
        for places in reversed(self._kept):
            if key in places:
                return places[key]
        found = self._reader.event(*key)
        if found is not None:
            block = found[0]
            self._kept.append({block.identity(place)[:3]: (block, place) for place in range(block.batch.n)})
        return found


def _flat(block: DecodedBlock, place: int) -> dict[str, Any]:
    return {**block.batch.event(place), "received": block.identity(place).received}


def _spans(segment: SegmentInfo, time: int | None) -> bool:
    return time is not None and segment.tmin <= time <= segment.tmax


def _difference(store: _Stored, line: bytes) -> str | None:
    """Return what is wrong with a line, None when it is the event as it is stored."""
    try:
        exported = msgspec.json.decode(line, type=dict[str, Any])
        stream, sequence, index = parse_event_id(str(exported.get("id")))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return f"it is no event: {error}"
    identifier = event_id(stream, sequence, index)
    try:
        found = store.event(stream, sequence, index, _time(exported))
    except (WireError, OSError) as error:
        return f"event {identifier} is stored, but cannot be read: {error}"
    if found is None:
        return f"event {identifier} is not in the store (any more)"
    different = sorted(_differing(nest({"id": identifier, **found}), exported))
    return f"event {identifier} differs from the stored one in {', '.join(different)}" if different else None


def _time(exported: dict[str, Any]) -> int | None:
    try:
        return parse_rfc3339(str(exported.get("time")))
    except (ValueError, OverflowError):
        return None


def _differing(stored: Any, exported: Any, path: str = "") -> Iterator[str]:
    if (
        isinstance(stored, dict)
        and isinstance(exported, dict)
        and path in ("", "actor", "resource", "source", "origin")
    ):
        for name in stored.keys() | exported.keys():
            yield from _differing(stored.get(name), exported.get(name), f"{path}.{name}" if path else name)
    elif stored != exported:
        yield path
