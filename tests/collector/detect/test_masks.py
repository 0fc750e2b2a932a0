"""Masks say what a list of truths says."""

from hypothesis import given
from hypothesis import strategies as st

from collector.detect.masks import (
    Mask,
    both,
    either,
    indices_of,
    mask_of_codes,
    mask_of_indices,
    neither,
)
from watchbook.coded import BASE, Coded

TRUTHS = st.integers(1, 300).flatmap(
    lambda n: st.tuples(*[st.one_of(st.lists(st.booleans(), min_size=n, max_size=n), st.just([False] * n))] * 2)
)


def mask_of(truths: list[bool]) -> Mask:
    return mask_of_indices([index for index, truth in enumerate(truths) if truth], len(truths))


def truths_of(mask: Mask, n: int) -> list[bool]:
    indices = indices_of(mask, n)
    assert list(indices) == sorted(indices)
    return [index in set(indices) for index in range(n)]


@given(TRUTHS)
def test_masks_are_joined_event_by_event(truths: tuple[list[bool], list[bool]]) -> None:
    one, other = truths
    n = len(one)
    assert truths_of(both(mask_of(one), mask_of(other)), n) == [a and b for a, b in zip(one, other, strict=True)]
    assert truths_of(either(mask_of(one), mask_of(other)), n) == [a or b for a, b in zip(one, other, strict=True)]
    assert truths_of(neither(mask_of(one), n), n) == [not a for a in one]
    for whole in (True, False):
        assert truths_of(both(mask_of(one), whole), n) == [a and whole for a in one]
        assert truths_of(either(whole, mask_of(one)), n) == [a or whole for a in one]
        assert neither(whole, n) is not whole


@given(TRUTHS)
def test_a_mask_that_is_true_nowhere_is_false(truths: tuple[list[bool], list[bool]]) -> None:
    one, other = truths
    n = len(one)
    assert (mask_of(one) is False) == (not any(one))
    both_true = any(a and b for a, b in zip(one, other, strict=True))
    assert (both(mask_of(one), mask_of(other)) is False) == (not both_true)
    assert neither(mask_of([True] * n), n) is False


@given(st.integers(1, 3 * BASE), st.data())
def test_a_mask_of_codes_is_true_where_a_code_passes(values: int, data: st.DataObject) -> None:
    codes = data.draw(st.lists(st.integers(0, values), min_size=1, max_size=200))
    passing = bytes(data.draw(st.lists(st.integers(0, 1), min_size=values + 1, max_size=values + 1)))
    low, high = bytes(code % BASE for code in codes), bytes(code // BASE for code in codes)
    coded = Coded([None, *map(str, range(values))], low, high if values >= BASE else None)
    mask = mask_of_codes(coded, passing)
    assert truths_of(mask, len(codes)) == [bool(passing[code]) for code in codes]
    assert (mask is False) == (not any(passing[code] for code in codes))
