"""The engine against a naive filter over all events: every mixture of indexed, not yet indexed, and sealed."""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.query.counting import Counting, beginning_with
from collector.query.fields import single_field, target_of
from collector.query.order import Position
from collector.query.plan import Plan
from collector.query.ranges import TimeRange
from collector.query.reading import Question, Reader
from collector.query.settings import QuerySettings
from tests.collector.query.naive import holds, values_of
from tests.collector.query.reading import a_budget, a_page, a_shelf, ids
from tests.collector.query.strategies import PLANS, RANGES, World, worlds
from watchbook.clock import SECOND_US, parse_rfc3339


def expected(world: World, plan: Plan, time_range: TimeRange) -> list[dict[str, Any]]:
    """Return the events that match, newest first."""
    inside = [e for e in world.events if time_range.time_from <= e["time"] < time_range.end and holds(plan, e)]
    return sorted(inside, key=lambda event: event["position"], reverse=True)


@given(worlds(), PLANS, RANGES, st.lists(st.integers(1, 7), min_size=1, max_size=4), st.none() | st.integers(1, 30))
def test_pages_are_what_a_naive_filter_and_sort_gives(
    world: World, plan: Plan, time_range: TimeRange, limits: list[int], events_max: int | None
) -> None:
    found: list[str] = []
    before: Position | None = None
    for turn in range(1000):
        limit = limits[turn % len(limits)]
        page = a_page(
            world.source, limit, before, plan=plan, time_range=time_range, budget=a_budget(events_max or 10**9),
            indexes=world.indexes,
        )  # fmt: skip
        assert len(page.events) <= limit
        found += ids(page.events)
        before = page.after
        if before is None:
            break
    ordered = [event["id"] for event in expected(world, plan, time_range)]
    if page.incomplete is None:
        assert found == ordered
    else:
        assert events_max is not None
        assert found == ordered[: len(found)]


def counted(events: list[dict[str, Any]], field: str) -> Counter[Any]:
    """Return how many events have each value of a field."""
    counts: Counter[Any] = Counter()
    for event in events:
        counts.update(plain(event, field))
    return counts


def plain(event: dict[str, Any], field: str) -> set[Any]:
    """Return the values of a field that are counted: 1.0 is 1, true and false are texts."""
    simple = [value for value in values_of(field, event) if isinstance(value, str | int | float)]
    return {str(value).lower() if isinstance(value, bool) else 1 if value == 1 else value for value in simple}


_FACETS = st.sampled_from(
    ["actor", "action", "status", "type", "changed", "flags", "ip", "session", "duration", "measures.rows",
     "measures.x", "details.k", "message", "org", "email"]
)  # fmt: skip


def twice(world: World, plan: Plan, time_range: TimeRange, ask: Callable[[Counting, Reader, Question], Any]) -> Any:
    """Return an answer that was asked for twice, the second time partly from memory."""
    shelf, counting = a_shelf(world.source, world.indexes), Counting(QuerySettings())
    question = Question(plan, time_range)
    answers = [msgspec.json.encode(ask(counting, Reader(shelf, a_budget()), question)) for _ in range(2)]
    assert answers[0] == answers[1]
    return msgspec.json.decode(answers[0])


@settings(max_examples=50)
@given(worlds(), PLANS, RANGES)
def test_a_total_is_the_number_of_events_that_match(world: World, plan: Plan, time_range: TimeRange) -> None:
    answer = twice(world, plan, time_range, Counting.total)
    assert answer == {"value": len(expected(world, plan, time_range)), "exact": True}


@settings(max_examples=50)
@given(
    worlds(), PLANS, RANGES, st.lists(_FACETS, min_size=1, max_size=3, unique=True), st.none() | _FACETS,
    st.sampled_from([1, 3, 100]),
)  # fmt: skip
def test_facets_count_what_matches(
    world: World, plan: Plan, time_range: TimeRange, names: list[str], other: str | None, size: int
) -> None:
    fields, distinct = {name: single_field(name) for name in names}, other and single_field(other)
    answer = twice(world, plan, time_range, lambda counting, *of: counting.facets(*of, fields, size, distinct))
    events = expected(world, plan, time_range)
    assert answer["total"] == {"value": len(events), "exact": True}
    for name in names:
        field, facet = single_field(name), answer["facets"][name]
        counts = counted(events, field)
        assert [entry["count"] for entry in facet["values"]] == sorted(counts.values(), reverse=True)[:size]
        assert all(counts[entry["value"]] == entry["count"] for entry in facet["values"])
        assert facet["other"] == sum(sorted(counts.values(), reverse=True)[size:])
        assert facet["missing"] == sum(not plain(event, field) for event in events)
        for entry in facet["values"] if other else ():
            its = [event for event in events if entry["value"] in plain(event, field)]
            assert entry["distinct"] == len(counted(its, single_field(other or "")))


@settings(max_examples=50)
@given(worlds(), PLANS, RANGES, st.none() | st.sampled_from(["actor", "action", "flags", "details.k", "duration"]))
def test_a_histogram_counts_what_matches_by_time(
    world: World, plan: Plan, time_range: TimeRange, by: str | None
) -> None:
    events = expected(world, plan, time_range)
    field = by and single_field(by)
    answer = twice(world, plan, time_range, lambda counting, *of: counting.histogram(*of, 6, None, field))
    assert answer["total"]["value"] == len(events)
    width = round(answer["interval_s"] * SECOND_US)
    inside: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        inside[event["time"] // width].append(event)
    buckets = {parse_rfc3339(bucket["time"]) // width: bucket for bucket in answer["buckets"]}
    assert list(buckets) == list(range(min(buckets), max(buckets) + 1))
    for place, bucket in buckets.items():
        its = inside.pop(place, [])
        assert bucket["count"] == len(its)
        if field is not None:
            assert bucket["by"] == {str(value): count for value, count in counted(its, field).items()}
    assert all(place > max(buckets) for place in inside)  # too far ahead of the clock for a chart


@settings(max_examples=50)
@given(
    worlds(),
    PLANS,
    RANGES,
    st.sampled_from(["actor", "type", "flags", "ip", "message"]),
    st.sampled_from(["", "A", "b", "1", "t"]),
)
def test_values_complete_a_prefix(world: World, plan: Plan, time_range: TimeRange, name: str, prefix: str) -> None:
    fields = target_of(name).fields
    ending = beginning_with(plan, fields, prefix)
    answer = twice(world, ending, time_range, lambda counting, *of: counting.values(*of, fields, prefix, 1000))
    counts: Counter[Any] = Counter()
    for field in fields:
        counts.update(counted(expected(world, plan, time_range), field))
    wanted = {value: count for value, count in counts.items() if value.casefold().startswith(prefix.casefold())}
    assert {entry["value"]: entry["count"] for entry in answer["values"]} == wanted
