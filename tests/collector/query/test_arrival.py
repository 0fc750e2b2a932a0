"""Reading in order of arrival: nothing twice, nothing left out, wherever a page ends."""

from hypothesis import given
from hypothesis import strategies as st

from collector.query.arrival import Arrivals, Arrived
from collector.query.cache import CachedBlocks
from collector.query.match import compile_plan
from collector.query.plan import EVERYTHING, Equals, Plan, Term
from tests.collector.query.memory_source import MemorySource, an_event
from tests.collector.query.reading import a_budget, ids
from watchbook.event import event_id

CREATES: Plan = Term(("action",), Equals("create"))


def a_page(
    source: MemorySource, after: int, plan: Plan = EVERYTHING, limit: int = 10, events_max: int = 10**9
) -> Arrived:
    blocks = CachedBlocks(source, 2, lambda _: None)
    return Arrivals(source, blocks, compile_plan(plan), a_budget(events_max)).after(after, limit)


def follow(source: MemorySource, plan: Plan, limits: list[int], events_max: int = 10**9) -> list[str]:
    found: list[str] = []
    after, turn = 0, 0
    while after < source.last_number():
        page = a_page(source, after, plan, limits[turn % len(limits)], events_max)
        assert page.last_number > after
        found += ids(page.events)
        assert [event_of(source, number) for number in page.numbers] == ids(page.events)
        after, turn = page.last_number, turn + 1
    return found


def event_of(source: MemorySource, number: int) -> str:
    """Return the id of the event that arrived under a number."""
    (info,) = (i for i in source.arrived_after(0, 1000) if i.number <= number < i.number + i.n)
    return event_id(info.stream, info.sequence, number - info.number)


@given(
    st.lists(st.lists(st.sampled_from(["create", "read"]), min_size=1, max_size=9), max_size=12),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.sampled_from([EVERYTHING, CREATES]),
    st.integers(1, 20),
)
def test_every_event_is_met_once_in_order_of_arrival(
    batches: list[list[str]], limits: list[int], plan: Plan, events_max: int
) -> None:
    source = MemorySource()
    expected = []
    for sequence, actions in enumerate(batches, 1):
        source.append([an_event(100 - sequence, action=action) for action in actions])
        wanted = [index for index, action in enumerate(actions) if plan is EVERYTHING or action == "create"]
        expected += [event_id("5" * 32, sequence, index) for index in wanted]
    assert follow(source, plan, limits, events_max) == expected


def test_a_number_above_the_newest_is_brought_back_to_it() -> None:
    source = MemorySource()
    source.append([an_event(1)])
    assert a_page(source, 99) == ([], [], 1)


def test_a_block_that_retention_drops_meanwhile_is_passed_over() -> None:
    source = MemorySource()
    source.drop(source.append([an_event(1), an_event(2)]))
    source.append([an_event(3)])
    page = a_page(source, 0)
    assert (len(page.events), page.last_number) == (1, 3)
