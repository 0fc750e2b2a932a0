"""The matches of a group in one array, and which groups were not heard of for longest."""

import math
from bisect import bisect_left, bisect_right

from hypothesis import given
from hypothesis import strategies as st

from collector.detect.group import Group
from collector.detect.matches import CODE, decoded, encoded
from collector.detect.remembered import Remembered
from collector.detect.windowed import WindowGroup

NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.0**52, 2.0**52 - 1, -1.0, 0.1, 1.7976931348623157e308]),
)


@given(st.lists(NUMBERS, max_size=8))
def test_numbers_are_kept_as_the_floats_they_are(numbers: list[float]) -> None:
    kept = WindowGroup(CODE)
    for place, number in enumerate(numbers):
        kept.put(place, place, place, encoded(number))
    assert list(decoded(kept.values)) == list(map(float, numbers))


@given(NUMBERS, NUMBERS)
def test_two_numbers_are_kept_alike_only_when_they_are_the_same_float(one: float, other: float) -> None:
    assert (encoded(one) == encoded(other)) == (float(one) == float(other))


def test_a_sum_of_parts_is_the_sum_of_floats() -> None:
    parts = [0.1, 3, 1e300, 2.5]
    assert math.isclose(sum(decoded([encoded(part) for part in parts])), sum(parts), rel_tol=0)


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(-1, 21), st.integers(0, 30), st.integers(0, 30))
def test_places_are_found_by_time(times: list[int], moment: int, begin: int, end: int) -> None:
    group, ordered = Group(CODE), sorted(times)
    for number, time in enumerate(times):
        group.put(group.until(time), time, number)
    assert list(group.times) == ordered
    assert [times[number] for number in group.numbers] == ordered
    assert (group.until(moment), group.before(moment)) == (bisect_right(ordered, moment), bisect_left(ordered, moment))
    group.drop(begin, end)
    del ordered[begin:end]
    assert (list(group.times), group.size) == (ordered, len(ordered))


@given(
    st.lists(st.tuples(st.sampled_from(["hear", "hear", "hear", "evict", "tick"]), st.integers(0, 9)), max_size=80),
    st.integers(1, 60),
)
def test_the_groups_heard_of_least_lately_are_found_whatever_happened_between(
    acts: list[tuple[str, int]], span: int
) -> None:
    remembered, model, now = Remembered(span), dict[str, tuple[int, int]](), 0
    for event, (act, number) in enumerate(acts):
        now += number
        label = f"g{number}"
        if act == "hear":
            group = remembered.get(label)
            if group is None:
                group = Group(CODE)
                group.label = label
                remembered.add(group)
            group.received = now
            group.put(group.size, now, event)
            model[label] = now, event
        elif act == "evict" and model:
            group = remembered.oldest()
            assert group.label == min(model, key=model.__getitem__)
            del model[group.label]
            remembered.forget(group)
        elif act == "tick":
            quiet = remembered.quiet(now - span)
            assert [group.label for group in quiet] == sorted(
                (label for label, (heard, _) in model.items() if heard < now - span), key=model.__getitem__
            )
            for group in quiet:
                if number % 2:
                    remembered.keep(group)
                else:
                    remembered.forget(group)
                    del model[group.label]
        assert len(remembered) == len(model)


def test_groups_of_the_same_moment_are_found_in_the_order_of_their_events() -> None:
    remembered = Remembered(60)
    for label, number in (("a", 9), ("b", 3), ("c", 5)):
        group = Group(CODE)
        group.label, group.received = label, 7
        group.put(0, 1, number)
        remembered.add(group)
    assert [group.label for group in remembered.quiet(8)] == ["b", "c", "a"]
