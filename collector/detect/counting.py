"""One rule's groups: from the matching events of a block to the changes of the rule's alerts.

An event that comes too late for its group is counted among the late events of its own stream instead (a *track*): an
agent that was cut off delivers its backlog in order, and an attack in it must not be missed.  An event from the future
(a clock that is ahead) counts at the moment it was received, so that it cannot make the events of today late.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, ClassVar, Final

import msgspec

from collector.block import BlockInfo
from collector.detect.condition import OF_NUMBERS, TEMPORAL, Condition
from collector.detect.fields import resolve, split_object
from collector.detect.group import FOREVER_US, Episode, Group, Terms
from collector.detect.rule import Fed, Rule
from collector.detect.values import number_of
from collector.detect.view import BatchView
from collector.detect.windowed import ChainedGroup, Code, DelayedGroup, WindowGroup
from collector.finding import AlertChange, AlertState, GroupValue

#: What each matcher of a rule found, by its place in the rule: indices, ascending.
Found = Mapping[int, Sequence[int]]
Key = tuple[GroupValue, ...]
#: A match: the index of the event that it comes from, its group, its value, its time and arrival number, and the time
#: that says whether it is late (that of the match itself, unless it only stands beside one).
Match = tuple[int, Key, Any, int, int, int]
#: Where a group is kept: its key, with the stream of a track.
PlaceOfGroup = Key | tuple[Key, str]
Place = tuple[str, tuple[str, tuple[str, ...]] | None]

_ALERT_ID_BYTES: Final = 16
#: Larger integers cannot be written by every JSON encoder.
_INTEGER_LIMIT: Final = 2**63


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
    new_group: Callable[[Key, str], Group] | None = None
    counters: RuleCounters = field(default_factory=RuleCounters)
    events: int = 0
    feeds: "Sequence[RuleState]" = ()

    def __post_init__(self) -> None:
        self._groups: OrderedDict[PlaceOfGroup, Group] = OrderedDict()
        self._journal: list[Episode] = []
        #: In a replay: times at which late matches made the condition hold, and when these were received.
        self._late: dict[Group, list[tuple[int, int]]] = {}
        self._new_group = self.new_group or kind_of_group(self.terms.condition, chained=bool(self.rule.fed))
        matchers = range(len(self.rule.matchers))
        grouped_apart = len({self.rule.fields_of(matcher) for matcher in matchers}) > 1
        self._apart = self.terms.condition.kind in TEMPORAL or grouped_apart
        self._fields = [_places(self.rule.fields_of(matcher)) for matcher in matchers]
        self._value_fields = _places(self.terms.condition.fields)

    def __len__(self) -> int:
        return len(self._groups)

    def count(
        self, info: BlockInfo, view: BatchView, found: Found, inbox: Sequence[Match] = (), *, replay: bool
    ) -> None:
        """Count the matching events of a block, or only remember them in a replay.

        ``found`` are the events that each of the rule's matchers found, by the matcher's place in the rule.  ``inbox``
        is what the rule's own correlations found because of the events of the block.
        """
        times, numbers = view.batch.times, view.numbers
        entries = self._entries(view, found) if found else ()
        if not inbox:
            self._count(entries, info.received, info.stream, times, numbers, replay=replay)
            return
        self.counters.matched += len(inbox)
        own = [(index, key, value, times[index], numbers[index], times[index]) for index, key, value in entries]
        # In the order in which the events arrived that they come from.
        self._count(sorted((*own, *inbox), key=itemgetter(0)), info.received, info.stream, replay=replay)

    def count_fed(self, matches: Sequence[Match], *, replay: bool) -> None:
        """Count what the rule's own correlations found because time passed, with when they did in place of an index."""
        self.counters.matched += len(matches)
        for received, found in groupby(sorted(matches, key=itemgetter(0)), itemgetter(0)):
            self._count(found, received, "", replay=replay)

    def _count(
        self,
        matches: Iterable[Any],
        received: int,
        stream: str,
        times: Sequence[int] | None = None,
        numbers: Sequence[int] = (),
        *,
        replay: bool,
    ) -> None:
        """Count matches; with the ``times`` and ``numbers`` of a block's events only the first three parts of each."""
        counters, skip, terms, journal = self.counters, self.rule.missing == "skip", self.terms, self._journal
        lateness, said, groups = terms.lateness, terms.said, self._groups
        latest = received + lateness
        quiet = received - terms.span - lateness if self.ends_unheard else FOREVER_US  # then each asks for its group
        for match in matches:
            if times is None:
                index, key, value, time, number, moment = match
            else:
                index, key, value = match
                time = moment = times[index]
                number = numbers[index]
            if skip and None in key:
                counters.missing_group += 1
                continue
            if moment > latest:
                counters.clock_ahead += 1
                time = moment = received
            group = groups.get(key)
            if group is None or group.received < quiet:
                group = self._group("", key, quiet, replay=replay)
            else:
                groups.move_to_end(key)
            if moment < group.newest - lateness:  # too late to be counted exactly
                counters.late += 1
                group = self._group(stream, key, quiet, replay=replay)
                if moment < group.newest - lateness:
                    counters.too_late += 1
                    continue
            before = len(group.times)
            if replay:
                for held in group.rebuild(time, number, received, terms, value):
                    self._late.setdefault(group, []).append((received, held))
            else:
                counters.window_overflow += group.add(time, number, received, terms, journal, value)
            self.events += len(group.times) - before
            if said:
                self._pass_on(index, group)

    def _pass_on(self, index: int, group: Group) -> None:
        """Take what a group has found for other rules, because of the event at an index."""

    def _entries(self, view: BatchView, found: Found) -> Iterable[tuple[int, Key, Any]]:
        """Return each match: the index of its event, its group and its value, in order of the events."""
        if self._apart:
            return (self._values_by_rule if self._value_fields else self._entries_by_rule)(view, found)
        indices = _together(found)
        self.counters.matched += len(indices)
        keys = _keys(view, self._fields[0], indices)
        if not self._value_fields:
            return zip(indices, keys, repeat(0))
        return self._with_values(view, indices, keys)

    def _with_values(
        self, view: BatchView, indices: Sequence[int], keys: Sequence[Key]
    ) -> Iterator[tuple[int, Key, Any]]:
        """Yield the matches that have a value, count those that have none."""
        for index, key, values in zip(indices, keys, _keys(view, self._value_fields, indices), strict=True):
            value = self._value_of(values)
            if value is None:
                self.counters.missing_value += 1
            else:
                yield index, key, value

    def _value_of(self, values: Key) -> Any:
        """Return what is counted of the values of the condition's fields; None when that cannot be."""
        if None in values:
            return None
        if self.terms.condition.kind not in OF_NUMBERS:
            return _hash(values)
        value = number_of(values[0])
        if value is not None and ((value < 0 and self.terms.condition.only_grows) or not math.isfinite(value)):
            return None
        return value

    def _entries_by_rule(self, view: BatchView, found: Found) -> Iterable[tuple[int, Key, int]]:
        """Return the matches with the set of the rules they are matches of."""
        rules: dict[tuple[int, Key], int] = {}
        for matcher, indices in found.items():
            for match in zip(indices, _keys(view, self._fields[matcher], indices), strict=True):
                rules[match] = rules.get(match, 0) | self.rule.bit_of(matcher)
        self.counters.matched += len(rules)
        return [(index, key, rules[index, key]) for index, key in sorted(rules, key=itemgetter(0))]

    def _values_by_rule(self, view: BatchView, found: Found) -> Iterable[tuple[int, Key, Any]]:
        """Return the matches with their values, where rules group by different fields; each once for a group."""
        values: dict[tuple[int, Key], Any] = {}
        for matcher, indices in found.items():
            keys = _keys(view, self._fields[matcher], indices)
            values |= {(index, key): value for index, key, value in self._with_values(view, indices, keys)}
        self.counters.matched += len(values)
        return [(index, key, value) for (index, key), value in sorted(values.items(), key=lambda item: item[0][0])]

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
        for key, group in self._quiet(now_us):
            group.settle(FOREVER_US, self.terms, self._journal)
            self._forget(key)

    def _quiet(self, now_us: int) -> Iterator[tuple[PlaceOfGroup, Group]]:
        """Yield the groups that were quiet long enough; each must be forgotten before the next."""
        limit = now_us - self.terms.span - self.terms.lateness
        while self._groups:
            key, group = next(iter(self._groups.items()))
            if group.received >= limit:
                return
            yield key, group

    def group(self, key: Key, track: str = "") -> Group | None:
        """Return what is remembered of a group, or of the late events of a stream in it; None: nothing."""
        return self._groups.get((key, track) if track else key)

    def evict(self) -> None:
        """Forget the group that was quiet longest; its alert, if one is open, is resolved."""
        key, group = next(iter(self._groups.items()))
        episode = group.episode
        if episode is not None:
            episode.resolved, episode.resolution = episode.last, "state_evicted"
            if not episode.queued:
                episode.queued = True
                self._journal.append(episode)
        self.counters.evicted += 1
        self._forget(key)

    def restore(self, alert: AlertState) -> bool:
        """Take up an open alert after a replay; return False when the rule no longer groups by the same fields."""
        if tuple(name for name, _ in alert.group) != self.rule.group_by:
            return False
        key = tuple(value for _, value in alert.group)
        group = self._group(alert.track, key, -FOREVER_US, replay=True)
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
        """Put the groups in the order in which they were last received, and forget those that a tick had ended."""
        self._late.clear()
        self._groups = OrderedDict(sorted(self._groups.items(), key=lambda item: item[1].received))
        for place, group in self._quiet(ticked):
            if group.episode is not None:  # its end is still to be told
                break
            self._forget(place)
        for group in self._groups.values():
            group.resume(replayed_from, self.terms)

    @property
    def unsaid(self) -> int:
        """How many alerts changed since :meth:`changes` was asked last."""
        return len(self._journal)

    def changes(self, id_of: Callable[[int], str]) -> list[AlertChange]:
        """Return what changed since the last call; ``id_of`` gives the id of the event with an arrival number."""
        changes = [change for episode in self._journal for change in self._changes_of(episode, id_of)]
        self._journal.clear()
        return changes

    def _changes_of(self, episode: Episode, id_of: Callable[[int], str]) -> list[AlertChange]:
        changes: list[AlertChange] = []
        episode.queued = False
        fresh, episode.fresh = tuple(map(id_of, episode.fresh)), []
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
        return changes

    def _state_of(self, episode: Episode, *, resolved: bool) -> AlertState:
        group = episode.group
        return AlertState(
            episode.alert_id,
            self.rule.brief,
            tuple(zip(self.rule.group_by, group.key, strict=True)),  # type: ignore[arg-type]
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

    def _group(self, track: str, key: Key, quiet: int, *, replay: bool) -> Group:
        """Return the group that a match belongs to; one that received nothing since the time ``quiet`` is over.

        That it is over does not depend on whether the clock has rung meanwhile: so the alerts depend on nothing but
        what is stored, and a back-test comes to the same.
        """
        place: PlaceOfGroup = (key, track) if track else key
        group = self._groups.get(place)
        if group is not None and group.received < quiet:
            if not replay:
                group.settle(FOREVER_US, self.terms, self._journal)
            self._forget(place)
            group = None
        if group is None:
            group = self._groups[place] = self._new_group(key, track)
        else:
            self._groups.move_to_end(place)
        return group

    def _forget(self, place: PlaceOfGroup) -> None:
        self.events -= len(self._groups.pop(place).times)


def kind_of_group(condition: Condition, *, chained: bool = False) -> Callable[[Key, str], Group]:
    """Return what makes the groups of a rule with a condition; ``chained``: some of its rules are correlations."""
    if chained and condition.kind in TEMPORAL:
        return ChainedGroup
    if condition.threshold is not None:
        return Group
    code: Code = "d" if condition.kind in OF_NUMBERS else "q"
    return partial(WindowGroup if condition.only_grows else DelayedGroup, code=code)


def _places(names: Sequence[str]) -> list[Place]:
    return [(name, split_object(name)) for name in names]


def _together(found: Found) -> Sequence[int]:
    """Return the indices that any matcher found, each once, ascending."""
    parts = list(found.values())
    return parts[0] if len(parts) == 1 else sorted(set().union(*parts))


def _keys(view: BatchView, places: Sequence[Place], indices: Sequence[int]) -> list[Key]:
    """Return the values of some fields of each of some events."""
    columns = [values_of(view, name, place, indices) for name, place in places]
    return list(zip(*columns, strict=True)) if columns else [()] * len(indices)


def values_of(
    view: BatchView, name: str, place: tuple[str, tuple[str, ...]] | None, indices: Sequence[int]
) -> list[GroupValue]:
    """Return the value of a field of each of some events; ``place`` is what ``split_object`` says of its name."""
    if place is None:
        return list(map(scalar, view.at(name, indices)))
    decode, path = view.decoder(place[0]), place[1]
    return [scalar(resolve(decode(index), path)) for index in indices]


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


def scalar(value: Any) -> GroupValue:
    """Return a value that can be grouped by: lists, objects and numbers over 64 bits as their JSON text."""
    if value is None or isinstance(value, str | float) or (isinstance(value, int) and abs(value) < _INTEGER_LIMIT):
        return value
    return msgspec.json.encode(value, order="sorted").decode()
