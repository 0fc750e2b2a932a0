"""What a rule asks of the matches in a window.  Pure.

The window of a time ``t`` holds the matches of a group in ``(t - span, t]``.  Each match has a *value*: None where only
the number of matches is asked for; the value of the rule's field; or, for the two temporal kinds, which of the rules
it is a match of, as a set of bits.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, Literal

Kind = Literal[
    "event_count", "value_count", "value_sum", "value_avg", "value_percentile", "temporal", "temporal_ordered"
]
Operator = Literal["gte", "gt", "lte", "lt", "eq", "neq"]

#: Kinds that count or compare the values of a field.
OF_VALUES: Final[frozenset[Kind]] = frozenset({"value_count", "value_sum", "value_avg", "value_percentile"})
#: Kinds whose values must be numbers.
OF_NUMBERS: Final[frozenset[Kind]] = frozenset({"value_sum", "value_avg", "value_percentile"})
#: Kinds that ask which rules matched.
TEMPORAL: Final[frozenset[Kind]] = frozenset({"temporal", "temporal_ordered"})
_COMPARE: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "gte": ge, "gt": gt, "lte": le, "lt": lt, "eq": eq, "neq": ne,
}  # fmt: skip


@dataclass(frozen=True)
class Enough:
    """Which sets of rules are enough.  Called with a set, as bits, it answers.

    ``kind``: ``rule`` (the one with the number ``number`` is in it), ``least`` (so many are), or ``all`` and ``any`` of
    the ``args``.
    """

    kind: Literal["rule", "least", "all", "any"]
    number: int = 0
    args: tuple["Enough", ...] = ()

    def __call__(self, rules: int) -> bool:
        """Return whether a set of rules is enough."""
        if self.kind == "rule":
            return bool(rules >> self.number & 1)
        if self.kind == "least":
            return rules.bit_count() >= self.number
        return (all if self.kind == "all" else any)(arg(rules) for arg in self.args)


@dataclass(frozen=True)
class Condition:
    """A condition on the matches in a window.

    ``fields``: where the values come from.  ``percentile``: 0 to 100.  ``rules``: how many rules a temporal kind refers
    to, in order; ``enough``: which sets of them are enough, None for all (of an ordered kind always all).
    ``begin``, ``end``: of rules in order, which of them begin a wait and which must follow, where that they do not is
    what is asked (``a and not b``).
    """

    kind: Kind = "event_count"
    operator: Operator = "gte"
    bound: float = 1.0  # as the cache gives it back: what is the same must look the same
    fields: tuple[str, ...] = ()
    percentile: float = 50.0
    rules: int = 1
    enough: Enough | None = None
    begin: int = 0
    end: int = 0

    @property
    def is_silence(self) -> bool:
        """Whether it asks that there is no match at all, which no match can show."""
        return (
            self.kind == "event_count"
            and self.operator in ("lt", "lte", "eq")
            and self.compares(0)
            and not self.compares(1)
        )

    @property
    def threshold(self) -> int | None:
        """How many matches are enough, where that is all that is asked; None for any other condition."""
        return self.least if self.kind == "event_count" and self.operator in ("gte", "gt") else None

    @cached_property
    def only_grows(self) -> bool:
        """Whether more matches never make a condition false that held: it can be decided before late ones are in."""
        return self.kind in TEMPORAL or (
            self.kind in ("event_count", "value_count", "value_sum") and self.operator in ("gte", "gt")
        )

    @cached_property
    def least(self) -> int:
        """How many matches there must be at the least."""
        if self.kind in ("event_count", "value_count") and self.operator in ("gte", "gt"):
            return max(1, math.ceil(self.bound) if self.operator == "gte" else math.floor(self.bound) + 1)
        return 1

    def compares(self, number: float) -> bool:
        """Return whether a count, sum, average or percentile is as asked."""
        return _COMPARE[self.operator](number, self.bound)

    def is_enough(self, rules: int) -> bool:
        """Return whether a set of rules that matched is enough."""
        return self.enough(rules) if self.enough is not None else rules == (1 << self.rules) - 1

    def holds(self, times: Sequence[int], values: Sequence[Any]) -> bool:
        """Return whether the condition holds for the matches of a window, in order of time; there is at least one."""
        if self.kind == "event_count":
            return self.compares(len(times))
        if self.kind == "value_count":
            return self.compares(len(set(values)))
        if self.kind == "value_sum":
            return self.compares(sum(values))
        if self.kind == "value_avg":
            return self.compares(sum(values) / len(values))
        if self.kind == "value_percentile":
            return self.compares(percentile(values, self.percentile))
        if self.kind == "temporal":
            together = 0
            for rules in values:
                together |= rules
            return self.is_enough(together)
        return self._in_order(times, values)

    def _in_order(self, times: Sequence[int], values: Sequence[int]) -> bool:
        """Return whether the rules matched one after the other."""
        return self.chain(times, values) == self.rules

    def chain(self, times: Sequence[int], values: Sequence[int]) -> int:
        """Return how many of the rules, from the first on, matched one after the other.

        Matches of the same time are in any order.
        """
        chain = 0
        for place, rules in enumerate(values):
            same = rules
            for earlier in range(place - 1, -1, -1):
                if times[earlier] != times[place]:
                    break
                same |= values[earlier]
            while chain < self.rules and same >> chain & 1:
                chain += 1
            if chain == self.rules:
                break
        return chain


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of one or more numbers, linear between the two nearest."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    low, part = ordered[below], place - below
    return low + (ordered[below + 1] - low) * part if part else low
