"""Upkeep over a real store: sealed, archived, written again and removed, every event is accounted for."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from collector.archive import EVERY_ROW, ArchiveReader, ArchiveSettings
from collector.block import DecodedBlock, SegmentInfo
from collector.config import CollectorSettings
from collector.lifecycle import LifecycleSettings, Report, RetentionState, ScopeSettings, read_buckets
from collector.store import SegmentReader, Store, StoreSettings
from collector.store.verify import verify_folder
from collector.upkeep import Upkeep, open_upkeep
from watchbook.clock import TIME_MAX_US, TIME_MIN_US, parse_rfc3339
from watchbook.wire import columns_of, decode_batch, encode_batch

DAY_US = 86_400_000_000
START = parse_rfc3339("2020-01-01T00:00:00Z")
STREAM = "0123456789abcdef" * 2
BYTES_MAX = 1 << 30
STORE = StoreSettings(segment_events_max=200, sealed_block_events=16)


class World:
    """A data folder, the time in it, and the store's process of reports."""

    def __init__(self, folder: Path, retention: LifecycleSettings) -> None:
        self.settings = CollectorSettings(
            data=folder, store=STORE, retention=retention, archive=ArchiveSettings(row_group_events=2048)
        )
        self.now = START
        self.taken: dict[int, dict[str, Any]] = {}
        self.refuse = False
        self.sequence = 0

    def clock(self) -> int:
        self.now += 1
        return self.now

    def fill(self, *days: int) -> None:
        """Store 40 events on each of the days, in batches of 10."""
        asyncio.run(self._fill(days))

    async def _fill(self, days: Sequence[int]) -> None:
        store = await Store.open(
            self.settings.segments, STORE, batch_bytes_max=BYTES_MAX, clock=self.clock, on_committed=lambda _: None,
            key_path=self.settings.checkpoint_key,
        )  # fmt: skip
        for day in days:
            self.now = START + day * DAY_US
            for piece in range(4):
                events = [event(self.now + i * 1000 - piece, self.sequence * 10 + i) for i in range(10)]
                data = encode_batch(10, columns_of(events))
                batch = decode_batch(data, bytes_max=BYTES_MAX)
                self.sequence += 1
                await store.append(STREAM, self.sequence, data, batch)
        await store.close()

    def append(self, report: Report) -> None:
        if self.refuse:
            raise OSError(28, "No space left on device")
        found = decode_batch(report.data, bytes_max=BYTES_MAX).event(0)
        assert self.taken.setdefault(report.sequence, found) == found

    @contextmanager
    def upkeep(self) -> Iterator[Upkeep]:
        reader = SegmentReader(self.settings.segments, BYTES_MAX, STORE)
        with open_upkeep(self.settings, reader.segments, self.append, clock=self.clock) as upkeep:
            yield upkeep
        reader.close()

    def work(self, days: float) -> None:
        self.now = START + int(days * DAY_US)
        with self.upkeep() as upkeep:
            while upkeep.step():
                pass
        assert verify_folder(self.settings.segments).findings == []

    def segments(self) -> list[SegmentInfo]:
        reader = SegmentReader(self.settings.segments, BYTES_MAX, STORE)
        found = reader.segments()
        reader.close()
        return found

    def events(self) -> list[int]:
        """Return the numbers in the events' details, of every tier."""
        reader = SegmentReader(self.settings.segments, BYTES_MAX, STORE)
        archives = ArchiveReader(self.settings.segments, ArchiveSettings())
        found: list[int] = []
        for segment in reader.segments():
            if segment.tier == "archived":
                blocks: Sequence[DecodedBlock] = list(
                    archives.scan(segment.path, EVERY_ROW, TIME_MIN_US, TIME_MAX_US + 1)
                )
            else:
                blocks = [reader.read(info) for info in reader.blocks(segment)]
            for block in blocks:
                for place in range(block.batch.n):
                    number = block.batch.value("details", place)["number"]
                    identity = block.identity(place)
                    assert identity[:3] == (STREAM, number // 10 + 1, number % 10)
                    found.append(number)
        archives.close()
        reader.close()
        return sorted(found)

    def told(self, event_type: str) -> list[dict[str, Any]]:
        return [each for each in self.taken.values() if each["event_type"] == event_type]


def event(time: int, number: int) -> dict[str, Any]:
    org = "short" if number % 4 == 0 else "acme"
    about = {"actor.type": "user", "action": "read", "category": "data"}
    return {"time": time, "org": org, "details": {"number": number}, **about}


SCOPES = (ScopeSettings(org="short", keep="100d", archive_after="10d"),)
YEAR = LifecycleSettings(keep="365d", archive_after="30d", scopes=SCOPES)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, YEAR)


def test_all_tiers_in_their_time_and_every_event_accounted_for(world: World) -> None:
    world.fill(*range(8))
    world.work(8)
    assert [segment.tier for segment in world.segments()] == ["sealed"] * 7 + ["hot"]
    assert world.events() == list(range(320))

    world.work(33.5)
    assert [segment.tier for segment in world.segments()] == ["archived"] * 4 + ["sealed"] * 3 + ["hot"]
    assert world.events() == list(range(320))

    world.work(103.5)
    left = [number for number in range(320) if number % 4 or number >= 160]
    assert world.events() == left

    world.work(368.5)
    assert world.events() == [number for number in left if number >= 160 and (number >= 280 or number % 4)]
    assert len(world.told("Segment removed")) == 4
    buckets = read_buckets(world.settings.rollups_db, START - DAY_US, START + 7 * DAY_US - 3_600_000_000)
    assert sum(bucket.events for bucket in buckets) == 280
    gone = sum(each["measures"]["events"] for each in world.taken.values() if each["action"] == "delete")
    assert gone == 320 - len(world.events())


def test_a_purge_goes_through_every_tier_once_the_open_segment_is_finished(world: World) -> None:
    world.fill(*range(8))
    world.work(34)
    assert {segment.tier for segment in world.segments()} == {"archived", "sealed", "hot"}
    state = RetentionState(world.settings.retention_db)
    asked = {"time": 1, "actor.type": "user", "action": "purge", "event_type": "Organization purge requested"}
    state.add_purge("acme", "contract ended", world.now, asked)
    state.close()
    world.work(35)
    short = [number for number in range(280) if number % 4 == 0]
    assert world.events() == short + list(range(280, 320))
    assert world.told("Organization purged") == []

    world.fill(36)
    world.work(37)
    assert world.events() == short + list(range(280, 320, 4)) + list(range(320, 360))
    assert [each["resource.id"] for each in world.told("Organization purged")] == ["acme"]
    assert sum(each["measures"]["events"] for each in world.told("Events removed")) == 240


def test_a_report_is_kept_until_the_store_takes_it(world: World) -> None:
    world.fill(*range(3))
    world.refuse = True
    world.work(40)
    assert world.taken == {}
    world.refuse = False
    world.work(41)
    assert sorted(world.taken) == [1, 2]


def test_work_that_is_cut_off_at_any_slice_is_taken_up_again(world: World) -> None:
    world.fill(*range(4))
    for days in (5, 40, 110):
        world.now = START + days * DAY_US
        steps = 0
        while True:
            with world.upkeep() as upkeep:
                done = not any(not upkeep.step() for _ in range(steps % 7 + 1))
                more = upkeep.step()
            steps += 1
            assert steps < 200
            if not more and not done:
                break
    assert world.events() == [number for number in range(160) if number % 4 or number >= 120]
    events = [json.dumps(each, sort_keys=True) for each in world.taken.values()]
    assert len(set(events)) == len(events) == 6
