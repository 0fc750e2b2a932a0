"""The matches of one group in one array: time, arrival number and, where the rule asks for it, value of each in turn.

There may be very many groups with few matches each, so a group *is* that array: one object where three arrays beside it
would be four.  All that is kept is a whole number of 64 bits; :func:`encoded` makes one of any number.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    _Numbers = array[int]
else:
    _Numbers = array

#: What an array of such numbers is made with.
CODE: Final = "q"
#: A whole number from 0 to below this stands for itself.
PLAIN_MAX: Final = 2**52
#: With the bits of the exponent turned over, no finite float looks like one of those.
_EXPONENT: Final = 0x7FF << 52
_FLOAT: Final = Struct("d")
_INTEGER: Final = Struct("q")


def encoded(number: float) -> int:
    """Return a finite number as 64 bits."""
    if 0 <= number < PLAIN_MAX:
        whole = int(number)
        if whole == number:
            return whole
    bits: int = _INTEGER.unpack(_FLOAT.pack(number))[0]
    return bits ^ _EXPONENT


def decoded(values: Sequence[int]) -> Sequence[float]:
    """Return the numbers that some bits stand for."""
    if not values or (min(values) >= 0 and max(values) < PLAIN_MAX):
        return values
    return [value if 0 <= value < PLAIN_MAX else _FLOAT.unpack(_INTEGER.pack(value ^ _EXPONENT))[0] for value in values]


class Matches(_Numbers):
    """The matches of a group in order of time.  ``width``: how many numbers each has."""

    __slots__ = ()
    width: ClassVar[int] = 2

    # One group is no other, whatever it holds.
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __hash__ = object.__hash__  # type: ignore[assignment]

    @property
    def size(self) -> int:
        """How many matches there are."""
        return len(self) // self.width

    @property
    def times(self) -> "array[int]":
        """Their times, ascending."""
        return self[:: self.width]

    @property
    def numbers(self) -> "array[int]":
        """Their arrival numbers, in the order of the times."""
        return self[1 :: self.width]

    @property
    def values(self) -> "array[int]":
        """Their values as they are kept; of a rule that asks for no values the numbers."""
        return self[self.width - 1 :: self.width]

    def until(self, moment: int) -> int:
        """Return how many matches have a time up to and with a moment."""
        return bisect_right(range(0, len(self), self.width), moment, key=self.__getitem__)

    def before(self, moment: int) -> int:
        """Return how many matches have a time before a moment."""
        return bisect_left(range(0, len(self), self.width), moment, key=self.__getitem__)

    def put(self, place: int, *match: int) -> None:
        """Put a match in its place."""
        at = place * self.width
        for number in reversed(match):
            self.insert(at, number)

    def drop(self, begin: int, end: int) -> None:
        """Forget the matches from one place to before another."""
        del self[begin * self.width : end * self.width]
