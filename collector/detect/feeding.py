"""Correlations whose findings other correlations count: groups that tell rules what they found instead of people.

What an inner correlation finds is a pure function of its events in a bounded time, so that it is the same after any
restart and in any order of arrival within the lateness:

- For rules together or in order (the temporal kinds) every event at which the inner condition *holds* is a match of the
  inner rule: the tenth failure and each one after it.  The inner's events before it, in its own window and within the
  outer's timespan, are counted along, so that they are evidence.  When the inner condition only grows with more matches
  this is told at once; any other when no match can come any more.
- For counting kinds the *start* of each inner alert is one match: a time at which the inner condition holds while it
  did not within the inner timespan before.  A late event may still move a start, so it is told when none can come
  any more: one lateness later by the events' time, or when the group was quiet for its timespan and the lateness.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from collector.detect.condition import TEMPORAL
from collector.detect.counting import Match, RuleState
from collector.detect.group import FOREVER_US, NEVER_US, Episode, Group, Terms
from collector.detect.grouping import Key, Label, label_of
from collector.detect.matches import CODE
from collector.detect.rule import Fed
from collector.detect.windowed import WindowGroup

#: What is told of an inner rule: see above; ``await``: the events that nothing followed (:mod:`.awaiting`).
Mode = Literal["moments", "decided", "starts", "await"]


class Said(NamedTuple):
    """An event that an inner group tells of.  ``holds``: False for one that only stands before a match as evidence.

    ``moment`` is the time of the match because of which it is told.
    """

    key: Key
    track: str
    time: int
    number: int
    holds: bool
    moment: int


class FeedGroup(WindowGroup):
    """A group of an inner rule that tells each match of its window when the condition holds.

    ``told``: up to which time the matches before the last one told have been told.
    """

    __slots__ = ("told",)

    def __init__(self, _: str = CODE) -> None:
        super().__init__()
        self.told = NEVER_US

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:
        """Count one match and tell what holds because of it; return how many matches a full window forgot."""
        self.received = max(self.received, received)
        if self._joined(time, number, value, terms):
            return 0
        newest = self.newest
        if time > newest:
            newest = time
            if self._append(time, number, value, terms):
                self._say(time, max(time - terms.evidence, self.told), terms)
                self.told = time
        else:
            for moment in self._insert(time, number, value, terms):
                self._say(moment, moment - terms.evidence, terms)
        return self.forget(newest, terms, journal)

    def _joined(self, time: int, number: int, value: int, terms: Terms) -> bool:
        """Return whether a match is there already, as one of other rules; tell what holds because it is one of more."""
        place = self._place_of(time, number) if terms.condition.kind in TEMPORAL else -1
        if place < 0:
            return False
        if self._join(place, value):
            for moment in self._held_by(time, self.before(time), terms):
                self._say(moment, moment - terms.evidence, terms)
        return True

    def rebuild(self, time: int, number: int, received: int, terms: Terms, value: int = 0) -> tuple[()]:
        """Remember a match, and tell again what the other rules must remember of it."""
        self.add(time, number, received, terms, [], value)
        return ()

    def settle(self, low: int, terms: Terms, journal: list[Episode]) -> None:
        """Decide what waits for the certainty that no match before ``low`` can come any more: here nothing does."""

    def _say(self, moment: int, after: int, terms: Terms) -> None:
        """Tell a time at which the condition holds, and the matches after another time up to it."""
        assert terms.said is not None
        for place in range(self.until(after), self.until(moment)):
            time, number = self[3 * place], self[3 * place + 1]
            terms.said.append(Said(self.key, self.track, time, number, time == moment, moment))


class DecidedFeedGroup(FeedGroup):
    """A group that tells when no match can come any more that would change it."""

    __slots__ = ("decided", "held")
    begins: ClassVar[bool] = False

    def __init__(self, _: str = CODE) -> None:
        super().__init__()
        self.decided = self.held = NEVER_US

    def add(self, time: int, number: int, received: int, terms: Terms, journal: list[Episode], value: int = 0) -> int:
        """See :class:`FeedGroup`."""
        self.received = max(self.received, received)
        if terms.condition.kind in TEMPORAL and (place := self._place_of(time, number)) >= 0:
            self._join(place, value)
            return 0
        self.put(self.until(time), time, number, value)
        newest = self.newest
        self.settle(newest - terms.lateness, terms, journal)
        return self.forget(newest, terms, journal)

    def settle(self, low: int, terms: Terms, journal: list[Episode]) -> None:  # noqa: ARG002 - nobody is told here
        """Decide and tell all that no match before ``low`` can change."""
        for moment in dict.fromkeys(self[3 * self.until(self.decided) : 3 * self.before(low) : 3]):
            if self._holds_at(moment, terms):
                self._hold(moment, terms)
                self.held = moment
        self.decided = max(self.decided, low - 1)

    def _hold(self, moment: int, terms: Terms) -> None:
        self._say(moment, max(moment - terms.evidence, self.held), terms)


class StartsGroup(DecidedFeedGroup):
    """A group that tells of each alert only where it starts."""

    __slots__ = ()

    def _hold(self, moment: int, terms: Terms) -> None:
        assert terms.said is not None
        if moment - self.held > terms.span:
            number = self[3 * self.before(moment) + 1]
            terms.said.append(Said(self.key, self.track, moment, number, True, moment))


@dataclass(eq=False)
class FeedState(RuleState):
    """What is remembered for an inner rule.  ``users`` are the rules that count what it finds.

    ``outbox``: what was found, with the index of the event in its block because of which it was, or the time at which
    the clock decided it.
    """

    ends_unheard = False  # when it is over, the clock decides
    users: list[tuple[RuleState, Fed]] = field(default_factory=list)
    outbox: list[tuple[int, Said]] = field(default_factory=list)

    def deliver(self) -> dict[RuleState, list[Match]]:
        """Return what was found since the last call, as matches of the rules that count it."""
        found: dict[RuleState, list[Match]] = {}
        for user, fed in self.users:
            matches = [match for index, said in self.outbox if (match := match_of(user, fed, index, said)) is not None]
            if matches:
                found[user] = matches
        self.outbox.clear()
        return found

    def tick(self, now_us: int) -> None:
        """Tell what waited for quiet, and forget the groups that were quiet long enough."""
        for group in self._quiet(now_us):
            before = group.size
            group.settle(FOREVER_US, self.terms, self._journal)
            self.events += group.size - before
            self._pass_on(group.received + self.terms.span + self.terms.lateness, group)
            self._forget(group)

    def resume(self, replayed_from: int, ticked: int) -> None:  # noqa: ARG002 - all is told again that matters
        """Do again what the clock had done before the restart."""
        self.tick(ticked)

    def _group(self, track: str, label: Label, quiet: int, *, replay: bool) -> Group:  # noqa: ARG002 - the clock decides
        return super()._group(track, label, -FOREVER_US, replay=replay)

    def _pass_on(self, index: int, group: Group) -> None:  # noqa: ARG002 - each finding names its group
        said = self.terms.said
        assert said is not None
        self.outbox.extend((index, each) for each in said)
        said.clear()


def match_of(user: RuleState, fed: Fed, index: int, said: Said) -> Match | None:
    """Return what an inner rule found as a match of a rule that counts it; None when that has no value for it."""
    value = user.value_of_fed(fed, said.key, holds=said.holds)
    if value is None:
        return None
    label = label_of(tuple(said.key[place] for place in fed.key))
    return index, label, value, said.time, said.number, said.moment
