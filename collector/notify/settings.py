"""The settings of notifications: channels, and the routes that lead to them."""

import re
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

from collector.finding import LEVELS
from collector.notify.channel_settings import (
    AlertmanagerSettings,
    AppriseSettings,
    EmailSettings,
    PagerDutySettings,
    SlackSettings,
    WebhookSettings,
    is_name,
)
from collector.notify.hours import parse_hours, time_zone
from watchbook.configfile import positive, setting
from watchbook.units import Seconds, parse_duration

#: What alerts may be grouped by, besides the fields that their rules group by.
GROUP_WORDS: Final = ("alert", "rule", "level", "org")
#: Alertmanager's own defaults; they hold where several alerts share a notification.
SHARED_WAIT: Final = Seconds(30.0)
SHARED_INTERVAL: Final = Seconds(300.0)
_CAP: Final = re.compile(r"(\d{1,6}) in (.+)")
_CAP_WORDS: Final = "a number and a duration such as '30 in 10m', or 'none'"


class Cap(NamedTuple):
    """At most ``most`` notifications within any ``window_s``."""

    most: int
    window_s: float


def parse_cap(text: str) -> Cap | None:
    """Return what ``30 in 10m`` says, None for ``none``; raises ValueError."""
    if text.strip() == "none":
        return None
    match = _CAP.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(f"expected {_CAP_WORDS}")
    window = parse_duration(match[2])
    if window <= 0:
        raise ValueError(f"expected {_CAP_WORDS}")
    return Cap(int(match[1]), window)


def _cap(value: str) -> str | None:
    try:
        parse_cap(value)
    except ValueError:
        return _CAP_WORDS
    return None


def _hours(values: tuple[str, ...]) -> str | None:
    for value in values:
        try:
            parse_hours(value)
        except ValueError as error:
            return str(error)
    return None


def _zone(value: str) -> str | None:
    try:
        time_zone(value)
    except ValueError:
        return "a time zone such as Europe/Berlin or UTC (that the package tzdata of the system knows)"
    return None


def _levels(values: tuple[str, ...]) -> str | None:
    return None if all(value in LEVELS for value in values) else f"levels out of {', '.join(LEVELS)}"


def _factor(value: float) -> str | None:
    return None if 1 <= value <= 100 else "a number from 1 to 100"


def _group_by(values: tuple[str, ...]) -> str | None:
    if not values:
        return f"at least one of {', '.join(GROUP_WORDS)}, or a field"
    return "'alert' alone: every alert is a group of its own then" if "alert" in values and len(values) > 1 else None


@dataclass(frozen=True)
class ChannelSettings:
    """Somebody who is told about alerts.  It has one of the kinds."""

    name: str = setting("Name of the channel; notifications that were not sent yet are kept under it.", check=is_name)
    webhook: WebhookSettings | None = setting("A signed webhook.", None)
    email: EmailSettings | None = setting("Mail.", None)
    alertmanager: AlertmanagerSettings | None = setting("A Prometheus Alertmanager.", None)
    pagerduty: PagerDutySettings | None = setting("A PagerDuty service.", None)
    slack: SlackSettings | None = setting("A Slack channel.", None)
    apprise: AppriseSettings | None = setting("Whatever Apprise speaks.", None)
    resolved: bool = setting("Whether it is also told when an alert is over.", True)
    acknowledged: bool | None = setting(
        "Whether it is told when somebody acknowledges; without it only PagerDuty is.", None
    )
    max_per: str = setting(
        "Most notifications in a time; what is beyond is held back and told in one digest. Only notifications of the "
        "same level or a higher one count, so that noise cannot keep back what matters. 'none': no limit.",
        "30 in 10m",
        check=_cap,
    )

    @property
    def tells_acknowledged(self) -> bool:
        """Whether it is told when somebody acknowledges."""
        return self.pagerduty is not None if self.acknowledged is None else self.acknowledged

    @property
    def stateful(self) -> bool:
        """Whether it keeps alerts open until it is told that they are over."""
        return self.pagerduty is not None or self.alertmanager is not None

    @property
    def cap(self) -> Cap | None:
        """How much it is told at most; an Alertmanager has limits of its own."""
        return None if self.alertmanager is not None else parse_cap(self.max_per)


