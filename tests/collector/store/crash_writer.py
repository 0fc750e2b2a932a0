"""Appends batches to a store for ever and prints the sequence of each once it is acknowledged.  Killed by its test."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from collector.store import Store, StoreSettings
from tests.collector.store.batches import batch_of
from watchbook.clock import now_us


async def main(folder: Path, first: int) -> None:
    """Append from a sequence on."""
    store = await Store.open(
        folder, StoreSettings(segment_events_max=40), batch_bytes_max=1 << 20, clock=now_us, on_committed=lambda _: None
    )
    for sequence in count(first):
        await store.append("c" * 32, sequence, *batch_of(f"{sequence}.0", f"{sequence}.1"))
        sys.stdout.write(f"{sequence}\n")
        sys.stdout.flush()


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
