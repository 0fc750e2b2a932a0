"""The search: pages in order, whatever lies in which block, with budgets and cursors."""

import threading

from collector.query.budget import Budget
from collector.query.ranges import TimeRange
from tests.collector.query.memory_source import MemorySource, an_event
from tests.collector.query.reading import a_budget, a_page, decoded, ids, times
from watchbook.event import event_id

STREAMS = ("a" * 32, "b" * 32)


def test_equal_times_have_one_order_over_streams_and_batches() -> None:
    source = MemorySource()
    source.append([an_event(7), an_event(7)], STREAMS[1])
    source.append([an_event(7), an_event(8)], STREAMS[0])
    source.append([an_event(7)], STREAMS[1])
    assert ids(a_page(source, 10).events) == [
        event_id(STREAMS[0], 1, 1),
        event_id(STREAMS[1], 2, 0),
        event_id(STREAMS[1], 1, 1),
        event_id(STREAMS[1], 1, 0),
        event_id(STREAMS[0], 1, 0),
    ]


def test_blocks_that_cannot_hold_anything_newer_stay_unread() -> None:
    source = MemorySource()
    for start in range(0, 1000, 10):
        source.append([an_event(start + offset) for offset in range(10)])
    page = a_page(source, 10)
    assert times(page.events) == [f"{n}" for n in range(999, 989, -1)]
    assert source.reads == 2


def test_a_late_event_in_an_old_block_is_not_missed() -> None:
    source = MemorySource()
    source.append([an_event(1), an_event(1000)])
    for start in range(10, 100, 10):
        source.append([an_event(start)])
    assert [event["time"] for event in decoded(a_page(source, 2).events)] == [
        "1970-01-01T00:00:00.001000Z",
        "1970-01-01T00:00:00.000090Z",
    ]


def test_a_block_that_retention_drops_meanwhile_is_passed_over() -> None:
    source = MemorySource()
    source.append([an_event(1)])
    source.drop(source.append([an_event(2)]))
    assert len(a_page(source, 5).events) == 1


def test_a_spent_scan_budget_answers_with_what_is_certain_and_goes_on() -> None:
    source = MemorySource()
    for start in range(0, 100, 10):
        source.append([an_event(start), an_event(start + 5)])
    page = a_page(source, 50, budget=a_budget(events_max=4))
    assert page.incomplete is not None
    assert (page.incomplete.reason, page.incomplete.searched_to) == ("scan_budget", 76)
    assert len(page.events) == 4
    rest = a_page(source, 50, page.after)
    assert len(rest.events) == 16
    assert not set(ids(rest.events)) & set(ids(page.events))


def test_what_may_have_newer_neighbours_is_held_back_when_time_is_up() -> None:
    source = MemorySource()
    source.append([an_event(1), an_event(100)])
    source.append([an_event(50)])
    page = a_page(source, 50, budget=a_budget(events_max=1))
    assert times(page.events) == ["100"]  # 1 must wait: 50 comes before it
    assert times(a_page(source, 50, page.after).events) == ["050", "001"]


def test_more_blocks_over_one_instant_than_the_budget_allows_end_without_a_cursor() -> None:
    source = MemorySource()
    for _ in range(5):
        source.append([an_event(1), an_event(9)])
    page = a_page(source, 50, time_range=TimeRange(0, 9), budget=a_budget(events_max=2))
    assert page.incomplete is not None
    assert (page.events, page.after) == ([], None)


def test_the_deadline_and_a_stop_end_a_query() -> None:
    source = MemorySource()
    source.append([an_event(1)])
    late = a_page(source, 5, budget=a_budget(deadline_s=-1))
    stopping = threading.Event()
    stopping.set()
    stopped = a_page(source, 5, budget=Budget(1e9, 10**9, stopping))
    assert late.incomplete is not None
    assert late.incomplete.reason == "deadline"
    assert stopped.incomplete is not None
    assert stopped.incomplete.reason == "stopping"
