"""Ways to ask the room's parts directly."""

import threading
from typing import Any

import msgspec

from collector.query.budget import Budget
from collector.query.cache import CachedBlocks
from collector.query.order import Position
from collector.query.plan import EVERYTHING, Plan
from collector.query.ranges import TimeRange
from collector.query.reading import Question, Reader, Shelf
from collector.query.search import Page, search
from collector.query.unindexed import NoIndexes
from collector.view import IndexSource
from tests.collector.query.memory_source import MemorySource
from watchbook.clock import TIME_MIN_US

ALL_TIME = TimeRange(TIME_MIN_US, None)


def a_budget(events_max: int = 10**9, deadline_s: float = 1e9) -> Budget:
    return Budget(deadline_s, events_max, threading.Event())


def a_shelf(source: MemorySource, indexes: IndexSource | None = None) -> Shelf:
    blocks = CachedBlocks(source, 8, lambda _: None)
    return Shelf(source, indexes or NoIndexes(), None, blocks, listed_blocks=1000, remembered_bytes=1 << 20)


def a_reader(source: MemorySource, indexes: IndexSource | None = None, budget: Budget | None = None) -> Reader:
    return Reader(a_shelf(source, indexes), budget or a_budget())


def a_page(
    source: MemorySource,
    limit: int,
    before: Position | None = None,
    *,
    plan: Plan = EVERYTHING,
    time_range: TimeRange = ALL_TIME,
    budget: Budget | None = None,
    indexes: IndexSource | None = None,
) -> Page:
    return search(a_reader(source, indexes, budget), Question(plan, time_range), before, limit)


def decoded(events: list[bytes]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event) for event in events]


def ids(events: list[bytes]) -> list[str]:
    return [event["id"] for event in decoded(events)]


def times(events: list[bytes]) -> list[str]:
    """Return the microseconds of events of 1970's first millisecond."""
    return [event["time"][-4:-1] for event in decoded(events)]
