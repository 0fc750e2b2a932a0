"""Counts by the hour: each event once, and still there when the events are gone."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from collector.block import DecodedBlock, SegmentInfo
from collector.lifecycle import Bucket, History, LifecycleSettings, Rollups, read_buckets
from collector.lifecycle.measure import Measured, Measuring
from collector.lifecycle.rollups import TooManyCountsError, read_counts
from collector.problem import ApiProblem
from tests.collector.lifecycle.counted import count_by_the_hour
from tests.collector.lifecycle.memory_shelf import MemoryShelf, at, event
from watchbook.clock import TIME_MAX_US, TIME_MIN_US

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
DAY = at("2020-01-01")


def _segment(shelf: MemoryShelf) -> SegmentInfo:
    (segment,) = shelf.finished()
    return segment


def measure(blocks: Iterable[DecodedBlock], fields: Sequence[str], values_max: int) -> Measured:
    measuring = Measuring(fields, values_max)
    for block in blocks:
        measuring.add(block)
    return measuring.result()


def test_a_segment_that_is_counted_again_is_counted_once(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    shelf.add("2020-01-01", [event(DAY + i * HOUR_US // 2, action="ab"[i % 2]) for i in range(48)])
    rollups = Rollups(tmp_path / "rollups.db")
    for _ in range(3):
        measured = measure(shelf.blocks(_segment(shelf)), ("action",), 10)
        rollups.put("2020-01-01", "g", measured, hours=True)
    rollups.close()
    buckets = read_buckets(tmp_path / "rollups.db", DAY, DAY + 24 * HOUR_US, field="action", interval_us=12 * HOUR_US)
    assert buckets == [Bucket(DAY + half * HOUR_US, value, 12) for half in (0, 12) for value in ("a", "b")]


def test_a_range_takes_the_hours_that_begin_in_it(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    shelf.add("2020-01-01", [event(DAY + i * HOUR_US) for i in range(24)])
    rollups = Rollups(tmp_path / "rollups.db")
    rollups.put("2020-01-01", "g", measure(shelf.blocks(_segment(shelf)), (), 10), hours=True)
    rollups.close()
    assert len(read_buckets(tmp_path / "rollups.db", DAY + 5 * HOUR_US + 1, DAY + 8 * HOUR_US)) == 3


def test_the_rarest_values_are_counted_together_and_none_is_lost(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    shelf.add("2020-01-01", [event(DAY + i, action=f"a{i % 7}" if i < 70 else "often") for i in range(100)])
    rollups = Rollups(tmp_path / "rollups.db")
    rollups.put("2020-01-01", "g", measure(shelf.blocks(_segment(shelf)), ("action",), 3), hours=True)
    rollups.close()
    buckets = read_buckets(tmp_path / "rollups.db", DAY, DAY + HOUR_US, field="action")
    assert {bucket.value: bucket.events for bucket in buckets} == {"often": 30, "a0": 10, "a1": 10, None: 50}
    history = History(tmp_path / "rollups.db", LifecycleSettings(rollup_fields=("action",)))
    answer = json.loads(history.answer({"by": "action", "from": "2020-01-01T00:30:00Z", "to": None, "interval": "1d"}))
    assert answer == {
        "interval_s": 86400,
        "buckets": [{"time": "2020-01-01T00:00:00.000000Z", "count": 100, "by": {"often": 30, "a0": 10, "a1": 10}}],
        "total": {"value": 100, "exact": True},
        "other": 50,
        "missing": 0,
        "fields": ["action"],
    }


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"by": "actor.id"}, "'by': expected one of action, module, found 'actor.id'"),
        ({"from": "yesterday"}, "'from': expected a time"),
        ({"from": "1h", "to": "2h"}, "'from': the range is empty"),
        ({"to": "0001-01-01T00:00:00Z"}, "'from': the range is empty"),
        ({"interval": "often"}, "'interval': expected a duration"),
    ],
)
def test_a_wrong_parameter_is_named(tmp_path: Path, parameters: dict[str, str], said: str) -> None:
    history = History(tmp_path / "rollups.db", LifecycleSettings(rollup_fields=("action", "module")))
    with pytest.raises(ApiProblem, match=said):
        history.answer(parameters)


def test_before_anything_was_counted_the_answer_is_empty(tmp_path: Path) -> None:
    answer = json.loads(History(tmp_path / "rollups.db", LifecycleSettings()).answer({"from": None, "interval": None}))
    assert (answer["buckets"], answer["total"]["value"], answer["interval_s"]) == ([], 0, 3600)


def test_events_without_a_value_are_counted_too(tmp_path: Path) -> None:
    count_by_the_hour(tmp_path / "rollups.db", [(DAY, "acme"), (DAY + HOUR_US, "globex")])
    history = History(tmp_path / "rollups.db", LifecycleSettings())
    answer = json.loads(history.answer({"by": "module"}))
    assert [(bucket["count"], bucket["by"]) for bucket in answer["buckets"]] == [(1, {}), (1, {})]
    assert (answer["total"]["value"], answer["other"], answer["missing"]) == (2, 0, 2)


def test_a_range_may_be_relative_to_now(tmp_path: Path) -> None:
    count_by_the_hour(tmp_path / "rollups.db", [(DAY + hour * HOUR_US, "acme") for hour in range(24)])
    history = History(tmp_path / "rollups.db", LifecycleSettings(), lambda: DAY + 12 * HOUR_US)
    assert json.loads(history.answer({"from": "-3h", "to": "now"}))["total"]["value"] == 3
    assert json.loads(history.answer({"from": "3h", "to": None, "interval": "1us"}))["total"]["value"] == 15


def test_more_counts_than_an_answer_holds_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rollups.db"
    count_by_the_hour(path, [(DAY + hour * HOUR_US, f"org{hour}") for hour in range(24)])
    counts = read_counts(path, DAY, DAY + DAY_US, ("", "org"), interval_us=HOUR_US, counts_max=24)
    assert [len(buckets) for buckets in counts] == [24, 24]
    with pytest.raises(TooManyCountsError):
        read_counts(path, DAY, DAY + DAY_US, ("org",), interval_us=HOUR_US, counts_max=23)


def test_hostile_values_and_times_at_both_ends_are_counted(tmp_path: Path) -> None:
    shelf = MemoryShelf()
    values = ["", "a\0b", "'; --", "=1", "é" * 1000]
    shelf.add(
        "2020-01-01",
        [event(time, org=value, module=None) for value in values for time in (TIME_MIN_US, -1, 0, TIME_MAX_US)],
    )
    rollups = Rollups(tmp_path / "rollups.db")
    rollups.put("2020-01-01", "g", measure(shelf.blocks(_segment(shelf)), ("org", "module"), 10), hours=True)
    scopes = rollups.known()["2020-01-01"].scopes
    rollups.close()
    assert {span.scope.org: (span.events, span.tmin, span.tmax) for span in scopes} == dict.fromkeys(
        values, (4, TIME_MIN_US, TIME_MAX_US)
    )
    for interval in (HOUR_US, 24 * HOUR_US, 1000 * HOUR_US):
        buckets = read_buckets(tmp_path / "rollups.db", TIME_MIN_US, TIME_MAX_US + 1, field="org", interval_us=interval)
        assert sum(bucket.events for bucket in buckets) == 20
        assert min(bucket.time for bucket in buckets) >= TIME_MIN_US
    assert read_buckets(tmp_path / "rollups.db", TIME_MIN_US, TIME_MAX_US, field="module") == []


def test_without_any_counts_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_buckets(tmp_path / "rollups.db", 0, 1)
