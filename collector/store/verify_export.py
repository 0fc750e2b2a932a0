"""Holds an export (NDJSON, as ``watchbook export`` writes it) against the store: every event as it is stored."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.store.findings import Finding
from collector.store.reader import SegmentReader
from watchbook.event import event_id, nest, parse_event_id
from watchbook.wire import WireError

_BYTES_MAX: Final = 1 << 30
#: What is said of an export that has nothing to do with the store, before no more is said.
_FINDINGS_MAX: Final = 1000


def check_export(folder: Path, export: Path, found: Callable[[Finding], None], progress: Callable[[int], None]) -> int:
    """Compare every event of an export with the stored one of the same id; return how many were compared.

    Raises OSError when the export cannot be read.
    """
    compared = said = 0
    with closing(SegmentReader(folder, _BYTES_MAX)) as reader, export.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            text = _difference(reader, line)
            compared += 1
            progress(compared)
            if text is not None:
                said += 1
                found(Finding("changed", f"{export.name}:{number}", text))
            if said == _FINDINGS_MAX:
                break
    return compared


def _difference(reader: SegmentReader, line: bytes) -> str | None:
    """Return what is wrong with a line, None when it is the event as it is stored."""
    try:
        exported = msgspec.json.decode(line, type=dict[str, Any])
        stream, sequence, index = parse_event_id(str(exported.get("id")))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return f"it is no event: {error}"
    identifier = event_id(stream, sequence, index)
    try:
        found = reader.event(stream, sequence, index)
    except WireError as error:
        return f"event {identifier} is stored, but cannot be read: {error}"
    if found is None:
        return f"event {identifier} is not in the store (any more, or not in a form that is compared)"
    block, position = found
    received = block.identity(position).received
    stored = nest({"id": identifier, **block.batch.event(position), "received": received})
    different = sorted(_differing(stored, exported))
    return f"event {identifier} differs from the stored one in {', '.join(different)}" if different else None


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
