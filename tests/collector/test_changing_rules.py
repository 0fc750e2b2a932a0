"""The watch puts other rules in place of those at work, whatever the database does meanwhile."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from collector.alert import AlertStore, Watermark
from collector.alert.settings import AlertSettings
from collector.block import BlockInfo, DecodedBlock
from collector.detect import DetectSettings, Engine, RuleSet, load_rules
from collector.finding import AlertChange, ExceptionUse
from collector.state import open_state
from collector.watch import Watch
from tests.collector.detect.blocks import SECOND, START, block, event
from tests.collector.detect.rules import RULE_ID, detection
from tests.collector.web.kept_rules import NoBlocks
from watchbook.clock import now_us
from watchbook.daemon import Stop


class Stored(NoBlocks):
    """A store of some blocks."""

    def __init__(self, blocks: Sequence[DecodedBlock]) -> None:
        self._blocks = {one.info.number: one for one in blocks}

    def read(self, info: BlockInfo) -> DecodedBlock:
        return self._blocks[info.number]

    def arrived_after(self, number: int, limit: int) -> list[BlockInfo]:
        return [one.info for at, one in sorted(self._blocks.items()) if at > number][:limit]

    def last_number(self) -> int:
        return max(self._blocks)


class FullDisk(AlertStore):
    """Cannot write for a while."""

    refusals = 0

    def apply(
        self,
        changes: Sequence[AlertChange],
        watermark: Watermark | None,
        uses: Mapping[str, ExceptionUse] = MappingProxyType({}),
    ) -> int:
        if self.refusals:
            type(self).refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        return super().apply(changes, watermark, uses)


def rules(folder: Path, lines: str) -> RuleSet:
    (folder / "rule.yml").write_text(detection(lines))
    return load_rules([folder / "rule.yml"])


async def test_rules_change_though_alerts_cannot_be_written_and_none_is_lost(tmp_path: Path) -> None:
    blocks = [
        block([event(START + n * SECOND, actor__id=f"a{n}", outcome="failure")], number=n, sequence=n)
        for n in (1, 2, 3)
    ]
    first = await asyncio.to_thread(rules, tmp_path, "outcome: failure")
    second = await asyncio.to_thread(rules, tmp_path, "outcome: failure\naction: read")
    alerts = await asyncio.to_thread(lambda: FullDisk(open_state(tmp_path / "state.db"), AlertSettings()))
    source = Stored(blocks)
    watch = Watch(
        Engine(first, DetectSettings()), alerts, source, DetectSettings(), clock=now_us, on_written=lambda: None
    )
    await watch.start()
    running = asyncio.create_task(watch.run(stop := Stop()))
    watch.committed(blocks[:2])
    async with asyncio.timeout(20):
        while watch.read_up_to < 2 or watch.engine.unsaid:
            await asyncio.sleep(0.01)
        FullDisk.refusals = 2
        assert await watch.change_rules(second) == 1
        assert FullDisk.refusals == 0
        watch.committed(blocks[2:])
        while watch.read_up_to < 3 or watch.engine.unsaid:
            await asyncio.sleep(0.01)
    stop.asked.set()
    watch.ring()
    await running
    await watch.close()
    page = await asyncio.to_thread(alerts.page)
    assert sorted((alert["group"]["actor.id"], alert["count"]) for alert in page["alerts"]) == [
        ("a1", 1), ("a2", 1), ("a3", 1)
    ]  # fmt: skip
    assert {alert["rule_id"] for alert in page["alerts"]} == {RULE_ID}
    await asyncio.to_thread(alerts.close)
