"""Groups of rules that ask more than how many matches there are: how many different values, their sum, their order.

A condition that only grows with more matches is decided at once.  Any other (an average, "at most three") may be true
now and false when a late match is in: it is decided when no match can come any more, one lateness later.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from operator import itemgetter, or_
from struct import Struct
from typing import Any, ClassVar, Final

from collector.detect.condition import OF_NUMBERS, TEMPORAL, Condition
from collector.detect.group import FOREVER_US, NEVER_US, Episode, Group, Terms, within
from collector.detect.matches import CODE, PLAIN_MAX, decoded

#: Windows of fewer matches are looked at as a whole.
_SMALL: Final = 32
_TRIPLE: Final = Struct("qqq").pack


class ValueGroup(Group):
    """A group that keeps the value of each match: a number, the hash of a value, or a set of rules.

    A match of no rule stands only beside those of an inner rule, as evidence: nothing holds because of it or at it.
    """

    __slots__ = ()
    width: ClassVar[int] = 3

    def _held_by(self, time: int, place: int, terms: Terms) -> list[int]:
        """Return the times at which the condition holds with a match that was put in its place."""
        moments = dict.fromkeys(self[3 * place : 3 * self.before(time + terms.span) : 3])
        return [moment for moment in moments if self._holds_at(moment, terms)]

    def _holds_at(self, moment: int, terms: Terms) -> bool:
        end = 3 * self.until(moment)
        if terms.condition.kind in TEMPORAL and not any(self[3 * self.before(moment) + 2 : end : 3]):
            return False
        return end > 0 and self._holds_in_window(end, moment, terms)

    def _holds_in_window(self, end: int, moment: int, terms: Terms) -> bool:
        """Return whether the condition holds in the window of a moment, whose matches end before an index."""
        condition = terms.condition
        begin = 0 if self[0] > moment - terms.span else 3 * self.until(moment - terms.span)
        if begin >= end or end - begin < 3 * condition.least:
            return False
        values: Sequence[Any] = self[begin + 2 : end : 3]
        if condition.kind in OF_NUMBERS:
            values = decoded(values)
        return condition.holds(self[begin:end:3] if condition.kind in TEMPORAL else values, values)


class WindowGroup(ValueGroup):
    """A group whose condition only grows with more matches.

    ``most`` is what the newest window can come to at most, which is often too little: all rules that were seen.
    ``recent`` is what is known of that window in order to tell quickly what one more match comes to; None when it is
    not known.
    """

    __slots__ = ("most", "recent")

    def __init__(self, _: str = CODE) -> None:
        super().__init__()
        self.most = 0
        self.recent: Any = None

    def begin(self, time: int, number: int, received: int, value: int, rules: int) -> None:
        """See :meth:`Group.begin`."""
        if received > self.received:
            self.received = received
        del self[:]
        self.frombytes(_TRIPLE(time, number, value))
        self.most, self.recent = rules, None

    def _append(self, time: int, number: int, value: int, terms: Terms) -> bool:
        self.frombytes(_TRIPLE(time, number, value))
        condition = terms.condition
        kind = condition.kind
        if len(self) < 3 * condition.least:
            self.recent = None  # it would not know of this match
            return False
        if kind in TEMPORAL:
            if not value:
                return False
            self.most = most = self.most | value
            if not condition.is_enough(most):
                return False
        if self.recent is None and (len(self) < 3 * _SMALL or self[-3 * _SMALL] <= time - terms.span):
            return self._holds_at_newest(time, terms)
        if kind == "value_count":
            return condition.compares(self._different(time, value, terms))
        if kind == "temporal":
            return condition.is_enough(self._rules_seen(time, value, terms))
        if kind == "temporal_ordered":
            return self._latest_start(time, value, terms) > time - terms.span
        return self._holds_at_newest(time, terms)

    def _holds_at_newest(self, time: int, terms: Terms) -> bool:
        """Return whether the condition holds at the newest match, with a value."""
        condition = terms.condition
        if condition.kind == "value_sum" and self._falls_short(condition):
            return False
        held = self._holds_in_window(len(self), time, terms)
        if not held and condition.kind in TEMPORAL:
            self.most = reduce(or_, self[2::3])
        return held

    def _add_among_others(self, time: int, number: int, value: int, terms: Terms, journal: list[Episode]) -> None:
        self.recent = None
        super()._add_among_others(time, number, value, terms, journal)

    def _insert(self, time: int, number: int, value: int, terms: Terms) -> list[int]:
        place = self.until(time)
        self.put(place, time, number, value)
        self.recent = None
        if terms.condition.kind in TEMPORAL:
            if not value:
                return []
            self.most |= value
            if not terms.condition.is_enough(self.most):
                return []
        elif terms.condition.kind == "value_sum" and self._falls_short(terms.condition):
            return []
        return self._held_by(time, place, terms)

    def _falls_short(self, condition: Condition) -> bool:
        """Return whether all values that are kept are no sum that is large enough; False where that is not known."""
        if not condition.only_grows:
            return False
        most = sum(self[2::3])
        return most < PLAIN_MAX and not condition.compares(most)  # none is negative: so all stand for themselves

    def _place_of(self, time: int, number: int) -> int:
        """Return where a match stands, -1 when it is not there."""
        if time > self.newest:
            return -1
        for place in range(self.before(time), self.until(time)):
            if self[3 * place + 1] == number:
                return place
        return -1

    def _join(self, place: int, rules: int) -> bool:
        """Return whether the match is one of more rules now."""
        at = 3 * place + 2
        before = self[at]
        self[at] = before | rules
        self.most |= rules
        self.recent = None
        return self[at] != before

    def _window(self, time: int, terms: Terms) -> list[tuple[int, int]]:
        """Return the matches of the window before its newest one."""
        begin = 3 * self.until(time - terms.span)
        return list(zip(self[begin:-3:3], self[begin + 2 : -3 : 3], strict=True))

    def _different(self, time: int, value: int, terms: Terms) -> int:
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

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:
        """Count one match, or take note that one that was counted is a match of more rules."""
        place = self._place_of(time, number)
        if place < 0:
            return super().add(time, number, received, terms, journal, value)
        self.received = max(self.received, received)
        if self._join(place, value):
            for moment in self._held_by(time, self.before(time), terms):
                if not within(self.episode, moment):
                    self.wait(moment)
            self.settle(self.newest - terms.lateness, terms, journal)
        return 0

    def rebuild(self, time: int, number: int, received: int, terms: Terms, value: int = 0) -> Sequence[int]:
        """Remember a match that was counted before a restart, without telling anybody."""
        place = self._place_of(time, number)
        if place < 0:
            return super().rebuild(time, number, received, terms, value)
        self.received = max(self.received, received)
        return self._held_by(time, self.before(time), terms) if self._join(place, value) else ()


class DelayedGroup(ValueGroup):
    """A group whose condition more matches may make false: it is decided when no match can come any more.

    That is up to one lateness before its newest match, or up to ``decided`` if that is later.
    """

    __slots__ = ("decided",)
    begins: ClassVar[bool] = False

    def __init__(self, _: str = CODE) -> None:
        super().__init__()
        self.decided = NEVER_US

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:
        """Count one match; return how many matches were forgotten because the window was full."""
        if received > self.received:
            self.received = received
        newest = self.newest
        if time > newest:  # no alert reaches so far, for it is not decided
            decided = self._decided(newest, terms)
            newest = time
            self.frombytes(_TRIPLE(time, number, value))
            self._decide(decided, time - terms.lateness, terms)
            if self.pending or self.episode is not None:
                super().settle(time - terms.lateness, terms, journal)
        else:
            self._add_among_others(time, number, value, terms, journal)
        return self.forget(newest, terms, journal)

    def settle(self, low: int, terms: Terms, journal: list[Episode]) -> None:
        """Decide what can be decided now, then open, extend and close alerts."""
        self._decide(self._decided(self.newest, terms), low, terms)
        if low > self.newest:
            self.decided = low - 1
        if self.pending or self.episode is not None:
            super().settle(low, terms, journal)

    def _decided(self, newest: int, terms: Terms) -> int:
        return max(self.decided, newest - terms.lateness - 1)

    def _decide(self, decided: int, low: int, terms: Terms) -> None:
        """Let the times wait at which the condition holds, of those after ``decided`` and before ``low``."""
        if not self or self[0] >= low:
            return
        at, size = 3 * self.until(decided) if self[0] <= decided else 0, len(self)
        while at < size and (moment := self[at]) < low:
            at += 3
            while at < size and self[at] == moment:
                at += 3
            if self._holds_in_window(at, moment, terms):
                self.wait(moment)

    def _insert(self, time: int, number: int, value: int, terms: Terms) -> list[int]:  # noqa: ARG002 - see settle
        self.put(self.until(time), time, number, value)
        return []

    def resume(self, replayed_from: int, terms: Terms) -> None:
        """Take for decided what was decided before the restart: of what was not, the whole window was replayed."""
        decided, known = replayed_from + terms.span - 1, self._decided(self.newest, terms)
        if decided > known or self.episode is not None:  # an alert may reach further than what is left of its matches
            self.decided = max(decided, known)

    def _waited(self, after: int, terms: Terms) -> list[int]:  # noqa: ARG002 - what is decided waits for nothing
        return []


def kind_of_group(condition: Condition, *, chained: bool = False) -> type[Group]:
    """Return what makes the groups of a rule with a condition; ``chained``: some of its rules are correlations."""
    if chained and condition.kind in TEMPORAL:
        return ChainedGroup
    if condition.threshold is not None:
        return Group
    return WindowGroup if condition.only_grows else DelayedGroup


def _note(recent: list[int], rules: int, time: int) -> None:
    for place in range(len(recent)):
        if rules >> place & 1:
            recent[place] = time


def _start(recent: list[int], rules: int, time: int) -> None:
    for place in range(len(recent)):
        if rules >> place & 1:
            recent[place] = time if place == 0 else max(recent[place], recent[place - 1])
