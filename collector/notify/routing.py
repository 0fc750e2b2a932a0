"""Which channels hear of an alert, and which group it belongs to there: decided by the settings and the time alone."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from collector.finding import OWN_RULES, AlertState, GroupValue
from collector.notify.hours import Hours, in_hours, parse_hours, time_zone
from collector.notify.settings import Cap, ChannelSettings, NotifySettings, RouteSettings, Timing
from watchbook.clock import SECOND_US

#: The rule of alerts about channels.  It is in no rule file: whoever brings rules of their own is told too.
FAILING_RULE: Final = f"{OWN_RULES}notification-channel-failing"
#: The route of what no route takes.
DEFAULT_ROUTE: Final = ""
#: The route of alerts about a channel when the routes lead to nobody but that channel.
OTHERS_ROUTE: Final = "."

Key = tuple[tuple[str, GroupValue], ...]


class Facts(NamedTuple):
    """What routes and groups go by: it never changes in the life of an alert."""

    alert_id: str
    rule_id: str
    title: str
    level: str
    tags: tuple[str, ...]
    org: str | None
    group: Key


class Pace(NamedTuple):
    """When a group is told, in microseconds.  ``repeat`` None: never again."""

    wait: int
    interval: int
    repeat: int | None
    factor: float = 1.0
    repeat_max: int = 0

    def repeat_after(self, repeats: int) -> int | None:
        """Return how long after the last notification it is told again, when it was ``repeats`` times already."""
        if self.repeat is None:
            return None
        grown = self.repeat * self.factor ** min(repeats, 64)
        return max(self.repeat, round(min(grown, self.repeat_max))) if self.factor > 1 else self.repeat


class Binding(NamedTuple):
    """A channel that hears of an alert, by which route, and the group that the alert belongs to there."""

    channel: str
    route: str
    key: Key


class ChannelTraits(NamedTuple):
    """What planning needs to know of a channel.

    ``resend``: it groups by itself, and is told again of what fires after so many microseconds; 0: it is not.
    """

    resolved: bool = True
    acknowledged: bool = False
    stateful: bool = False
    cap: Cap | None = None
    resend: int = 0


class _Route(NamedTuple):
    settings: RouteSettings
    hours: tuple[Hours, ...]
    zone: tzinfo


def facts_of(alert: AlertState, org: str | None) -> Facts:
    """Return the facts of an alert; ``org`` is that of its first event, where the group says nothing."""
    own = dict(alert.group).get("org")
    rule = alert.rule
    return Facts(alert.id, rule.id, rule.title, rule.level, rule.tags, str(own) if own else org, alert.group)


class Router:
    """The routes and channels of the settings."""

    def __init__(self, settings: NotifySettings) -> None:
        self.channels: Mapping[str, ChannelTraits] = {each.name: _traits(each) for each in settings.channels}
        self._routes = [
            _Route(each, tuple(map(parse_hours, each.hours)), time_zone(each.time_zone)) for each in settings.routes
        ]
        self._default = tuple(self.channels) if settings.default is None else settings.default
        self._timings: dict[str, Timing] = {each.name: each.timing(settings) for each in settings.routes}
        self._general = settings
        self.has_hours = any(route.hours for route in self._routes)
        self.uses_org = any(each.orgs for each in settings.routes) or any(
            "org" in timing.group_by for timing in (settings, *self._timings.values())
        )
        self.digest_wait_us = round(settings.digest_wait * SECOND_US)

    def in_force(self, now: int) -> tuple[bool, ...]:
        """Return for each route whether it is in force at a time."""
        return tuple(not route.hours or in_hours(route.hours, route.zone, now) for route in self._routes)

    def route_in_force(self, name: str, now: int) -> bool:
        """Return whether a route is in force; one that is gone is."""
        return all(
            not route.hours or in_hours(route.hours, route.zone, now)
            for route in self._routes
            if route.settings.name == name
        )

    def bindings(self, facts: Facts, now: int) -> list[Binding]:
        """Return which channels hear of an alert now.  Each channel once: by the first route that leads to it."""
        found: dict[str, str] = {}
        spared = _failing_channel(facts)
        for route, channels in self._ways(facts, now):
            for channel in channels:
                if channel in self.channels and channel != spared:
                    found.setdefault(channel, route)
        if spared is not None and not found:
            found = {channel: OTHERS_ROUTE for channel in self.channels if channel != spared}
        return [Binding(channel, route, self._key(channel, route, facts)) for channel, route in found.items()]

    def pace(self, channel: str, route: str) -> Pace:
        """Return when a group of a route is told in a channel."""
        resend = self.channels[channel].resend
        if resend:
            # What is over is told a while after what is new: the receiver must have had time to tell of it.
            return Pace(0, resend, None)
        timing = self._timings.get(route, self._general)
        return Pace(
            round(timing.wait_s * SECOND_US),
            round(timing.interval_s * SECOND_US),
            round(timing.repeat_interval * SECOND_US),
            timing.repeat_factor,
            round(timing.repeat_max * SECOND_US),
        )

    def _ways(self, facts: Facts, now: int) -> Iterator[tuple[str, Sequence[str]]]:
        taken = False
        for route in self._routes:
            settings = route.settings
            if _fits(settings, facts) and (not route.hours or in_hours(route.hours, route.zone, now)):
                taken = True
                yield settings.name, settings.channels
                if not settings.continues:
                    return
        if not taken:
            yield DEFAULT_ROUTE, self._default

    def _key(self, channel: str, route: str, facts: Facts) -> Key:
        group_by = self._timings.get(route, self._general).group_by
        if self.channels[channel].resend:
            group_by = ("alert",)
        return tuple((name, _value(name, facts)) for name in group_by)


def _traits(channel: ChannelSettings) -> ChannelTraits:
    return ChannelTraits(
        channel.resolved or channel.alertmanager is not None,
        channel.tells_acknowledged,
        channel.stateful,
        channel.cap,
        0 if channel.alertmanager is None else round(channel.alertmanager.resend * SECOND_US),
    )


def _failing_channel(facts: Facts) -> str | None:
    """Return the channel that an alert is about, for it cannot tell of itself."""
    return str(dict(facts.group).get("channel")) if facts.rule_id == FAILING_RULE else None


def _fits(route: RouteSettings, facts: Facts) -> bool:
    return (
        (not route.levels or facts.level in route.levels)
        and (not route.orgs or facts.org in route.orgs)
        and (not route.rules or facts.rule_id in route.rules or facts.title in route.rules)
        and (not route.tags or any(_tag_fits(wanted, tag) for wanted in route.tags for tag in facts.tags))
    )


def _tag_fits(wanted: str, tag: str) -> bool:
    return tag.startswith(wanted[:-1]) if wanted.endswith("*") else tag == wanted


def _value(name: str, facts: Facts) -> GroupValue:
    if name == "alert":
        return facts.alert_id
    if name == "rule":
        return facts.rule_id
    if name == "level":
        return facts.level
    if name == "org":
        return facts.org
    return dict(facts.group).get(name)
