"""What a rule counts of the events that it matches: the group and the value of each."""

import math
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final

from collector.detect.condition import OF_NUMBERS, TEMPORAL, Condition
from collector.detect.grouping import Key, Label, labels_of, places_of, values_of
from collector.detect.matches import PLAIN_MAX, encoded
from collector.detect.rule import Rule
from collector.detect.values import number_of
from collector.detect.view import BatchView

#: What each matcher of a rule found, by its place in the rule: indices, ascending.
Found = Mapping[int, Sequence[int]]
#: The matches of a block in order: indices, groups, values (None: it has none).
Entries = tuple[Sequence[int], Sequence[Label], Sequence[int | None]]

_NO_VALUE: Final = 0


class Counted:
    """Reads what a rule counts from batches."""

    def __init__(self, rule: Rule, condition: Condition) -> None:
        matchers = range(len(rule.matchers))
        grouped_apart = len({rule.fields_of(matcher) for matcher in matchers}) > 1
        self._rule = rule
        self._condition = condition
        self._apart = condition.kind in TEMPORAL or grouped_apart
        self._fields = [places_of(rule.fields_of(matcher)) for matcher in matchers]
        self._value_fields = places_of(condition.fields)

    def entries(self, view: BatchView, found: Found) -> Entries:
        """Return each match: the index of its event, its group and its value, in order of the events."""
        if self._apart:
            return (self._values_by_rule if self._value_fields else self._entries_by_rule)(view, found)
        indices = _together(found)
        labels = labels_of(view, self._fields[0], indices)
        return indices, labels, self._values(view, indices) if self._value_fields else [_NO_VALUE] * len(indices)

    def value_of(self, values: Key) -> int | None:
        """Return what is counted of the values of the condition's fields; None when that cannot be."""
        if None in values:
            return None
        if self._condition.kind not in OF_NUMBERS:
            return _hash(values)
        value = number_of(values[0])
        if value is None or not math.isfinite(value) or (value < 0 and self._condition.only_grows):
            return None
        return encoded(value)

    def _values(self, view: BatchView, indices: Sequence[int]) -> list[int | None]:
        columns = [values_of(view, name, place, indices) for name, place in self._value_fields]
        if self._condition.kind in OF_NUMBERS:
            return [
                value if value.__class__ is int and 0 <= value < PLAIN_MAX else self.value_of((value,))
                for value in columns[0]
            ]
        if len(columns) == 1:
            return [hash(value) if value.__class__ is str else self.value_of((value,)) for value in columns[0]]
        return list(map(self.value_of, zip(*columns, strict=True)))

    def _entries_by_rule(self, view: BatchView, found: Found) -> Entries:
        """Return the matches with the set of the rules they are matches of."""
        if len(found) == 1:
            ((matcher, indices),) = found.items()
            labels = labels_of(view, self._fields[matcher], indices)
            return indices, labels, [self._rule.bit_of(matcher)] * len(indices)
        rules: dict[tuple[int, Label], int] = {}
        for matcher, indices in found.items():
            for match in zip(indices, labels_of(view, self._fields[matcher], indices), strict=True):
                rules[match] = rules.get(match, 0) | self._rule.bit_of(matcher)
        return _in_order(rules)

    def _values_by_rule(self, view: BatchView, found: Found) -> Entries:
        """Return the matches with their values, where rules group by different fields; each once for a group."""
        values: dict[tuple[int, Label], int | None] = {}
        for matcher, indices in found.items():
            matches = zip(indices, labels_of(view, self._fields[matcher], indices), strict=True)
            values |= zip(matches, self._values(view, indices), strict=True)
        return _in_order(values)


def _together(found: Found) -> Sequence[int]:
    """Return the indices that any matcher found, each once, ascending."""
    parts = list(found.values())
    return parts[0] if len(parts) == 1 else sorted(set().union(*parts))


def _in_order(values: Mapping[tuple[int, Label], int | None]) -> Entries:
    matches = sorted(values, key=itemgetter(0))
    return [index for index, _ in matches], [label for _, label in matches], [values[match] for match in matches]


def _hash(values: Key) -> int:
    """Return 64 bits that differ where values differ (by all that can be expected)."""
    first = values[0]
    if len(values) == 1 and first.__class__ is str:
        return hash(first)
    return hash(tuple(value if value.__class__ is str else repr(value) for value in values))
