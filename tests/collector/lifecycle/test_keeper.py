"""Years of retention, a deletion at a time, whatever dies in between."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.lifecycle import Keeper, LifecycleSettings, RetentionState, Rollups, ScopeSettings, read_buckets
from collector.lifecycle.settings import HoldSettings
from collector.lifecycle.state import StoredHold
from tests.collector.lifecycle.memory_shelf import DAY_US, KilledError, MemoryShelf, at, day_of, event
from watchbook.wire import decode_batch

HOUR_US = 3_600_000_000
FOUR_TIERS = LifecycleSettings(keep="1826d", archive_after="365d")


class House:
    """A keeper over a shelf, which can be opened again, and what it reported."""

    def __init__(self, folder: Path, settings: LifecycleSettings = FOUR_TIERS) -> None:
        self.folder = folder
        self.settings = settings
        self.shelf = MemoryShelf()
        self.stored: dict[int, dict[str, Any]] = {}
        self.open()

    def open(self) -> None:
        self.rollups = Rollups(self.folder / "rollups.db")
        self.state = RetentionState(self.folder / "retention.db")
        self.keeper = Keeper(self.shelf, self.settings, self.rollups, self.state, lambda: self.shelf.now)

    def close(self) -> None:
        self.rollups.close()
        self.state.close()

    def run(self, now: int) -> None:
        """Ring, work until nothing is left, report."""
        self.shelf.now = now
        self.keeper.ring()
        self.work()
        self.report()

    def work(self) -> None:
        while (job := self.keeper.job()) is not None:
            for _ in job:
                pass

    def report(self) -> None:
        for report in self.keeper.reports():
            batch = decode_batch(report.data, bytes_max=1 << 20)
            assert report.sequence == len(self.stored) + 1 or self.stored[report.sequence] == batch.event(0)
            self.stored[report.sequence] = batch.event(0)
            self.keeper.reported(report.sequence)

    def told(self, event_type: str) -> list[dict[str, Any]]:
        return [each for each in self.stored.values() if each["event_type"] == event_type]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def _settle(house: House, settings: LifecycleSettings) -> None:
    house.close()
    house.settings = settings
    house.open()


def test_the_four_tiers_pass_one_after_the_other_and_the_counts_stay(house: House) -> None:
    start = at("2020-01-01")
    for day in range(0, 60, 10):
        time = start + day * DAY_US
        house.shelf.add(day_of(time), [event(time + i * HOUR_US, "acme") for i in range(24)])
    counted = 6 * 24

    house.run(start + 90 * DAY_US)
    assert {kept.tier for kept in house.shelf.segments.values()} == {"sealed"}

    house.run(start + 400 * DAY_US)
    tiers = [kept.tier for _, kept in sorted(house.shelf.segments.items())]
    assert tiers == ["archived"] * 4 + ["sealed"] * 2

    house.run(start + 1850 * DAY_US)
    assert sorted(house.shelf.segments) == ["2020-01-31", "2020-02-10", "2020-02-20"]

    house.run(start + 3000 * DAY_US)
    assert house.shelf.segments == {}
    assert len(house.told("Segment archived")) == 6
    assert len(house.told("Segment removed")) == 6
    assert sum(told["measures"]["events"] for told in house.told("Segment removed")) == counted
    buckets = read_buckets(house.folder / "rollups.db", 0, at("2021-01-01"), field="action", only_gone=True)
    assert sum(bucket.events for bucket in buckets) == counted
    assert len(buckets) == counted


def test_a_hold_blocks_deletion_for_as_long_as_it_stands_and_says_so_once(house: House) -> None:
    settings = LifecycleSettings(keep="365d", archive_after="never", holds=(HoldSettings("case-17", org="acme"),))
    _settle(house, settings)
    house.shelf.add("2020-01-01", [event(at("2020-01-01"), "acme"), event(at("2020-01-01"), "other")])
    for year in range(2021, 2026):
        house.run(at(f"{year}-06-01"))
    assert [each["org"] for each in house.shelf.events()] == ["acme"]
    assert [told["measures"]["events"] for told in house.told("Deletion held")] == [1]
    _settle(house, LifecycleSettings(keep="365d", archive_after="never"))
    house.run(at("2026-06-01"))
    assert house.shelf.events() == []


def test_a_hold_set_while_the_collector_runs_counts_at_the_next_bell(house: House) -> None:
    house.shelf.add("2020-01-01", [event(at("2020-01-01"), "acme")])
    told = {"time": 1, "actor.type": "user", "action": "create", "event_type": "Legal hold set"}
    assert house.state.add_hold(StoredHold("case-1", None, None, "court", 1), told)
    assert not house.state.add_hold(StoredHold("case-1", None, None, "court", 2), told)
    house.run(at("2030-01-01"))
    assert len(house.shelf.events()) == 1
    assert house.state.remove_hold("case-1", 5, {**told, "event_type": "Legal hold lifted"})
    house.run(at("2030-01-02"))
    assert house.shelf.events() == []
    assert len(house.told("Legal hold set")) == 1
    assert len(house.told("Legal hold lifted")) == 1


@pytest.mark.parametrize("moment", ["archived", "rewritten", "removed"])
def test_a_deletion_is_told_of_once_when_the_process_dies_before_its_report(house: House, moment: str) -> None:
    scopes = (ScopeSettings(org="short", keep="100d", archive_after="10d"),)
    _settle(house, LifecycleSettings(keep="365d", archive_after="10d", scopes=scopes))
    house.shelf.add("2020-01-01", [event(at("2020-01-01"), "acme"), event(at("2020-01-01"), "short")])
    house.shelf.die_after = moment
    died = False
    for days in (50, 150, 400):
        while True:
            try:
                house.run(at("2020-01-01") + days * DAY_US)
                break
            except KilledError:
                died = True
                house.close()
                house.open()
    assert died
    assert house.shelf.events() == []
    told = sorted(each["event_type"] for each in house.stored.values())
    assert told == ["Events removed", "Segment archived", "Segment removed"]
    buckets = read_buckets(house.folder / "rollups.db", 0, at("2021-01-01"))
    assert [bucket.events for bucket in buckets] == [2]


def test_a_report_that_the_store_took_is_not_made_again_when_nobody_heard_of_it(house: House) -> None:
    house.shelf.add("2020-01-01", [event(at("2020-01-01"), "acme")])
    house.shelf.now = at("2030-01-01")
    house.work()
    first = house.keeper.reports()
    house.close()
    house.open()
    assert house.keeper.reports() == first


def test_permanent_retention_gives_up_only_a_whole_organization_and_leaves_a_stone(house: House) -> None:
    _settle(house, LifecycleSettings(keep="forever", archive_after="never"))
    asked = at("2020-03-01")
    for day in ("2020-01-01", "2020-02-01"):
        house.shelf.add(day, [event(at(day), "acme"), event(at(day), "other"), event(at(day), "acme", "billing")])
    house.shelf.add("2020-02-02", [event(at("2020-02-02"), "acme")])
    house.shelf.add("2020-04-01", [event(at("2020-04-01"), "acme")])
    house.run(at("2040-01-01"))
    assert len(house.shelf.events()) == 8

    told = {"time": 1, "actor.type": "user", "action": "purge", "event_type": "Organization purge requested"}
    house.state.add_purge("acme", "contract ended", asked, told)
    house.shelf.open_from = asked - 1
    house.run(at("2040-01-02"))
    assert [each["org"] for each in house.shelf.events()] == ["other", "other", "acme"]
    assert house.told("Organization purged") == []

    house.shelf.open_from = None
    house.run(at("2040-01-03"))
    house.run(at("2040-01-04"))
    (stone,) = house.told("Organization purged")
    assert stone["resource.id"] == "acme"
    by_org = read_buckets(house.folder / "rollups.db", 0, at("2041-01-01"), field="org")
    assert {bucket.value: bucket.events for bucket in by_org if bucket.time < asked} == {"other": 1}
    assert sum(bucket.events for bucket in read_buckets(house.folder / "rollups.db", 0, asked)) == 2


def test_one_segment_that_cannot_be_read_does_not_stop_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("2020-01-01", "2020-01-02"):
        house.shelf.add(day, [event(at(day), "acme")])
    readable = house.shelf.blocks

    def blocks(segment: Any) -> Any:
        if segment.name == "2020-01-01":
            raise OSError(5, "Input/output error")
        return readable(segment)

    monkeypatch.setattr(house.shelf, "blocks", blocks)
    house.run(at("2030-01-01"))
    assert list(house.shelf.segments) == ["2020-01-01"]
    monkeypatch.undo()
    house.run(at("2030-01-02"))
    assert house.shelf.segments == {}
