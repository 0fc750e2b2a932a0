"""Joins the store and the destinations: which checkpoints there are to send, and events about where they are sent."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from collector.config import STORED_BATCH_BYTES_MAX
from collector.destinations import Checkpoint, CheckpointSender
from collector.store import Store, StoreBusyError, StoreUnavailableError
from collector.store.checkpoint import HEAD_FILE, LEDGER_FILE
from watchbook.logs import RepeatedFailure, get_logger
from watchbook.wire import columns_of, decode_batch, encode_batch

log = get_logger("collector")

_AGAIN_S: Final = 5.0
_FILES: Final = (("segments", LEDGER_FILE), ("head", HEAD_FILE))


def read_checkpoints(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a folder of segments as they are now; raises OSError and ValueError."""
    paths = [(kind, folder / name) for kind, name in _FILES]
    return [Checkpoint(kind, path.read_text(encoding="utf-8")) for kind, path in paths if path.exists()]


async def send_checkpoints(sender: CheckpointSender, store: Store, stop: asyncio.Event) -> None:
    """Tell the store which destinations changed, then send until the stop."""
    failure = RepeatedFailure(log.error, "destinations_told")
    while not stop.is_set():
        try:
            await sender.tell_changes(partial(append_events, store))
        except (StoreBusyError, StoreUnavailableError, OSError) as error:
            failure.failed(str(error), next_step="checkpoints are sent once this is stored")
            try:
                async with asyncio.timeout(_AGAIN_S):
                    await stop.wait()
            except TimeoutError:
                continue
        else:
            failure.succeeded()
            await sender.run(stop)


async def append_events(store: Store, events: Sequence[Mapping[str, Any]], key: str) -> None:
    """Append events of the collector itself, once for each ``key``; raises what :meth:`Store.append` raises."""
    data = encode_batch(len(events), columns_of(events))
    batch = decode_batch(data, bytes_max=STORED_BATCH_BYTES_MAX)
    await store.append(store.own_stream, None, data, batch, key=(key, hashlib.sha256(data).digest()))
