"""``watchbook history``."""

import asyncio
from collections.abc import Iterable

from tests.collector.lifecycle.counted import Event, count_by_the_hour
from tests.watchbook.operator.conftest import NOW, Desk
from watchbook.clock import TIME_MAX_US, TIME_MIN_US, format_rfc3339, parse_rfc3339
from watchbook.operator.counts import Bucket
from watchbook.operator.history import evenly

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


async def count(desk: Desk, stored: Iterable[Event], gone: Iterable[Event] = ()) -> None:
    await asyncio.to_thread(count_by_the_hour, desk.rollups, stored, gone)


async def test_history_draws_what_is_gone_beside_what_is_stored(desk: Desk) -> None:
    await count(desk, [(NOW, "acme")] * 8, gone=[(NOW - 3 * DAY_US, "acme")] * 4)
    result = await desk.run("history", "--table", "--utc")
    assert result.exit_code == 0, result.output
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "8 ┤   █", "  ┤   █", "  ┤   █", "  ┤   █", "  ┤█  █", "  ┤█  █", "  ┤█  █", "0 ┤█  █",
        "   2026-11-18 00:00:00 2026-11-21 00:00:00",
        "   one column: 1d, UTC",
    ]  # fmt: skip
    assert result.stderr == "12 events counted since 2026-11-18 00:00:00\n"


async def test_history_of_what_is_gone_alone_by_a_field(desk: Desk) -> None:
    gone = [(NOW - 3 * DAY_US, "acme")] * 3 + [(NOW - 2 * DAY_US, "globex")]
    await count(desk, [(NOW, "acme")] * 8, gone=gone)
    result = await desk.run("history", "--gone", "--by", "org", "--table", "--utc")
    assert [line.rstrip() for line in result.stdout.splitlines()[-4:]] == ["3 acme", "  █", "1 globex", "   █"]
    (document,) = await desk.lines("history", "--gone", "--by", "org")
    assert [bucket["by"] for bucket in document["buckets"]] == [{"acme": 3}, {"globex": 1}]
    assert (document["total"], document["interval_s"]) == ({"value": 4, "exact": True}, 86400)


async def test_a_range_is_typed_as_everywhere(desk: Desk) -> None:
    await count(desk, [(NOW - day * DAY_US, "acme") for day in range(10)])
    words = ("history", "--interval", "1h")
    (document,) = await desk.lines(*words, "--since", "3d", "--until", "2026-11-20 13:00")
    assert [bucket["time"][:13] for bucket in document["buckets"]] == [
        "2026-11-18T12",
        "2026-11-19T12",
        "2026-11-20T12",
    ]


async def test_counts_without_a_value_are_told_of(desk: Desk) -> None:
    await count(desk, [(NOW, "acme")] * 8)
    result = await desk.run("history", "--by", "module", "--json")
    assert result.stderr.endswith("; 0 of other values, 8 without module\n")


async def test_where_nothing_was_counted_nothing_is_drawn(desk: Desk) -> None:
    result = await desk.run("history", "--table")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no events counted\n")


async def test_a_field_that_is_not_counted_and_a_query_are_refused(desk: Desk) -> None:
    result = await desk.run("history", "--by", "actor.id")
    assert result.exit_code == 2
    assert "'retention.rollup_fields'" in result.stderr
    assert (await desk.run("history", "actor:alice")).exit_code == 2


def test_a_chart_over_all_time_stays_small_and_loses_nothing() -> None:
    times = (TIME_MIN_US, 0, parse_rfc3339("2026-11-21T12:00:00Z"), TIME_MAX_US // HOUR_US * HOUR_US)
    buckets, interval_s = evenly([Bucket(format_rfc3339(time), 1, {"acme": 1}) for time in times], 3600, 100)
    assert len(buckets) == 100
    assert sum(bucket.count for bucket in buckets) == sum(bucket.by["acme"] for bucket in buckets if bucket.by) == 4
    assert interval_s % 3600 == 0


def test_holes_are_filled() -> None:
    buckets = [Bucket(f"2026-11-21T{hour:02}:00:00.000000Z", hour) for hour in (2, 5)]
    filled, interval_s = evenly(buckets, 3600)
    assert [bucket.count for bucket in filled] == [2, 0, 0, 5]
    assert (filled[1].time, interval_s) == ("2026-11-21T03:00:00.000000Z", 3600)
    assert evenly([], 3600) == ([], 3600)
