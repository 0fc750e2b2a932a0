"""Tests on columns of numbers and times: every one is a range, compared with one or two vector operations.

A float cannot tell some large integers apart.  Rounding keeps the order, so only values equal to a rounded bound are in
doubt, and only where the column says that it rounded.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.query.plan import Between, Compare, Equals, Present, Test
from collector.query.values import number_of
from collector.view import Mask, NumberColumn

_ROUNDED_FROM: Final = 2.0**53
_TIME_LIMIT: Final = 2**63


class _Bound(NamedTuple):
    number: float
    included: bool


class _Range(NamedTuple):
    low: _Bound | None
    high: _Bound | None


def number_masks(column: NumberColumn, test: Test) -> tuple[Mask, Mask] | None:
    """Return which values pass, surely and perhaps; None: the test cannot be said of numbers."""
    wanted = _range_of(test)
    if wanted is None:
        return None
    lower = upper = ~np.isnan(column.values)
    for bound, is_low in ((wanted.low, True), (wanted.high, False)):
        if bound is not None:
            sure, perhaps = _beyond(column, bound, is_low=is_low)
            same = lower is upper and sure is perhaps
            lower = lower & sure
            upper = lower if same else upper & perhaps
    return lower, upper


def time_mask(times: NDArray[np.int64], test: Test) -> Mask | bool | None:
    """Return which times pass; None: the test cannot be said of times."""
    wanted = _range_of(test)
    if wanted is None:
        return None
    mask: Mask | bool = True
    if wanted.low is not None:
        mask = _from(times, wanted.low)
    if wanted.high is not None:
        mask = mask & _to(times, wanted.high)
    return mask


def _range_of(test: Test) -> _Range | None:
    match test:
        case Present():
            return _Range(None, None)
        case Between(low, high):
            return _Range(_Bound(low, True), _Bound(high, True))
        case Compare(operator, number):
            bound = _Bound(number, operator not in (">", "<"))
            if operator == "=":
                return _Range(bound, bound)
            return _Range(bound, None) if operator in (">", ">=") else _Range(None, bound)
        case Equals(text):
            found = number_of(text)
            if found is None or math.isnan(found):
                return _Range(_Bound(math.inf, False), None)
            return _Range(_Bound(found, True), _Bound(found, True))
    return None


def _beyond(column: NumberColumn, bound: _Bound, *, is_low: bool) -> tuple[Mask, Mask]:
    values = column.values
    limit = _nearest_float(bound.number)
    strict = values > limit if is_low else values < limit
    with_equal = values >= limit if is_low else values <= limit
    if not column.exact and abs(limit) >= _ROUNDED_FROM:
        return strict, with_equal
    # How the float itself, an exact number, stands to the bound: Python compares the two without rounding.
    equal_passes = (limit > bound.number if is_low else limit < bound.number) or (
        bound.included and limit == bound.number
    )
    mask = with_equal if equal_passes else strict
    return mask, mask


def _nearest_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _from(times: NDArray[np.int64], bound: _Bound) -> Mask | bool:
    if math.isinf(bound.number):
        return bound.number < 0
    first = math.floor(bound.number) + 1 if not bound.included else math.ceil(bound.number)
    return first < _TIME_LIMIT and (first <= -_TIME_LIMIT or times >= np.int64(first))


def _to(times: NDArray[np.int64], bound: _Bound) -> Mask | bool:
    if math.isinf(bound.number):
        return bound.number > 0
    last = math.ceil(bound.number) - 1 if not bound.included else math.floor(bound.number)
    return last >= -_TIME_LIMIT and (last >= _TIME_LIMIT or times <= np.int64(last))
