"""One rule's groups: from the matching events of a block to the changes of the rule's alerts.

An event that comes too late for its group is counted among the late events of its own stream instead (a *track*): an
agent that was cut off delivers its backlog in order, and an attack in it must not be missed.  An event from the future
(a clock that is ahead) counts at the moment it was received, so that it cannot make the events of today late.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Final, Literal

import msgspec

from collector.block import BlockInfo
from collector.detect.condition import TEMPORAL
from collector.detect.counted import Counted, Found
from collector.detect.group import FOREVER_US, PAIR, Episode, Group, Terms
from collector.detect.grouping import Key, Label, PlaceOfGroup, label_of
from collector.detect.matches import CODE
from collector.detect.remembered import Remembered
from collector.detect.rule import Fed, Rule
from collector.detect.view import BatchView
from collector.detect.windowed import kind_of_group
from collector.finding import AlertChange, AlertState

#: A match: the index of the event that it comes from, its group, its value, its time and arrival number, and the time
#: that says whether it is late (that of the match itself, unless it only stands beside one).
Match = tuple[int, Label, Any, int, int, int]

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
        example = self._new_group(CODE)
        self._width = example.width
        #: Whether nothing holds because of one match alone: never, or it must be asked which rules it is a match of.
        self._lonely: Literal["", "never", "asked"] = ""
        if example.begins:
            temporal, least = self.terms.condition.kind in TEMPORAL, self.terms.condition.least
            self._lonely = "asked" if temporal else "never" if least > 1 else ""
        #: Whether all that counts of its matches is how many there are.
        self._is_plain = self._new_group is Group and len(self.rule.group_by) == 1 and self.rule.missing == "skip"
        self._counted = Counted(self.rule, self.terms.condition)

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
            indices, labels, values = self._counted.entries(view, found)
            self.counters.matched += len(indices)
            times = list(map(view.batch.times.__getitem__, indices))
            numbers = list(map(view.numbers.__getitem__, indices))
            if self._is_plain and not inbox and None not in labels:
                self._count_plain(labels, times, numbers, info, replay=replay)
                return
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
        latest, reach = received + lateness, terms.span + lateness
        lonely, is_enough = self._lonely, terms.condition.is_enough
        quiet = received - terms.span - lateness if self.ends_unheard else FOREVER_US  # then each asks for its group
        for index, label, value, told_time, number, told_moment in matches:
            if value is None or (skip and (label is None or (several and None in label))):  # type: ignore[operator]
                counters.missing_value += value is None
                counters.missing_group += value is not None
                continue
            time, moment = told_time, told_moment
            if moment > latest:
                counters.clock_ahead += 1
                time = moment = received
            group = get(label)
            if group is None or group.received < quiet:
                group = self._group("", label, quiet, replay=replay)
            if (
                lonely
                and group.episode is None
                and not group.pending
                and (not group or group[-width] <= time - reach)
                and (lonely != "asked" or not is_enough(value))
            ):
                kept += width - len(group)
                group.begin(time, number, received, value, value if lonely == "asked" else 0)
                continue
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
                counters.window_overflow += group.add(time, number, received, terms, journal, value)
            kept += len(group) - before
            if said:
                self._pass_on(index, group)
        self.events += kept // width

    def _count_plain(
        self, labels: Sequence[Label], times: Sequence[int], numbers: Sequence[int], info: BlockInfo, *, replay: bool
    ) -> None:
        """Do what :meth:`_count` comes to where matches are only counted; it does itself what is rare.

        tests/collector/detect/test_short_ways.py holds the two together.
        """
        received, terms, journal = info.received, self.terms, self._journal
        groups, get = self._groups, self._groups.get
        latest, quiet = received + terms.lateness, received - terms.span - terms.lateness
        reach, back, keep = terms.span + terms.lateness, -2 * terms.threshold, 2 * terms.keep
        kept = 0
        for label, time, number in zip(labels, times, numbers, strict=True):
            group = get(label)
            if group is None and time <= latest:
                group = Group(CODE)
                group.label, group.received = label, received
                groups.add(group)
            elif (
                group is None
                or time > latest
                or group.received < quiet
                or group.pending
                or time <= (group[-2] if group.episode is None else group.newest)
            ):
                self._count(((0, label, 0, time, number, time),), received, info.stream, replay=replay)
                continue
            else:
                if received > group.received:
                    group.received = received
                if back < -2 and group.episode is None and group[-2] <= time - reach:
                    kept += 2 - len(group)
                    del group[2:]
                    group[0], group[1] = time, number
                    continue
            group.frombytes(PAIR(time, number))
            kept += 2
            size = len(group)
            held = size >= -back and group[back] > time - terms.span
            if (held or group.episode is not None) and not replay:
                group.note_newest(time, number, terms, journal, held=held)
            if group[0] <= time - reach or size > keep:
                self.counters.window_overflow += group.forget(time, terms, journal)
                kept -= size - len(group)
        self.events += kept // 2

    def _pass_on(self, index: int, group: Group) -> None:
        """Take what a group has found for other rules, because of the event at an index."""

    def value_of_fed(self, fed: Fed, key: Key, *, holds: bool) -> Any:
        """Return the value of a match that a correlation with a group found; None, and count it, when it has none."""
        if self.terms.condition.kind in TEMPORAL:
            return 1 << fed.place if holds else 0
        if not fed.value:
            return 0
        value = self._counted.value_of(tuple(key[place] for place in fed.value))
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
        is_new = not episode.told
        if is_new:
            episode.told = True
            # There is no event where the alert is that there never was one.
            cause = fresh[0] if fresh else f"nothing-since-{episode.first}"
            episode.alert_id = alert_id(self.rule.brief.id, episode.group.key, cause)
            self.counters.opened += 1
        state = self._state_of(episode)
        if is_new or fresh:
            changes.append(AlertChange("opened" if is_new else "updated", state, fresh))
        if episode.resolved is not None:
            self.counters.resolved += 1
            over = state._replace(resolved=episode.resolved, resolution=episode.resolution)
            changes.append(AlertChange("resolved", over))

    def _state_of(self, episode: Episode) -> AlertState:
        """Return an alert as it stands, as if it went on."""
        group, rule = episode.group, self.rule
        return AlertState._make(
            (
                episode.alert_id, rule.brief, tuple(zip(rule.group_by, group.key, strict=True)), group.track,
                episode.count, episode.first, episode.last, episode.holds_from, episode.holds_until, group.received,
                episode.opened, None, None,
            )
        )  # fmt: skip

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


def alert_id(rule_id: str, key: tuple[object, ...], first_event: str) -> str:
    """Return the id of an alert: the same for the same rule, group and first event."""
    cause = msgspec.json.encode([rule_id, key, first_event])
    return hashlib.blake2b(cause, digest_size=_ALERT_ID_BYTES).hexdigest()
