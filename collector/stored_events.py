"""What others ask of the store: an event by its id, and to keep events of the collector's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from collector.config import STORED_BATCH_BYTES_MAX
from collector.offsite import append_events
from collector.processes import Frame
from collector.store import (
    SequenceConflictError,
    SequenceGapError,
    Store,
    StoreBusyError,
    StoreUnavailableError,
)
from watchbook.event import parse_event_id
from watchbook.wire import WireError, decode_batch


def flat_event(store: Store, identifier: str) -> Mapping[str, Any] | None:
    """Return one event in flat form; blocks, for the rules' thread."""
    return stored_event(store, *parse_event_id(identifier))


def stored_event(store: Store, stream: str, sequence: int, index: int) -> Mapping[str, Any] | None:
    """Return the same of the event at a place of a batch."""
    found = store.reader.event(stream, sequence, index)
    return None if found is None else found[0].batch.event(found[1])


async def tell(store: Store, events: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """Store events of the collector's own; return why that cannot be done now."""
    try:
        await append_events(store, events, key)
    except (StoreBusyError, StoreUnavailableError) as error:
        return str(error)
    return None


async def serve_index(store: Store, frame: Frame) -> dict[str, Any]:
    """Do what the index process asks for: append a batch of its own stream; an error is for it to try again."""
    try:
        batch = decode_batch(frame.body, bytes_max=STORED_BATCH_BYTES_MAX)
        appended = await store.append(frame.head["stream"], frame.head["sequence"], frame.body, batch)
    except (WireError, SequenceGapError, SequenceConflictError, StoreBusyError, StoreUnavailableError) as error:
        return {"error": str(error)}
    return {"repeat": appended.repeat}
