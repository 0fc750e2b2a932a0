"""The search: pages in order, whatever lies in which block, with budgets and cursors."""

import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.query.budget import Budget
from collector.query.match import compile_plan
from collector.query.order import Event, Position
from collector.query.plan import EVERYTHING, And, Compare, Equals, HasWords, Not, Or, Plan, StartsWith, Term
from collector.query.ranges import TimeRange
from collector.query.search import Page, search
from tests.collector.query.memory_source import MemorySource, an_event
from tests.collector.query.naive import holds
from watchbook.event import event_id

ALL_TIME = TimeRange(0, None)
STREAMS = ("a" * 32, "b" * 32)


def a_budget(events_max: int = 10**9, deadline_s: float = 1e9) -> Budget:
    return Budget(deadline_s, events_max, threading.Event())


def a_page(source: MemorySource, limit: int, before: Position | None = None, **options: Any) -> Page:
    budget = options.pop("budget", None) or a_budget()
    return search(source, compile_plan(EVERYTHING), options.get("time_range", ALL_TIME), before, limit, budget)


def ids(events: list[Event]) -> list[str]:
    return [event["id"] for event in events]


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
    assert [event["time"][-4:-1] for event in page.events] == [f"{n}" for n in range(999, 989, -1)]
    assert source.reads == 2


def test_a_late_event_in_an_old_block_is_not_missed() -> None:
    source = MemorySource()
    source.append([an_event(1), an_event(1000)])
    for start in range(10, 100, 10):
        source.append([an_event(start)])
    assert [event["time"] for event in a_page(source, 2).events] == [
        "1970-01-01T00:00:00.001000Z",
        "1970-01-01T00:00:00.000090Z",
    ]


def test_a_block_that_retention_drops_meanwhile_is_passed_over() -> None:
    source = MemorySource()
    source.append([an_event(1)])
    source.gone.add(source.append([an_event(2)]).number)
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
    assert [event["time"][-4:-1] for event in page.events] == ["100"]  # 1 must wait: 50 comes before it
    assert [event["time"][-4:-1] for event in a_page(source, 50, page.after).events] == ["050", "001"]


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


# The engine against a naive filter and sort.

_NAMES = st.sampled_from(["alice", "Bob", "bob@corp.example", "al", "ALICE", "ß", "x y"])
_TEXTS = st.sampled_from(["connection timeout", "Timeout", "a_timeout b", "no", "", "time-out", "用户timeout", "ßx"])


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


_EVENTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "time": st.integers(0, 12),
        "actor.type": st.sampled_from(["user", "system"]),
        "action": st.sampled_from(["read", "create"]),
        "actor.id": _optional(_NAMES),
        "message": _optional(_TEXTS),
        "duration_ms": _optional(st.integers(0, 3)),
        "measures": _optional(st.dictionaries(st.sampled_from(["rows", "bytes"]), st.integers(0, 3))),
        "details": _optional(
            st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["v", "V", 1, 1.0, True, None, ["v", 2]]))
        ),
        "changes": _optional(st.lists(st.fixed_dictionaries({"field": st.sampled_from(["plan", "Tier"])}), max_size=2)),
        "flags": _optional(st.lists(st.sampled_from(["unparsed", "truncated"]), max_size=2)),
    }
).map(lambda event: {name: value for name, value in event.items() if value is not None})

_TEXT_TESTS = st.sampled_from(
    [Equals("alice"), Equals("v"), Equals("1"), Equals("true"), StartsWith(""), StartsWith("al"), StartsWith("1"),
     Equals("plan"), Equals("unparsed"), Equals("ss"), Compare(">=", 1), Compare("=", 2), Compare("<", 1)]
)  # fmt: skip
_WORDS = st.builds(HasWords, st.sampled_from(["timeout", "connection timeout", "time", "ss", "no"]), st.booleans())
_FIELDS = st.sampled_from(
    ["actor.id", "actor.type", "action", "message", "duration_ms", "measures.rows", "details.k", "changes.field",
     "flags", "org"]
)  # fmt: skip
_FIELD_TUPLES = st.lists(_FIELDS, min_size=1, max_size=3, unique=True).map(tuple)
_TERMS = st.builds(Term, _FIELD_TUPLES, _TEXT_TESTS) | st.builds(Term, st.just(("message", "actor.id")), _WORDS)
_PLANS: st.SearchStrategy[Plan] = st.recursive(
    _TERMS,
    lambda plans: (
        st.builds(Not, plans)
        | st.builds(And, st.lists(plans, max_size=3).map(tuple))
        | st.builds(Or, st.lists(plans, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=6,
)
_BATCHES = st.lists(st.tuples(st.sampled_from(STREAMS), st.lists(_EVENTS, min_size=1, max_size=8)), max_size=10)


@given(
    batches=_BATCHES, plan=_PLANS, limits=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    time_range=st.tuples(st.integers(0, 12), st.none() | st.integers(0, 13)), events_max=st.none() | st.integers(1, 30),
)  # fmt: skip
def test_pages_are_what_a_naive_filter_and_sort_gives(
    batches: list[tuple[str, list[dict[str, Any]]]],
    plan: Plan,
    limits: list[int],
    time_range: tuple[int, int | None],
    events_max: int | None,
) -> None:
    source = MemorySource()
    expected: list[tuple[Position, str]] = []
    for stream, events in batches:
        info = source.append(events, stream)
        for index, event in enumerate(events):
            inside = time_range[0] <= event["time"] < (99 if time_range[1] is None else time_range[1])
            if inside and holds(plan, event):
                position = Position(event["time"], stream, info.sequence, index)
                expected.append((position, event_id(stream, info.sequence, index)))
    expected.sort(reverse=True)

    found: list[str] = []
    before: Position | None = None
    select = compile_plan(plan)
    for turn in range(1000):
        limit = limits[turn % len(limits)]
        page = search(source, select, TimeRange(*time_range), before, limit, a_budget(events_max or 10**9))
        assert len(page.events) <= limit
        found += ids(page.events)
        before = page.after
        if before is None:
            break
    ordered = [name for _, name in expected]
    if page.incomplete is None:
        assert found == ordered
    else:
        assert events_max is not None
        assert found == ordered[: len(found)]
