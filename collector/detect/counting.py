"""One rule's groups: from the matching events of a block to the changes of the rule's alerts.

An event that comes too late for its group is counted among the late events of its own stream instead (a *track*): an
agent that was cut off delivers its backlog in order, and an attack in it must not be missed.  An event from the future
(a clock that is ahead) counts at the moment it was received, so that it cannot make the events of today late.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Final

import msgspec

from collector.block import BlockInfo
from collector.detect.condition import OF_NUMBERS, TEMPORAL, Condition
from collector.detect.group import FOREVER_US, Episode, Group, Terms
from collector.detect.grouping import Key, Label, PlaceOfGroup, label_of, labels_of, places_of, values_of
from collector.detect.matches import CODE, PLAIN_MAX, encoded
from collector.detect.remembered import Remembered
from collector.detect.rule import Fed, Rule
from collector.detect.values import number_of
from collector.detect.view import BatchView
from collector.detect.windowed import ChainedGroup, DelayedGroup, WindowGroup
from collector.finding import AlertChange, AlertState

#: What each matcher of a rule found, by its place in the rule: indices, ascending.
Found = Mapping[int, Sequence[int]]
#: A match: the index of the event that it comes from, its group, its value, its time and arrival number, and the time
#: that says whether it is late (that of the match itself, unless it only stands beside one).
Match = tuple[int, Label, Any, int, int, int]
#: The matches of a block in order: indices, groups, values (None: it has none).
Entries = tuple[Sequence[int], Sequence[Label], Sequence[int | None]]

_ALERT_ID_BYTES: Final = 16


@dataclass
class RuleCounters:
    """What happened to the events that a rule matched."""

    matched: int = 0
    #: Not counted: a field to group by was missing.
    missing_group: int = 0
    #: Not counted: the field whose values the rule counts was missing, or was no number where one is needed.
    missing_value: int = 0
    #: Counted among the late events of its stream, because newer events of its group were there already.
    late: int = 0
    #: Not counted: late even among those.
    too_late: int = 0
    #: Counted at the moment of receipt, because the event's time lies in the future.
    clock_ahead: int = 0
    #: Matches that a full window forgot.
    window_overflow: int = 0
    #: Groups forgotten because the state of all rules was full.
    evicted: int = 0
    opened: int = 0
    resolved: int = 0


@dataclass(eq=False)
class RuleState:
    """What is remembered for one rule.

    ``events`` is how many events its windows hold.  ``feeds``: the states of the correlations that it counts, each
    after those that it counts itself.
    """

    #: Whether a group is over when nothing was received for it for long enough, whatever the clock may decide.
    ends_unheard: ClassVar[bool] = True

    rule: Rule
    terms: Terms
    new_group: Callable[[str], Group] | None = None
    counters: RuleCounters = field(default_factory=RuleCounters)
    events: int = 0
    feeds: "Sequence[RuleState]" = ()

    def __post_init__(self) -> None:
        self._groups = Remembered(self.terms.span + self.terms.lateness)
        self._journal: list[Episode] = []
        #: In a replay: times at which late matches made the condition hold, and when these were received.
        self._late: dict[Group, list[tuple[int, int]]] = {}
        self._new_group = self.new_group or kind_of_group(self.terms.condition, chained=bool(self.rule.fed))
        self._width = self._new_group(CODE).width
        matchers = range(len(self.rule.matchers))
        grouped_apart = len({self.rule.fields_of(matcher) for matcher in matchers}) > 1
        self._apart = self.terms.condition.kind in TEMPORAL or grouped_apart
        self._fields = [places_of(self.rule.fields_of(matcher)) for matcher in matchers]
        self._value_fields = places_of(self.terms.condition.fields)

    def __len__(self) -> int:
        return len(self._groups)

    def count(
        self, info: BlockInfo, view: BatchView, found: Found, inbox: Sequence[Match] = (), *, replay: bool
    ) -> None:
        """Count the matching events of a block, or only remember them in a replay.

        ``found`` are the events that each of the rule's matchers found, by the matcher's place in the rule.  ``inbox``
        is what the rule's own correlations found because of the events of the block.
        """
        matches: Iterable[Match] = ()
        if found:
            indices, labels, values = self._entries(view, found)
            times = list(map(view.batch.times.__getitem__, indices))
            numbers = map(view.numbers.__getitem__, indices)
            matches = zip(indices, labels, values, times, numbers, times, strict=True)
        if inbox:
            self.counters.matched += len(inbox)
            # In the order in which the events arrived that they come from.
            matches = sorted((*matches, *inbox), key=itemgetter(0))
        self._count(matches, info.received, info.stream, replay=replay)

    def count_fed(self, matches: Sequence[Match], *, replay: bool) -> None:
        """Count what the rule's own correlations found because time passed, with when they did in place of an index."""
        self.counters.matched += len(matches)
        for received, found in groupby(sorted(matches, key=itemgetter(0)), itemgetter(0)):
            self._count(found, received, "", replay=replay)

    def _count(self, matches: Iterable[Match], received: int, stream: str, *, replay: bool) -> None:
        counters, skip, terms, journal = self.counters, self.rule.missing == "skip", self.terms, self._journal
        lateness, said, get = terms.lateness, terms.said, self._groups.get
        several, width, kept = len(self.rule.group_by) > 1, self._width, 0
        latest = received + lateness
        quiet = received - terms.span - lateness if self.ends_unheard else FOREVER_US  # then each asks for its group
        for index, label, value, told_time, number, told_moment in matches:
            if value is None:
                counters.missing_value += 1
                continue
            if skip and (label is None or (several and None in label)):  # type: ignore[operator]
                counters.missing_group += 1
                continue
            time, moment = told_time, told_moment
            if moment > latest:
                counters.clock_ahead += 1
                time = moment = received
            group = get(label)
            if group is None or group.received < quiet:
                group = self._group("", label, quiet, replay=replay)
            if moment < group.newest - lateness:  # too late to be counted exactly
                counters.late += 1
                group = self._group(stream, label, quiet, replay=replay)
                if moment < group.newest - lateness:
                    counters.too_late += 1
                    continue
            before = len(group)
            if replay:
                for held in group.rebuild(time, number, received, terms, value):
                    self._late.setdefault(group, []).append((received, held))
            else:
                forgotten = group.add(time, number, received, terms, journal, value)
                if forgotten:
                    counters.window_overflow += forgotten
            kept += len(group) - before
            if said:
                self._pass_on(index, group)
        self.events += kept // width

    def _pass_on(self, index: int, group: Group) -> None:
        """Take what a group has found for other rules, because of the event at an index."""

    def _entries(self, view: BatchView, found: Found) -> Entries:
        """Return each match: the index of its event, its group and its value, in order of the events."""
        if self._apart:
            return (self._values_by_rule if self._value_fields else self._entries_by_rule)(view, found)
        indices = _together(found)
        self.counters.matched += len(indices)
        labels = labels_of(view, self._fields[0], indices)
        return indices, labels, self._values(view, indices) if self._value_fields else [0] * len(indices)

    def _values(self, view: BatchView, indices: Sequence[int]) -> list[int | None]:
        """Return what is counted of the values of the condition's fields of each of some events."""
        columns = [values_of(view, name, place, indices) for name, place in self._value_fields]
        if self.terms.condition.kind in OF_NUMBERS:
            return [
                value if value.__class__ is int and 0 <= value < PLAIN_MAX else self._value_of((value,))
                for value in columns[0]
            ]
        if len(columns) == 1:
            return [hash(value) if value.__class__ is str else self._value_of((value,)) for value in columns[0]]
        return list(map(self._value_of, zip(*columns, strict=True)))

    def _value_of(self, values: Key) -> int | None:
        """Return what is counted of the values of the condition's fields; None when that cannot be."""
        if None in values:
            return None
        if self.terms.condition.kind not in OF_NUMBERS:
            return _hash(values)
        value = number_of(values[0])
        if value is None or not math.isfinite(value) or (value < 0 and self.terms.condition.only_grows):
            return None
        return encoded(value)

    def _entries_by_rule(self, view: BatchView, found: Found) -> Entries:
        """Return the matches with the set of the rules they are matches of."""
        if len(found) == 1:
            ((matcher, indices),) = found.items()
            self.counters.matched += len(indices)
            return indices, labels_of(view, self._fields[matcher], indices), [self.rule.bit_of(matcher)] * len(indices)
        rules: dict[tuple[int, Label], int] = {}
        for matcher, indices in found.items():
            for match in zip(indices, labels_of(view, self._fields[matcher], indices), strict=True):
                rules[match] = rules.get(match, 0) | self.rule.bit_of(matcher)
        self.counters.matched += len(rules)
        return _in_order(rules)

    def _values_by_rule(self, view: BatchView, found: Found) -> Entries:
        """Return the matches with their values, where rules group by different fields; each once for a group."""
        values: dict[tuple[int, Label], int | None] = {}
        for matcher, indices in found.items():
            matches = zip(indices, labels_of(view, self._fields[matcher], indices), strict=True)
            values |= zip(matches, self._values(view, indices), strict=True)
        self.counters.matched += len(values)
        return _in_order(values)

    def value_of_fed(self, fed: Fed, key: Key, *, holds: bool) -> Any:
        """Return the value of a match that a correlation with a group found; None, and count it, when it has none."""
        if self.terms.condition.kind in TEMPORAL:
            return 1 << fed.place if holds else 0
        if not fed.value:
            return 0
        values = tuple(key[place] for place in fed.value)
        value = self._value_of(values)
        if value is None:
            self.counters.missing_value += 1
        return value

    def tick(self, now_us: int) -> None:
        """Close the alerts of groups that were quiet long enough, and forget those groups."""
        for group in self._quiet(now_us):
            group.settle(FOREVER_US, self.terms, self._journal)
            self._forget(group)

    def _quiet(self, now_us: int) -> list[Group]:
        """Return the groups that were quiet long enough, to be forgotten."""
        return self._groups.quiet(now_us - self.terms.span - self.terms.lateness)

    def group(self, key: Key, track: str = "") -> Group | None:
        """Return what is remembered of a group, or of the late events of a stream in it; None: nothing."""
        label = label_of(key)
        return self._groups.get((label, track) if track else label)

    def evict(self) -> None:
        """Forget the group that was quiet longest; its alert, if one is open, is resolved."""
        group = self._groups.oldest()
        episode = group.episode
        if episode is not None:
            episode.resolved, episode.resolution = episode.last, "state_evicted"
            if not episode.queued:
                episode.queued = True
                self._journal.append(episode)
        self.counters.evicted += 1
        self._forget(group)

    def restore(self, alert: AlertState) -> bool:
        """Take up an open alert after a replay; return False when the rule no longer groups by the same fields."""
        if tuple(name for name, _ in alert.group) != self.rule.group_by:
            return False
        label = label_of(tuple(value for _, value in alert.group))
        group = self._group(alert.track, label, -FOREVER_US, replay=True)
        late = [held for received, held in self._late.get(group, ()) if received >= alert.opened]
        group.restore(self._episode_of(alert, group), alert.received, self.terms, late)
        return True

    def _episode_of(self, alert: AlertState, group: Group) -> Episode:
        """Return an alert that was told as its group remembers it."""
        episode = Episode(group, alert.holds_until, alert.opened)
        episode.holds_from = alert.holds_from
        episode.count, episode.first, episode.last = alert.events, alert.first, alert.last
        episode.alert_id, episode.told = alert.id, True
        return episode

    def resume(self, replayed_from: int, ticked: int) -> None:
        """Forget the groups that a tick had ended."""
        self._late.clear()
        told = True
        for group in self._quiet(ticked):
            told = told and group.episode is None  # else its end is still to be told, and of those after it
            if told:
                self._forget(group)
            else:
                self._groups.keep(group)
        for group in self._groups.values():
            group.resume(replayed_from, self.terms)

    @property
    def unsaid(self) -> int:
        """How many alerts changed since :meth:`changes` was asked last."""
        return len(self._journal)

    def changes(self, ids_of: Callable[[Sequence[int]], tuple[str, ...]]) -> list[AlertChange]:
        """Return what changed since the last call; ``ids_of`` gives the ids of the events with some arrival numbers."""
        changes: list[AlertChange] = []
        for episode in self._journal:
            self._say(episode, ids_of(episode.fresh), changes)
        self._journal.clear()
        return changes

    def _say(self, episode: Episode, fresh: tuple[str, ...], changes: list[AlertChange]) -> None:
        """Add what changed of an alert; ``fresh``: the ids of the events counted since the last time."""
        episode.queued = False
        episode.fresh = []
        if not episode.told:
            episode.told = True
            # There is no event where the alert is that there never was one.
            cause = fresh[0] if fresh else f"nothing-since-{episode.first}"
            episode.alert_id = alert_id(self.rule.brief.id, episode.group.key, cause)
            self.counters.opened += 1
            changes.append(AlertChange("opened", self._state_of(episode, resolved=False), fresh))
        elif fresh:
            changes.append(AlertChange("updated", self._state_of(episode, resolved=False), fresh))
        if episode.resolved is not None:
            self.counters.resolved += 1
            changes.append(AlertChange("resolved", self._state_of(episode, resolved=True)))

    def _state_of(self, episode: Episode, *, resolved: bool) -> AlertState:
        group = episode.group
        return AlertState(
            episode.alert_id,
            self.rule.brief,
            tuple(zip(self.rule.group_by, group.key, strict=True)),
            group.track,
            episode.count,
            episode.first,
            episode.last,
            episode.holds_from,
            episode.holds_until,
            group.received,
            episode.opened,
            episode.resolved if resolved else None,
            episode.resolution if resolved else None,
        )

    def _group(self, track: str, label: Label, quiet: int, *, replay: bool) -> Group:
        """Return the group that a match belongs to; one that received nothing since the time ``quiet`` is over.

        That it is over does not depend on whether the clock has rung meanwhile: so the alerts depend on nothing but
        what is stored, and a back-test comes to the same.
        """
        place: PlaceOfGroup = (label, track) if track else label
        group = self._groups.get(place)
        if group is not None and group.received < quiet:
            if not replay:
                group.settle(FOREVER_US, self.terms, self._journal)
            self._forget(group)
            group = None
        if group is None:
            group = self._new_group(CODE)
            group.label, group.track = label, track
            self._groups.add(group)
        return group

    def _forget(self, group: Group) -> None:
        self.events -= group.size
        self._groups.forget(group)


