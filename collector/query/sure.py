"""What is sure and what is perhaps: masks over a chunk's rows, in pairs, and their algebra.

A mask is an array with an entry a row, or one bool for all rows.  Of a pair, ``lower`` is never true where ``upper`` is
not; the two are the same object where nothing is in doubt.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.view import Mask

AnyMask = Mask | bool


class Pair(NamedTuple):
    """Which rows match surely, and which perhaps (those and more)."""

    lower: AnyMask
    upper: AnyMask


NONE: Final = Pair(False, False)
ALL: Final = Pair(True, True)
PERHAPS: Final = Pair(False, True)


def both_pairs(one: Pair, other: Pair) -> Pair:
    """Return which rows both have."""
    upper = tidy(and_mask(one.upper, other.upper))
    if one.lower is one.upper and other.lower is other.upper:
        return Pair(upper, upper)
    return Pair(and_mask(one.lower, other.lower), upper) if upper is not False else NONE


def either_pair(one: Pair, other: Pair) -> Pair:
    """Return which rows at least one has."""
    upper = or_mask(one.upper, other.upper)
    if one.lower is one.upper and other.lower is other.upper:
        return Pair(upper, upper)
    return Pair(or_mask(one.lower, other.lower), upper)


def negated_pair(pair: Pair) -> Pair:
    """Return the other rows."""
    upper = _not_mask(pair.lower)
    return Pair(upper, upper) if pair.lower is pair.upper else Pair(_not_mask(pair.upper), upper)


def and_mask(one: AnyMask, other: AnyMask) -> AnyMask:
    """Return the rows of both masks."""
    if isinstance(one, bool):
        return other if one else False
    if isinstance(other, bool):
        return one if other else False
    return one & other


def or_mask(one: AnyMask, other: AnyMask) -> AnyMask:
    """Return the rows of either mask."""
    if isinstance(one, bool):
        return True if one else other
    if isinstance(other, bool):
        return True if other else one
    return one | other


def _not_mask(mask: AnyMask) -> AnyMask:
    return not mask if isinstance(mask, bool) else ~mask


def tidy(mask: AnyMask) -> AnyMask:
    """Return False for a mask without any row, so that what follows costs nothing."""
    return mask if isinstance(mask, bool) or np.count_nonzero(mask) else False


def count(mask: AnyMask, n: int) -> int:
    """Return how many of ``n`` rows a mask has."""
    return n * mask if isinstance(mask, bool) else int(np.count_nonzero(mask))


def rows_of(mask: AnyMask, n: int) -> NDArray[Any]:
    """Return the rows, ascending, that a mask has of ``n``."""
    return np.arange(n if mask else 0) if isinstance(mask, bool) else np.flatnonzero(mask)
