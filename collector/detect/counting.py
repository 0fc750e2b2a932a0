"""One rule's groups: from the matching events of a block to the changes of the rule's alerts.

An event that comes too late for its group is counted among the late events of its own stream instead (a *track*): an
agent that was cut off delivers its backlog in order, and an attack in it must not be missed.  An event from the future
(a clock that is ahead) counts at the moment it was received, so that it cannot make the events of today late.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from collector.block import BlockInfo
from collector.detect.fields import resolve, split_object
from collector.detect.group import FOREVER_US, Episode, Group, Terms
from collector.detect.rule import Rule
from collector.detect.view import BatchView
from collector.finding import AlertChange, AlertState, GroupValue
from watchbook.event import event_id

_ALERT_ID_BYTES: Final = 16
#: Larger integers cannot be written by every JSON encoder.
_INTEGER_LIMIT: Final = 2**63


@dataclass
class RuleCounters:
    """What happened to the events that a rule matched."""

    matched: int = 0
    #: Not counted: a field to group by was missing.
    missing_group: int = 0
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
    """What is remembered for one rule.  ``events`` is how many events its windows hold."""

    rule: Rule
    terms: Terms
    counters: RuleCounters = field(default_factory=RuleCounters)
    events: int = 0

    def __post_init__(self) -> None:
        self._groups: OrderedDict[tuple[str, tuple[GroupValue, ...]], Group] = OrderedDict()
        self._journal: list[Episode] = []
        self._places = [(name, split_object(name)) for name in self.rule.group_by]

    def __len__(self) -> int:
        return len(self._groups)

    def count(self, info: BlockInfo, view: BatchView, indices: Sequence[int], *, replay: bool) -> None:
        """Count the matching events of a block, or only remember them in a replay."""
        counters, skip = self.counters, self.rule.missing == "skip"
        columns = [self._group_values(view, name, place, indices) for name, place in self._places]
        keys = list(zip(*columns, strict=True)) if columns else [()] * len(indices)
        times = view.batch.times
        lateness = self.terms.lateness
        latest = info.received + lateness
        stem = event_id(info.stream, info.sequence, 0).removesuffix("0")
        counters.matched += len(indices)
        for index, key in zip(indices, keys, strict=True):
            if skip and None in key:
                counters.missing_group += 1
                continue
            time = times[index]
            if time > latest:
                counters.clock_ahead += 1
                time = info.received
            group = self._group("", key)
            if time < group.newest - lateness:  # too late to be counted exactly
                counters.late += 1
                group = self._group(info.stream, key)
                if time < group.newest - lateness:
                    counters.too_late += 1
                    continue
            self._put(group, time, stem + str(index), info.received, replay=replay)

    def _put(self, group: Group, time: int, event: str, received: int, *, replay: bool) -> None:
        before = len(group.times)
        if replay:
            group.rebuild(time, event, received, self.terms)
        else:
            self.counters.window_overflow += group.add(time, event, received, self.terms, self._journal)
        self.events += len(group.times) - before

    def tick(self, now_us: int) -> None:
        """Close the alerts of groups that were quiet long enough, and forget those groups."""
        limit = now_us - self.terms.span - self.terms.lateness
        while self._groups:
            key, group = next(iter(self._groups.items()))
            if group.received >= limit:
                return
            group.settle(FOREVER_US, self.terms, self._journal)
            self._forget(key)

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
        group = self._group(alert.track, key)
        episode = Episode(group, alert.holds_until, alert.opened)
        episode.holds_from = alert.holds_from
        episode.count, episode.first, episode.last = alert.events, alert.first, alert.last
        episode.alert_id, episode.told = alert.id, True
        group.restore(episode, alert.received, self.terms)
        return True

    def order_groups(self) -> None:
        """Put the groups in the order in which they were last received (alerts were restored in any order)."""
        self._groups = OrderedDict(sorted(self._groups.items(), key=lambda item: item[1].received))

    @property
    def unsaid(self) -> int:
        """How many alerts changed since :meth:`changes` was asked last."""
        return len(self._journal)

    def changes(self) -> list[AlertChange]:
        """Return what changed since the last call."""
        changes = [change for episode in self._journal for change in self._changes_of(episode)]
        self._journal.clear()
        return changes

    def _changes_of(self, episode: Episode) -> list[AlertChange]:
        changes: list[AlertChange] = []
        episode.queued = False
        fresh, episode.fresh = tuple(episode.fresh), []
        if not episode.told:
            episode.told = True
            episode.alert_id = alert_id(self.rule.brief.id, episode.group.key, fresh[0])
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

    def _group(self, track: str, key: tuple[GroupValue, ...]) -> Group:
        place = (track, key)
        group = self._groups.get(place)
        if group is None:
            group = self._groups[place] = Group(key, track)
        else:
            self._groups.move_to_end(place)
        return group

    def _forget(self, place: tuple[str, tuple[GroupValue, ...]]) -> None:
        self.events -= len(self._groups.pop(place).times)

    def _group_values(
        self, view: BatchView, name: str, place: tuple[str, tuple[str, ...]] | None, indices: Sequence[int]
    ) -> list[GroupValue]:
        if place is None:
            return list(map(_scalar, view.at(name, indices)))
        decode, path = view.decoder(place[0]), place[1]
        return [_scalar(resolve(decode(index), path)) for index in indices]


def alert_id(rule_id: str, key: tuple[object, ...], first_event: str) -> str:
    """Return the id of an alert: the same for the same rule, group and first event."""
    cause = msgspec.json.encode([rule_id, key, first_event])
    return hashlib.blake2b(cause, digest_size=_ALERT_ID_BYTES).hexdigest()


def _scalar(value: Any) -> GroupValue:
    """Return a value that can be grouped by: lists, objects and numbers over 64 bits as their JSON text."""
    if value is None or isinstance(value, str | float) or (isinstance(value, int) and abs(value) < _INTEGER_LIMIT):
        return value
    return msgspec.json.encode(value, order="sorted").decode()