def kind_of_group(condition: Condition, *, chained: bool = False) -> type[Group]:
    """Return what makes the groups of a rule with a condition; ``chained``: some of its rules are correlations."""
    if chained and condition.kind in TEMPORAL:
        return ChainedGroup
    if condition.threshold is not None:
        return Group
    return WindowGroup if condition.only_grows else DelayedGroup


def _together(found: Found) -> Sequence[int]:
    """Return the indices that any matcher found, each once, ascending."""
    parts = list(found.values())
    return parts[0] if len(parts) == 1 else sorted(set().union(*parts))


def _in_order(values: Mapping[tuple[int, Label], int | None]) -> Entries:
    matches = sorted(values, key=itemgetter(0))
    return [index for index, _ in matches], [label for _, label in matches], [values[match] for match in matches]


def alert_id(rule_id: str, key: tuple[object, ...], first_event: str) -> str:
    """Return the id of an alert: the same for the same rule, group and first event."""
    cause = msgspec.json.encode([rule_id, key, first_event])
    return hashlib.blake2b(cause, digest_size=_ALERT_ID_BYTES).hexdigest()


def _hash(values: Key) -> int:
    """Return 64 bits that differ where values differ (by all that can be expected)."""
    first = values[0]
    if len(values) == 1 and first.__class__ is str:
        return hash(first)
    return hash(tuple(value if value.__class__ is str else repr(value) for value in values))
