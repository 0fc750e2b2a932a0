"""Folders of segments for the tests: written by the real store, sealed by the real shelf."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from collector.block import DecodedBlock, SegmentInfo
from collector.store import SegmentReader, Shelf, Store, StoreSettings
from collector.store.shelf import IndexBuilder
from tests.collector.store.batches import TIME
from watchbook import wire
from watchbook.clock import SECOND_US
from watchbook.units import Seconds

STREAMS = ("a" * 32, "b" * 32, "c" * 32)
SETTINGS = StoreSettings(
    segment_events_max=60, sealed_block_events=16, seal_events_at_once=40, checkpoint_every=Seconds(5)
)
BYTES_MAX = 1 << 20

Key = tuple[str, int, int]


class Ticking:
    """A clock that goes on by a minute at every look."""

    def __init__(self, start: int = TIME) -> None:
        self._now = start

    def __call__(self) -> int:
        self._now += 60 * SECOND_US
        return self._now


class ListIndex:
    """An index that is a text file with the number of rows."""

    def __init__(self, path: Path, name: str, generation: str) -> None:
        self._path = path
        self._rows = 0
        self._head = f"{name} {generation}"

    def add(self, block: DecodedBlock) -> None:
        assert block.info.row == self._rows
        self._rows += block.info.n

    def finish(self) -> None:
        self._path.write_text(f"{self._head} {self._rows}\n")

    def give_up(self) -> None:
        self._path.unlink(missing_ok=True)


def make_index(path: Path, name: str, generation: str) -> IndexBuilder:
    return ListIndex(path, name, generation)


def random_event(rng: random.Random, number: int) -> dict[str, Any]:
    """Return an event whose time lies anywhere near its number, and whose fields are there or not."""
    event: dict[str, Any] = {
        "time": TIME + (number + rng.randint(-40, 40)) * SECOND_US // rng.choice((1, 1, 1, 7)),
        "actor.type": rng.choice(("user", "service")),
        "action": rng.choice(("read", "create", "delete")),
        "message": f"event {number}",
    }
    if rng.random() < 0.5:
        event["actor.id"] = rng.choice(("alice", "bob", "carol"))
    if rng.random() < 0.3:
        event["measures"] = {"rows": rng.randint(0, 9), "share": rng.random()}
        event["details"] = {"n": number, "nested": {"a": [1, None]}}
    if rng.random() < 0.2:
        event["changes"] = [{"field": "plan", "old": None, "new": number}]
        event["flags"] = ["no_resource"]
        event["duration_ms"] = rng.random() * 100
        event["origin.offset"] = number * 100
    return event


async def fill(
    folder: Path,
    batches: int,
    *,
    seed: int = 1,
    streams: Sequence[str] = STREAMS,
    settings: StoreSettings = SETTINGS,
    clock: Callable[[], int] | None = None,
) -> dict[Key, dict[str, Any]]:
    """Append random batches to the store of a folder; return every event by its identity."""
    rng = random.Random(seed)
    store = await Store.open(
        folder / "segments", settings, batch_bytes_max=BYTES_MAX, clock=clock or Ticking(),
        on_committed=lambda _: None, key_path=folder / "checkpoint.key",
    )  # fmt: skip
    sequences = dict.fromkeys(streams, 0)
    stored: dict[Key, dict[str, Any]] = {}
    number = 0
    try:
        for _ in range(batches):
            stream = rng.choice(streams)
            events = []
            for _ in range(rng.choice((0, 1, 3, 20))):
                number += 1
                events.append(random_event(rng, number))
            sequences[stream] += 1
            data = wire.encode_batch(len(events), wire.columns_of(events))
            await store.append(stream, sequences[stream], data, wire.decode_batch(data, bytes_max=BYTES_MAX))
            stored.update({(stream, sequences[stream], index): event for index, event in enumerate(events)})
    finally:
        await store.close()
    return stored


def filled(folder: Path, batches: int, **options: Any) -> dict[Key, dict[str, Any]]:
    """Do the same outside of a loop."""
    return asyncio.run(fill(folder, batches, **options))


def shelf_of(folder: Path, clock: Callable[[], int] | None = None, settings: StoreSettings = SETTINGS) -> Shelf:
    return Shelf(folder / "segments", folder / "checkpoint.key", settings, make_index, clock or Ticking(TIME * 2))


def seal_all(folder: Path, limit: int | None = None, clock: Callable[[], int] | None = None) -> list[str]:
    """Seal what is finished, at most so many; return the names."""
    shelf = shelf_of(folder, clock)
    names = shelf.to_seal()[:limit]
    for name in names:
        for _ in shelf.seal(name):
            pass
    return names


def reader_of(folder: Path) -> SegmentReader:
    return SegmentReader(folder / "segments", BYTES_MAX)


def all_blocks(reader: SegmentReader) -> Iterator[tuple[SegmentInfo, DecodedBlock]]:
    for segment in reader.segments():
        for info in reader.blocks(segment):
            yield segment, reader.read(info)


def events_in(folder: Path) -> dict[Key, dict[str, Any]]:
    """Return every event that can be read, by its identity; fails when one is there twice."""
    reader = reader_of(folder)
    found: dict[Key, dict[str, Any]] = {}
    for _, block in all_blocks(reader):
        for index in range(block.info.n):
            key = block.identity(index)[:3]
            assert key not in found
            found[key] = block.batch.event(index)
    reader.close()
    return found


def archived(blocks: Iterable[DecodedBlock], path: Path) -> tuple[int, int, int]:
    """Write a file that stands for a Parquet file; return how many events it holds and their first and last time."""
    times = [time for block in blocks for time in block.batch.times]
    path.write_text(f"{len(times)} events")
    return len(times), min(times), max(times)
