"""Decides who is told what, and when: :func:`plan` takes what happened and the time, and gives what is to be told.

Nothing here reads a clock, a file or a database: ``look`` shows an alert as it stands, and :class:`PlanState` is what
was decided so far (changed in place; :class:`Planned` names what changed, so that it can be written).

The words are Prometheus Alertmanager's, and so is their meaning: a group is told of ``group_wait`` after its first
alert, of what changed in it at the next of the ticks that follow every ``group_interval``, and of what has not changed
at the first tick after ``repeat_interval``.  Three things differ, because a missed intrusion costs more than a message:
an alert that is over before its group was told of is told all the same (unless a person ended it, or it is muted); what
is over is also told when it was muted meanwhile, to whom heard that it began; an acknowledged alert is not repeated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from collector.notify.flow import Flows, Tell, level_of
from collector.notify.groups import Group, PlanState, Reason, Standing, group_id
from collector.notify.routing import Binding, Facts, Router, facts_of
from collector.notify.view import AlertView, Transition
from watchbook.clock import SECOND_US

#: How soon a muted alert is looked at again: what mutes it may end without a transition of its own.
LOOK_AGAIN_US: Final = 60 * SECOND_US
_MINUTE_US: Final = 60 * SECOND_US
_FLUSHES_MAX: Final = 4
_BEGINS: Final = frozenset({"opened", "reopened"})

Look = Callable[[str], AlertView | None]
OrgOf = Callable[[AlertView], str | None]


@dataclass
class Planned:
    """What came of a plan: what is to be told, what of the state changed, and when to plan again at the latest.

    ``unrouted``: alerts that no channel hears of; ``held``: notifications that were held back, by channel.
    """

    tells: list[Tell] = field(default_factory=list)
    unrouted: int = 0
    held: dict[str, int] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    watched: set[str] = field(default_factory=set)
    flows: set[str] = field(default_factory=set)
    wake: int | None = None


def plan(
    state: PlanState, transitions: Sequence[Transition], now: int, *, look: Look, org_of: OrgOf, router: Router
) -> Planned:
    """Return what is to be told at ``now`` after ``transitions``, which follow those planned before."""
    return _Planning(state, now, look, org_of, router).run(transitions)


def looked_at(state: PlanState, transitions: Sequence[Transition], now: int, router: Router) -> list[str]:
    """Return the alerts that a plan is going to look at first of all, for whoever reads many of them at once."""
    due = (group for group in state.groups.values() if group.due is not None and group.due <= now)
    happened = (
        each.alert_id for each in transitions if each.kind != "updated" and _may_matter(each.alert_id, state, router)
    )
    return list(dict.fromkeys(chain(happened, *(group.members for group in due))))


def _may_matter(alert_id: str, state: PlanState, router: Router) -> bool:
    """Return whether more can come of what happens to an alert than that no channel hears of it."""
    return bool(router.channels) or alert_id in state.watched


class _Planning:
    def __init__(self, state: PlanState, now: int, look: Look, org_of: OrgOf, router: Router) -> None:
        self._state = state
        self._now = now
        self._look = look
        self._org_of = org_of
        self._router = router
        self._planned = Planned()
        self._flows = Flows(state, router, now, self._planned.flows)

    def run(self, transitions: Sequence[Transition]) -> Planned:
        for transition in transitions:
            if _may_matter(transition.alert_id, self._state, self._router):
                self._take(transition)
            else:
                self._planned.unrouted += transition.kind in _BEGINS
            self._state.number = transition.number
        self._follow_hours()
        for group in [one for one in self._state.groups.values() if one.due is not None and one.due <= self._now]:
            for _ in range(_FLUSHES_MAX):
                if group.due is not None and group.due <= self._now:
                    self._flush(group)
        self._planned.tells += self._flows.digests()
        self._planned.wake = self._wake()
        return self._planned

    # What happened.

    def _take(self, transition: Transition) -> None:
        if transition.kind == "updated":
            return
        alert_id = transition.alert_id
        view = self._look(alert_id)
        if view is None:
            return
        if transition.kind in _BEGINS and not (view.status == "resolved" and view.by is not None):
            facts = facts_of(view.alert, self._org_of(view))
            bindings = self._router.bindings(facts, self._now)
            self._planned.unrouted += not bindings
            for binding in bindings:
                self._bind(binding, alert_id, min(transition.time, self._now))
            if view.status != "resolved":
                self._state.watched[alert_id] = facts
                self._planned.watched.add(alert_id)
        if view.status == "resolved" and self._state.watched.pop(alert_id, None) is not None:
            self._planned.watched.add(alert_id)
        for identifier in self._state.of_alert.get(alert_id, ()):
            self._touch(self._state.groups[identifier], transition.number)

    def _bind(self, binding: Binding, alert_id: str, since: int) -> None:
        """Put an alert into its group in a channel, unless the channel has it in another."""
        if self._group_in(binding.channel, alert_id) is None:
            self._state.join(self._group(binding, since), alert_id)

    def _group(self, binding: Binding, since: int) -> Group:
        identifier = group_id(binding)
        group = self._state.groups.get(identifier)
        if group is None:
            due = since + self._router.pace(binding.channel, binding.route).wait
            group = Group(identifier, binding.channel, binding.route, binding.key, due, number=self._state.number)
            self._state.add(group)
        self._planned.groups.add(identifier)
        return group

    def _group_in(self, channel: str, alert_id: str) -> Group | None:
        groups = (self._state.groups[each] for each in self._state.of_alert.get(alert_id, ()))
        return next((group for group in groups if group.channel == channel), None)

    def _touch(self, group: Group, number: int) -> None:
        group.number = max(group.number, number)
        if group.ticks_from is not None:
            tick = self._tick(group, self._now)
            group.due = tick if group.due is None else min(group.due, tick)
        self._planned.groups.add(group.id)

    def _follow_hours(self) -> None:
        """Lead what fires by the routes that are in force now, when that has changed."""
        if not self._router.has_hours:
            return
        in_force = self._router.in_force(self._now)
        if in_force == self._state.in_force:
            return
        self._state.in_force = in_force
        for alert_id, facts in list(self._state.watched.items()):
            view = self._look(alert_id)
            if view is not None and view.status == "open":
                self._rebind(facts)
        for group in self._state.groups.values():
            self._touch(group, group.number)

    def _rebind(self, facts: Facts) -> None:
        alert_id = facts.alert_id
        bindings = self._router.bindings(facts, self._now)
        for identifier in list(self._state.of_alert.get(alert_id, ())):
            group = self._state.groups[identifier]
            untold = group.members[alert_id] == ""
            if untold and not self._router.route_in_force(group.route, self._now):
                self._state.leave(group, alert_id)
                self._planned.groups.add(identifier)
        for binding in bindings:
            before = self._group_in(binding.channel, alert_id)
            if before is None:
                self._bind(binding, alert_id, self._now)
            elif not self._router.route_in_force(before.route, self._now) and before.id != group_id(binding):
                self._move(before, self._group(binding, self._now), alert_id)

    def _move(self, before: Group, group: Group, alert_id: str) -> None:
        """Let another group of the same channel go on with an alert that the channel was told of."""
        said = before.members[alert_id]
        self._state.leave(before, alert_id)
        self._state.join(group, alert_id, said)
        group.told = max(group.told or 0, before.told or 0) or None
        group.open = group.open or before.open
        self._planned.groups.add(before.id)

    # What is told of a group.

    def _flush(self, group: Group) -> None:
        """Tell what is new about a group, and say when it is looked at next."""
        views = self._views(group)
        if group.ticks_from is None:
            group.ticks_from = self._now
        traits = self._router.channels[group.channel]
        fresh = [one for one, view in views.items() if self._is_fresh(group, one, view)]
        over = [one for one, view in views.items() if self._is_over(group, one, view)]
        acknowledged = [
            one for one, view in views.items() if group.members[one] == "firing" and view.status == "acknowledged"
        ]
        reason = self._reason(group, views, fresh, over, acknowledged)
        told_over = over if traits.resolved else []
        taken = reason is None or self._tell(group, reason, views, fresh, told_over)
        for alert_id in acknowledged:
            group.members[alert_id] = "acknowledged"
        # An incident whose end could not go out with something new that was held back still has to end.
        self._drop_ended(group, views, [] if traits.stateful and not taken else over, fresh)
        group.due = self._next(group, views)
        self._planned.groups.add(group.id)
        if not group.members:
            self._state.remove(group)

    def _views(self, group: Group) -> dict[str, AlertView]:
        views: dict[str, AlertView] = {}
        for alert_id in list(group.members):
            view = self._look(alert_id)
            if view is None:
                self._state.leave(group, alert_id)
            else:
                views[alert_id] = view
        return views

    def _is_fresh(self, group: Group, alert_id: str, view: AlertView) -> bool:
        said = group.members[alert_id]
        if view.muted is not None:
            return False
        if said == "":
            return view.status == "open" or (view.status == "resolved" and view.by is None)
        return said == "acknowledged" and view.status == "open"

    def _is_over(self, group: Group, alert_id: str, view: AlertView) -> bool:
        said = group.members[alert_id]
        return view.status == "resolved" and (said in ("firing", "acknowledged") or (said == "held" and group.open))

    def _repeated(self, group: Group, views: dict[str, AlertView]) -> bool:
        after = self._router.pace(group.channel, group.route).repeat_after(group.repeats)
        if after is None or group.told is None or group.told + after > self._now:
            return False
        return self._router.route_in_force(group.route, self._now) and any(
            _fires(group, one, view) and view.muted is None for one, view in views.items()
        )

    def _reason(
        self, group: Group, views: dict[str, AlertView], fresh: list[str], over: list[str], acknowledged: list[str]
    ) -> Reason | None:
        traits = self._router.channels[group.channel]
        if fresh:
            return "new"
        if over and traits.resolved:
            return "resolved"
        if acknowledged and traits.acknowledged:
            return "acknowledged"
        return "repeat" if self._repeated(group, views) else None

    def _tell(
        self, group: Group, reason: Reason, views: dict[str, AlertView], fresh: list[str], over: list[str]
    ) -> bool:
        """Tell, or hold back, and note what the channel knows then; return whether it went out."""
        there = [one for one in views if group.members[one] != "" and views[one].status != "resolved"]
        shown = list(dict.fromkeys([*fresh, *there, *over]))
        standing = _standing(group, views, fresh)
        tell = Tell(
            id=f"{group.subject}-{group.number}-{group.count + 1}-{group.channel}",
            channel=group.channel, subject=group.subject, route=group.route, key=group.key, reason=reason,
            standing=standing, level=level_of(views[one].alert.rule.level for one in (fresh or over or shown)),
            time=self._now, alerts=tuple(shown), fresh=tuple(fresh), over=tuple(over),
            repeats=group.repeats + 1 if reason == "repeat" else 0,
        )  # fmt: skip
        taken = self._flows.take(tell, views)
        if taken:
            self._planned.tells.append(tell)
            group.count += 1
            group.open = standing != "resolved"
        else:
            self._planned.held[group.channel] = self._planned.held.get(group.channel, 0) + 1
        group.told = self._now
        group.repeats = group.repeats + 1 if reason == "repeat" else 0
        for alert_id in fresh:
            group.members[alert_id] = "firing" if taken else "held"
        if taken and reason == "repeat":
            for alert_id in there:
                if group.members[alert_id] == "held":
                    group.members[alert_id] = "firing"
        return taken

    def _drop_ended(self, group: Group, views: dict[str, AlertView], over: list[str], fresh: list[str]) -> None:
        """Forget what is over and need not be told any more."""
        told_now = set(fresh)
        ended = set(over)
        for alert_id, view in views.items():
            if view.status != "resolved" or alert_id in told_now:
                continue
            if alert_id in ended or group.members[alert_id] in ("", "held"):
                self._state.leave(group, alert_id)

    # When it is looked at next.

    def _tick(self, group: Group, at: int) -> int:
        """Return the first tick of a group that was told of at or after a time."""
        interval = self._router.pace(group.channel, group.route).interval
        start = group.ticks_from
        assert start is not None
        if interval <= 0 or at <= start:
            return max(at, start)
        return start + -(-(at - start) // interval) * interval

    def _next(self, group: Group, views: dict[str, AlertView]) -> int | None:
        pace = self._router.pace(group.channel, group.route)
        soonest: list[int] = []
        after_now = self._now + (1 if pace.interval > 0 else 0)
        members = {one: views[one] for one in group.members if one in views}
        if any(self._is_over(group, one, view) for one, view in members.items()):
            soonest.append(self._tick(group, after_now))
        if any(view.muted is not None and view.status == "open" for view in members.values()):
            soonest.append(self._tick(group, max(after_now, self._now + LOOK_AGAIN_US)))
        again = pace.repeat_after(group.repeats)
        if (
            again is not None
            and group.told is not None
            and any(_fires(group, one, view) and view.muted is None for one, view in members.items())
            and self._router.route_in_force(group.route, self._now)
        ):
            soonest.append(self._tick(group, max(after_now, group.told + again)))
        return min(soonest, default=None)

    def _wake(self) -> int | None:
        times = [group.due for group in self._state.groups.values() if group.due is not None]
        times += self._flows.times()
        if self._router.has_hours and self._state.watched:
            times.append((self._now // _MINUTE_US + 1) * _MINUTE_US)
        return min(times, default=None)


def _fires(group: Group, alert_id: str, view: AlertView) -> bool:
    return view.status == "open" and group.members[alert_id] in ("firing", "held")


def _standing(group: Group, views: dict[str, AlertView], fresh: list[str]) -> Standing:
    if fresh:
        return "firing"
    open_members = [view for one, view in views.items() if group.members[one] != "" and view.status != "resolved"]
    if any(view.status == "open" for view in open_members):
        return "firing"
    return "acknowledged" if open_members else "resolved"
