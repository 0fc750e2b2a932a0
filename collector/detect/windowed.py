"""Groups of rules that ask more than how many matches there are: how many different values, their sum, their order.

A condition that only grows with more matches is decided at once.  Any other (an average, "at most three") may be true
now and false when a late match is in: it is decided when no match can come any more, one lateness later.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from operator import itemgetter, or_
from typing import Any, Final, Literal

from collector.detect.condition import TEMPORAL
from collector.detect.group import FOREVER_US, Episode, Group, Terms, within

#: What the values are: whole numbers of 64 bits, or floating-point numbers.
Code = Literal["q", "d"]
#: Windows of fewer matches are looked at as a whole.
_SMALL: Final = 32


class WindowGroup(Group):
    """A group that keeps the value of each match: a number, the hash of a value, or a set of rules.

    A match of no rule stands only beside those of an inner rule, as evidence: nothing holds because of it or at it.

    ``recent`` is what is known of the newest window in order to tell quickly what one more match comes to; None when it
    is not known.
    """

    __slots__ = ("recent", "values")

    def __init__(self, key: tuple[object, ...], track: str, code: Code = "q") -> None:
        super().__init__(key, track)
        self.values: array[Any] = array(code)
        self.recent: Any = None

    def _append(self, time: int, number: int, value: float, terms: Terms) -> bool:
        self.times.append(time)
        self.numbers.append(number)
        self.values.append(value)
        condition = terms.condition
        if len(self.times) < condition.least or (not value and condition.kind in TEMPORAL):
            return False
        if self.recent is None and (len(self.times) < _SMALL or self.times[-_SMALL] <= time - terms.span):
            return self._holds_at(time, terms)
        if condition.kind == "value_count":
            return condition.compares(self._different(time, value, terms))
        if condition.kind == "temporal":
            return condition.is_enough(self._rules_seen(time, int(value), terms))
        if condition.kind == "temporal_ordered":
            return self._latest_start(time, int(value), terms) > time - terms.span
        return self._holds_at(time, terms)

    def _add_among_others(self, time: int, number: int, value: float, terms: Terms, journal: list[Episode]) -> None:
        self.recent = None
        super()._add_among_others(time, number, value, terms, journal)

    def _insert(self, time: int, number: int, value: float, terms: Terms) -> list[int]:
        times = self.times
        place = bisect_right(times, time)
        times.insert(place, time)
        self.numbers.insert(place, number)
        self.values.insert(place, value)
        self.recent = None
        return [] if not value and terms.condition.kind in TEMPORAL else self._held_by(time, place, terms)

    def _held_by(self, time: int, place: int, terms: Terms) -> list[int]:
        """Return the times at which the condition holds with a match that was put in its place."""
        moments = dict.fromkeys(self.times[place : bisect_left(self.times, time + terms.span)])
        return [moment for moment in moments if self._holds_at(moment, terms)]

    def _holds_at(self, moment: int, terms: Terms) -> bool:
        begin, end = bisect_right(self.times, moment - terms.span), bisect_right(self.times, moment)
        if terms.condition.kind in TEMPORAL and not any(self.values[bisect_left(self.times, moment) : end]):
            return False
        return begin < end and terms.condition.holds(self.times[begin:end], self.values[begin:end])

    def _drop(self, cut: int) -> None:
        super()._drop(cut)
        del self.values[:cut]

    def _place_of(self, time: int, number: int) -> int:
        """Return where a match stands, -1 when it is not there."""
        if time > self.newest:
            return -1
        for place in range(bisect_left(self.times, time), bisect_right(self.times, time)):
            if self.numbers[place] == number:
                return place
        return -1

    def _join(self, place: int, rules: int) -> bool:
        """Return whether the match is one of more rules now."""
        before = self.values[place]
        self.values[place] = before | rules
        self.recent = None
        return bool(self.values[place] != before)

    def _window(self, time: int, terms: Terms) -> list[tuple[int, Any]]:
        """Return the matches of the window before its newest one."""
        begin = bisect_right(self.times, time - terms.span)
        return list(zip(self.times[begin:-1], self.values[begin:-1], strict=True))

    def _different(self, time: int, value: float, terms: Terms) -> int:
        """Return how many different values the newest window has; ``recent``: value -> when it was seen last."""
        recent: dict[Any, int] | None = self.recent
        if recent is None:
            recent = self.recent = {}
            for moment, earlier in self._window(time, terms):
                recent.pop(earlier, None)
                recent[earlier] = moment
        recent.pop(value, None)
        recent[value] = time
        while recent[oldest := next(iter(recent))] <= time - terms.span:
            del recent[oldest]
        return len(recent)

    def _rules_seen(self, time: int, rules: int, terms: Terms) -> int:
        """Return which rules matched in the newest window; ``recent``: when each did last."""
        recent: list[int] | None = self.recent
        if recent is None:
            recent = self.recent = [-FOREVER_US] * terms.condition.rules
            for moment, earlier in self._window(time, terms):
                _note(recent, earlier, moment)
        _note(recent, rules, time)
        return sum(1 << place for place, moment in enumerate(recent) if moment > time - terms.span)

    def _latest_start(self, time: int, rules: int, terms: Terms) -> int:
        """Return when the shortest chain of all rules in order began; ``recent``: the same for the first rules only."""
        recent: list[int] | None = self.recent
        if recent is None:
            recent = self.recent = [-FOREVER_US] * terms.condition.rules
            for moment, same in groupby(self._window(time, terms), itemgetter(0)):
                _start(recent, reduce(or_, map(itemgetter(1), same)), moment)
        _start(recent, rules, time)
        return recent[-1]


class ChainedGroup(WindowGroup):
    """A group of rules together of which some are correlations: these may speak of the same event several times.

    An event is one match, whichever of the rules it is a match of.
    """

    __slots__ = ()

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: float = 0) -> int:
        """Count one match, or take note that one that was counted is a match of more rules."""
        place = self._place_of(time, number)
        if place < 0:
            return super().add(time, number, received, terms, journal, value)
        self.received = max(self.received, received)
        if self._join(place, int(value)):
            for moment in self._held_by(time, bisect_left(self.times, time), terms):
                if not within(self.episode, moment):
                    self.wait(moment)
            self.settle(self.newest - terms.lateness, terms, journal)
        return 0

    def rebuild(self, time: int, number: int, received: int, terms: Terms, value: float = 0) -> Sequence[int]:
        """Remember a match that was counted before a restart, without telling anybody."""
        place = self._place_of(time, number)
        if place < 0:
            return super().rebuild(time, number, received, terms, value)
        self.received = max(self.received, received)
        return self._held_by(time, bisect_left(self.times, time), terms) if self._join(place, int(value)) else ()


class DelayedGroup(WindowGroup):
    """A group whose condition more matches may make false: it is decided when no match can come any more."""

    __slots__ = ("decided",)

    def __init__(self, key: tuple[object, ...], track: str, code: Code = "q") -> None:
        super().__init__(key, track, code)
        self.decided = -FOREVER_US

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: float = 0) -> int:
        """Count one match; return how many matches were forgotten because the window was full."""
        if received > self.received:
            self.received = received
        self._add_among_others(time, number, value, terms, journal)
        return self._forget(terms)

    def settle(self, low: int, terms: Terms, journal: list[Episode]) -> None:
        """Decide what can be decided now, then open, extend and close alerts."""
        begin, end = bisect_right(self.times, self.decided), bisect_left(self.times, low)
        for moment in dict.fromkeys(self.times[begin:end]):
            if self._holds_at(moment, terms):
                self.wait(moment)
        self.decided = max(self.decided, low - 1)
        super().settle(low, terms, journal)

    def resume(self, replayed_from: int, terms: Terms) -> None:
        """Take for decided what was decided before the restart: of what was not, the whole window was replayed."""
        self.decided = max(self.decided, self.newest - terms.lateness - 1, replayed_from + terms.span - 1)

    def _waited(self, after: int, terms: Terms) -> list[int]:  # noqa: ARG002 - what is decided waits for nothing
        return []

    def _held_by(self, time: int, place: int, terms: Terms) -> list[int]:  # noqa: ARG002 - nothing is decided yet
        return []


def _note(recent: list[int], rules: int, time: int) -> None:
    for place in range(len(recent)):
        if rules >> place & 1:
            recent[place] = time


def _start(recent: list[int], rules: int, time: int) -> None:
    for place in range(len(recent)):
        if rules >> place & 1:
            recent[place] = time if place == 0 else max(recent[place], recent[place - 1])