@dataclass(frozen=True)
class Timing:
    """How alerts are gathered, and how often it is told again that one is there."""

    group_by: tuple[str, ...] = setting(
        "What alerts have in common that share a notification: 'rule', 'level', 'org', or a field that their rules "
        "group by, such as actor.id; 'alert': each is told on its own.",
        ("alert",),
        check=_group_by,
    )
    group_wait: Seconds | None = setting(
        "How long the first notification of a group waits for more alerts; by default 0s with 'group_by: [alert]', "
        "else 30s.",
        None,
    )
    group_interval: Seconds | None = setting(
        "How long changes of a group that was told of wait; by default 0s with 'group_by: [alert]', else 5m.", None
    )
    repeat_interval: Seconds = setting(
        "When it is told again of what still fires, is not acknowledged and has not changed.", Seconds(4 * 3600.0),
        check=positive,
    )  # fmt: skip
    repeat_factor: float = setting(
        "What the time until the next repeat is multiplied with at each: with 2 it comes after 4h, 8h, 16h and so on.",
        1.0,
        check=_factor,
    )
    repeat_max: Seconds = setting("Longest time until the next repeat.", Seconds(24 * 3600.0), check=positive)

    @property
    def wait_s(self) -> float:
        """How long the first notification of a group waits."""
        return self._or(self.group_wait, SHARED_WAIT)

    @property
    def interval_s(self) -> float:
        """How long changes of a group wait."""
        return self._or(self.group_interval, SHARED_INTERVAL)

    def _or(self, given: Seconds | None, shared: Seconds) -> float:
        if given is not None:
            return given
        return 0.0 if self.group_by == ("alert",) else shared


@dataclass(frozen=True, kw_only=True)
class RouteSettings:
    """Which alerts go to which channels.  What is not given does not matter; what is given must all hold."""

    name: str = setting("Name of the route; groups are remembered under it.", check=is_name)
    channels: tuple[str, ...] = setting("Names of the channels that are told; [] for nobody.")
    levels: tuple[str, ...] = setting("Levels of the alerts, such as [high, critical].", (), check=_levels)
    tags: tuple[str, ...] = setting("Tags of the rules, one of which must be there; a trailing '*' is any end.", ())
    orgs: tuple[str, ...] = setting("Organizations of the events.", ())
    rules: tuple[str, ...] = setting("Ids or titles of the rules.", ())
    hours: tuple[str, ...] = setting(
        "When the route is in force, such as ['mon-fri 08:00-18:00']. What still fires and is not acknowledged when "
        "it comes into force goes its way then.",
        (),
        check=_hours,
    )
    time_zone: str = setting("The time zone of the hours.", "UTC", check=_zone)
    continues: bool = setting("Whether alerts that go this way also look at the routes after it.", False)
    group_by: tuple[str, ...] | None = setting("As 'notify.group_by', for this route.", None, check=_group_by)
    group_wait: Seconds | None = setting("As 'notify.group_wait', for this route.", None)
    group_interval: Seconds | None = setting("As 'notify.group_interval', for this route.", None)
    repeat_interval: Seconds | None = setting("As 'notify.repeat_interval', for this route.", None, check=positive)
    repeat_factor: float | None = setting("As 'notify.repeat_factor', for this route.", None, check=_factor)
    repeat_max: Seconds | None = setting("As 'notify.repeat_max', for this route.", None, check=positive)

    @property
    def takes_all(self) -> bool:
        """Whether no alert goes past it."""
        return not (self.levels or self.tags or self.orgs or self.rules or self.hours or self.continues)

    def timing(self, general: Timing) -> Timing:
        """Return when its groups are told: what it says itself, and the rest as everywhere."""
        names = (field.name for field in fields(Timing))
        return Timing(**{
            name: getattr(general, name) if getattr(self, name) is None else getattr(self, name) for name in names
        })  # fmt: skip


@dataclass(frozen=True)
class NotifySettings(Timing):
    """Who is told about alerts, when, and how often."""

    channels: tuple[ChannelSettings, ...] = setting("Whom notifications go to.", ())
    routes: tuple[RouteSettings, ...] = setting(
        "Which alerts go to which channels; the first one that fits. Without routes every channel hears of all.", ()
    )
    default: tuple[str, ...] | None = setting(
        "Channels that hear of what no route takes; [] for nobody. Needed when there are routes that do not take all.",
        None,
    )
    in_flight: int = setting("How many notifications of one channel are sent at the same time.", 4, check=positive)
    retry_first: Seconds = setting(
        "Pause after the first failed attempt; it doubles with each.", Seconds(1.0), check=positive
    )
    retry_max: Seconds = setting(
        "Longest pause between two attempts; a receiver may ask for more with Retry-After, up to an hour.",
        Seconds(60.0),
        check=positive,
    )
    give_up_after: Seconds = setting(
        "How long a notification is tried; then it is a dead letter, until somebody looks after it.",
        Seconds(24 * 3600.0),
        check=positive,
    )
    failing_after: int = setting(
        "Failed attempts in a row that make a channel a failing one, which is an alert on the others.", 5,
        check=positive,
    )  # fmt: skip
    alerts_max: int = setting("Alerts of one notification that are shown; it counts beyond.", 20, check=positive)
    evidence_max: int = setting("Events of an alert that a notification shows.", 3, check=positive)
    keep: Seconds = setting("How long delivered notifications are kept.", Seconds(7 * 86400.0), check=positive)
    digest_wait: Seconds = setting(
        "How long the digest waits after the first notification that was held back; then one in each 'max_per' time.",
        Seconds(60.0),
        check=positive,
    )
