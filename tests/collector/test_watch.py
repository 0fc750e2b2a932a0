"""The watch over a real store and real alerts: each block once, whatever becomes of a block or of the disk."""

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.alert import AlertSettings, AlertStore, Watermark
from collector.block import BlockInfo, DecodedBlock
from collector.detect import DetectSettings, Engine, load_rules
from collector.finding import AlertChange
from collector.state import open_state
from collector.store import Store, StoreSettings
from collector.watch import Watch
from watchbook import wire
from watchbook.daemon import Stop
from watchbook.shipped import shipped_folder

NOW = 1_763_733_909_000_000
STREAM = "a" * 32
RULES = shipped_folder("rules")


class FailingEngine(Engine):
    """An engine that one block stops."""

    def read(self, block: DecodedBlock) -> None:
        """See :class:`collector.detect.Engine`."""
        if block.info.sequence == 2:
            raise RuntimeError("a bug")
        super().read(block)


def grant(actor: str, sequence: int) -> tuple[bytes, wire.Batch]:
    events = [
        {"time": NOW + sequence, "actor.type": "user", "actor.id": actor, "action": "grant", "category": "permission"}
    ]
    data = wire.encode_batch(1, wire.columns_of(events))
    return data, wire.decode_batch(data, bytes_max=1 << 20)


class SlowEngine(Engine):
    """An engine that is slower than what comes: there is always more to read."""

    ticked = threading.Event()

    def read(self, block: DecodedBlock) -> None:
        """See :class:`collector.detect.Engine`."""
        time.sleep(0.004)
        super().read(block)

    def tick(self, now: int) -> list[Any]:
        """See :class:`collector.detect.Engine`."""
        self.ticked.set()
        return super().tick(now)


class CountingAlerts(AlertStore):
    """Counts how often it writes."""

    applied = 0

    def apply(self, changes: Sequence[AlertChange], watermark: Watermark | None, uses: Any = ()) -> int:
        """See :class:`collector.alert.AlertStore`."""
        type(self).applied += 1
        return super().apply(changes, watermark, uses or {})


