"""The watch over a real store and real alerts: each block once, whatever becomes of a block or of the disk."""

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

    def apply(self, changes: Sequence[AlertChange], watermark: Watermark | None) -> int:
        """See :class:`collector.alert.AlertStore`."""
        type(self).applied += 1
        return super().apply(changes, watermark)


async def run(
    folder: Path, batches: Sequence[tuple[int, str]], engine_type: type[Engine] = Engine
) -> tuple[Any, Watch]:
    """Store batches under the eyes of a watch, as the daemon does, and return the alerts in the end."""
    watches: list[Watch] = []

    def on_committed(blocks: Sequence[DecodedBlock]) -> None:
        for watch in watches:
            watch.committed(blocks)

    store = await Store.open(
        folder / "segments", StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: NOW, on_committed=on_committed
    )
    alerts = CountingAlerts(await asyncio.to_thread(open_state, folder / "state.db"), AlertSettings(), lambda _: None)
    engine = engine_type(await asyncio.to_thread(load_rules, [RULES]), DetectSettings())
    watch = Watch(engine, alerts, store.reader, clock=lambda: NOW, on_written=lambda: None)
    watches.append(watch)
    stop = Stop()
    await watch.start()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run(stop))
        for sequence, actor in batches:
            await store.append(STREAM, sequence, *grant(actor, sequence))
        stop.asked.set()
        watch.ring()
        await running
    await watch.close()
    page = await asyncio.to_thread(alerts.page)
    await asyncio.to_thread(alerts.close)
    await store.close()
    return page["alerts"], watch


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
    async def store_only() -> None:
        folder, settings = tmp_path / "segments", StoreSettings()
        store = await Store.open(
            folder, settings, batch_bytes_max=1 << 20, clock=lambda: NOW, on_committed=lambda _: None
        )
        for sequence in range(1, 41):
            await store.append(STREAM, sequence, *grant(f"user{sequence}", sequence))
        await store.close()

    await store_only()
    CountingAlerts.applied = 0
    alerts, _ = await run(tmp_path, [])
    assert len(alerts) == 40
    assert CountingAlerts.applied < 20


async def test_the_clock_has_its_turn_while_there_is_always_more_to_read(tmp_path: Path) -> None:
    last = await run_without_a_pause(tmp_path)
    assert SlowEngine.ticked.is_set()
    assert last < 20_000


async def run_without_a_pause(folder: Path) -> int:
    """Store more and more, faster than the engine reads, until the bell was answered; return the last sequence."""
    watches: list[Watch] = []
    store = await Store.open(
        folder / "segments", StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: NOW,
        on_committed=lambda blocks: watches[0].committed(blocks),
    )  # fmt: skip
    alerts = AlertStore(await asyncio.to_thread(open_state, folder / "state.db"), AlertSettings(), lambda _: None)
    engine = SlowEngine(await asyncio.to_thread(load_rules, [RULES]), DetectSettings())
    watches.append(watch := Watch(engine, alerts, store.reader, clock=lambda: NOW, on_written=lambda: None))
    await watch.start()
    stop, sequence = Stop(), 0
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch.run(stop))
        while sequence < 20_000 and not engine.ticked.is_set():
            if sequence == 20:
                watch.ring()
            sequence += 1
            await store.append(STREAM, sequence, *grant("alice", sequence))
        assert watch.read_up_to < sequence, "the engine kept pace: this test proves nothing"
        stop.asked.set()
        watch.ring()
    await watch.close()
    await asyncio.to_thread(alerts.close)
    await store.close()
    return sequence


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


async def test_senders_who_wait_for_room_spare_the_rules_from_reading_blocks_again(tmp_path: Path) -> None:
    watches: list[Watch] = []
    store = await Store.open(
        tmp_path / "segments", StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: NOW,
        on_committed=lambda blocks: watches[0].committed(blocks),
    )  # fmt: skip
    alerts = AlertStore(await asyncio.to_thread(open_state, tmp_path / "state.db"), AlertSettings(), lambda _: None)
    engine = SlowEngine(await asyncio.to_thread(load_rules, [RULES]), DetectSettings())
    source = CountingSource(store.reader)
    watches.append(watch := Watch(engine, alerts, source, clock=lambda: NOW, on_written=lambda: None))
    await watch.start()
    stop = Stop()

    async def send(stream: str) -> None:
        for sequence in range(1, 61):
            await watch.room()
            await store.append(stream * 32, sequence, *grant(stream, sequence))

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run(stop))
        async with asyncio.TaskGroup() as senders:
            for stream in "abcd":
                senders.create_task(send(stream))
        stop.asked.set()
        watch.ring()
        await running
    assert (watch.read_up_to, source.read_blocks) == (240, 0)
    await watch.close()
    await asyncio.to_thread(alerts.close)
    await store.close()


async def test_nobody_waits_long_for_rules_that_do_not_go_on(tmp_path: Path) -> None:
    store = await Store.open(
        tmp_path / "segments", StoreSettings(), batch_bytes_max=1 << 20, clock=lambda: NOW, on_committed=lambda _: None
    )
    alerts = AlertStore(await asyncio.to_thread(open_state, tmp_path / "state.db"), AlertSettings(), lambda _: None)
    engine = Engine(await asyncio.to_thread(load_rules, [RULES]), DetectSettings())
    watch = Watch(engine, alerts, store.reader, clock=lambda: NOW, on_written=lambda: None)
    _, batch = grant("alice", 1)
    for number in range(1, 200):
        watch.committed([DecodedBlock(BlockInfo(number, 1, NOW, NOW, NOW, STREAM, number, "x"), batch)])
    async with asyncio.timeout(5):
        await watch.room()
    await watch.close()
    await asyncio.to_thread(alerts.close)
    await store.close()