class CountingSource:
    """A store's reader that counts how many blocks are read from files."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.read_blocks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, info: BlockInfo) -> DecodedBlock:
        """See :class:`collector.block.BlockSource`."""
        self.read_blocks += 1
        block: DecodedBlock = self._reader.read(info)
        return block


class Stage(NamedTuple):
    """A store with a watch over it."""

    store: Store
    watch: Watch
    alerts: AlertStore
    source: CountingSource
    stop: Stop


@contextlib.asynccontextmanager
async def watched(folder: Path, engine_type: type[Engine], *, started: bool = True) -> AsyncIterator[Stage]:
    """Give a store with a watch over it, and close both whatever becomes of the test."""
    watches: list[Watch] = []
    async with contextlib.AsyncExitStack() as stack:
        store = await Store.open(
            folder / "segments", StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: NOW,
            on_committed=lambda blocks: watches[0].committed(blocks),
        )  # fmt: skip
        stack.push_async_callback(store.close)
        state = await asyncio.to_thread(open_state, folder / "state.db")
        alerts = CountingAlerts(state, AlertSettings())
        stack.push_async_callback(asyncio.to_thread, alerts.close)
        source = CountingSource(store.reader)
        engine = engine_type(await asyncio.to_thread(load_rules, [RULES]), DetectSettings())
        watch = Watch(engine, alerts, source, DetectSettings(), clock=lambda: NOW, on_written=lambda: None)
        watches.append(watch)
        stack.push_async_callback(watch.close)
        if started:
            await watch.start()
        yield Stage(store, watch, alerts, source, Stop())


async def run(
    folder: Path, batches: Sequence[tuple[int, str]], engine_type: type[Engine] = Engine
) -> tuple[Any, Watch]:
    """Store batches under the eyes of a watch, as the daemon does, and return the alerts in the end."""
    async with watched(folder, engine_type) as stage:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(stage.watch.run(stage.stop))
            for sequence, actor in batches:
                await stage.store.append(STREAM, sequence, *grant(actor, sequence))
            stage.stop.asked.set()
            stage.watch.ring()
            await running
        page = await asyncio.to_thread(stage.alerts.page)
    return page["alerts"], stage.watch


async def test_alerts_are_neither_missed_nor_repeated_over_restarts(tmp_path: Path) -> None:
    await run(tmp_path, [(1, "alice"), (2, "bob")])
    await run(tmp_path, [(1, "alice"), (3, "bob"), (4, "carol")])
    alerts, watch = await run(tmp_path, [])
    counts = {alert["group"]["actor.id"]: alert["count"] for alert in alerts}
    assert counts == {"alice": 1, "bob": 2, "carol": 1}
    assert watch.read_up_to == 4


async def test_a_block_that_the_rules_cannot_take_does_not_stop_them(tmp_path: Path) -> None:
    alerts, watch = await run(tmp_path, [(1, "alice"), (2, "bob"), (3, "carol")], FailingEngine)
    assert sorted(alert["group"]["actor.id"] for alert in alerts) == ["alice", "carol"]
    assert (watch.failed_blocks, watch.read_up_to) == (1, 3)


async def test_what_a_backlog_brings_is_written_together(tmp_path: Path) -> None:
    async with watched(tmp_path, Engine, started=False) as stage:
        for sequence in range(1, 41):
            await stage.store.append(STREAM, sequence, *grant(f"user{sequence}", sequence))
    CountingAlerts.applied = 0
    alerts, _ = await run(tmp_path, [])
    assert len(alerts) == 40
    assert CountingAlerts.applied < 20


async def test_what_is_said_to_be_done_is_written_also_where_writes_are_spared(tmp_path: Path) -> None:
    """Alerts in quick succession wait for each other, but without anything more to come they are soon there."""
    async with watched(tmp_path, Engine) as (store, watch, alerts, _, stop), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run(stop))
        for sequence in range(1, 201):
            await store.append(STREAM, sequence, *grant(f"user{sequence}", sequence))
            said = watch.said_up_to
            assert sum((await asyncio.to_thread(alerts.counts)).values()) >= said
        async with asyncio.timeout(10):
            while watch.said_up_to < 200:
                await asyncio.sleep(0.01)
        assert (await asyncio.to_thread(alerts.counts))["open"] == 200
        stop.asked.set()
        watch.ring()
        await running


async def test_what_was_kept_back_is_written_though_nothing_more_comes_also_when_that_fails_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.watch._RETRY_S", 0.05)
    async with watched(tmp_path, Engine) as stage:
        monkeypatch.setattr(stage.alerts, "apply", _slow_and_failing(stage.alerts.apply, failures=2))
        steps: list[float] = []
        take_steps = stage.watch._take_steps

        def counted() -> bool:
            steps.append(time.monotonic())
            return take_steps()

        monkeypatch.setattr(stage.watch, "_take_steps", counted)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(stage.watch.run(stage.stop))
            for sequence in range(1, 21):
                await stage.store.append(STREAM, sequence, *grant(f"user{sequence}", sequence))
            async with asyncio.timeout(10):
                while len((await asyncio.to_thread(stage.alerts.page))["alerts"]) < 20:
                    await asyncio.sleep(0.02)
            before = len(steps)
            await asyncio.sleep(0.3)
            assert len(steps) - before <= 2, "there is nothing to do, and it is done over and over"
            stage.stop.asked.set()
            stage.watch.ring()
            await running


def _slow_and_failing(apply: Callable[..., int], *, failures: int) -> Callable[..., int]:
    """Return what writes so slowly that it is not done at once again, and fails at first."""
    left = [failures]

    def write(*said: Any) -> int:
        time.sleep(0.01)
        if left[0]:
            left[0] -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return apply(*said)

    return write


async def test_the_clock_has_its_turn_while_there_is_always_more_to_read(tmp_path: Path) -> None:
    last = await run_without_a_pause(tmp_path)
    assert SlowEngine.ticked.is_set()
    assert last < 20_000


async def run_without_a_pause(folder: Path) -> int:
    """Store more and more, faster than the engine reads, until the bell was answered; return the last sequence."""
    async with watched(folder, SlowEngine) as (store, watch, _, _, stop), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run(stop))
        sequence = 0
        while sequence < 20_000 and not SlowEngine.ticked.is_set():
            if sequence == 20:
                watch.ring()
            sequence += 1
            await store.append(STREAM, sequence, *grant("alice", sequence))
        assert watch.read_up_to < sequence, "the engine kept pace: this test proves nothing"
        stop.asked.set()
        watch.ring()
        await running
    return sequence


async def test_senders_who_wait_for_room_spare_the_rules_from_reading_blocks_again(tmp_path: Path) -> None:
    async with watched(tmp_path, SlowEngine) as (store, watch, _, source, stop):

        async def send(stream: str, first: int, last: int) -> None:
            for sequence in range(first, last + 1):
                await watch.room()
                await store.append(stream * 32, sequence, *grant(stream, sequence))

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(watch.run(stop))
            await send("a", 1, 1)
            while watch.read_up_to < 1:  # a watch that has heard of nothing yet looks at the files
                await asyncio.sleep(0.01)
            read_at_the_start = source.read_blocks
            async with asyncio.TaskGroup() as senders:
                for stream in "abcd":
                    senders.create_task(send(stream, 2 if stream == "a" else 1, 60))
            stop.asked.set()
            watch.ring()
            await running
        assert (watch.read_up_to, source.read_blocks) == (240, read_at_the_start)


async def test_nobody_waits_long_for_rules_that_do_not_go_on(tmp_path: Path) -> None:
    async with watched(tmp_path, Engine, started=False) as (_, watch, _, _, _):
        _, batch = grant("alice", 1)
        for number in range(1, 200):
            watch.committed([DecodedBlock(BlockInfo(number, 1, NOW, NOW, NOW, STREAM, number, "x"), batch)])
        async with asyncio.timeout(20):
            await watch.room()
        assert watch.waited == 1
