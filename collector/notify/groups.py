"""What planning remembers: the groups of alerts, what each channel was told, and what was held back."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import orjson

from collector.notify.routing import Binding, Facts, Key

#: What a channel knows of an alert: nothing yet, that it fires, that somebody acknowledged it, or it was held back.
Said = Literal["", "firing", "acknowledged", "held"]
Reason = Literal["new", "resolved", "acknowledged", "repeat", "digest", "calm"]
Standing = Literal["firing", "acknowledged", "resolved"]


@dataclass
class Group:
    """Alerts that share notifications in one channel.  Times are microseconds.

    ``due`` is when it is looked at next, None while nothing can come of that.  ``ticks_from`` is when it was first
    told of: its changes are told every ``interval`` after that.  ``told`` is the time of the last notification,
    ``repeats`` how often it was repeated since the last change, ``count`` how many notifications there were.
    ``number`` is the last transition of one of its alerts, ``open`` whether the channel was told that it fires.
    """

    id: str
    channel: str
    route: str
    key: Key
    due: int | None
    ticks_from: int | None = None
    told: int | None = None
    repeats: int = 0
    count: int = 0
    number: int = 0
    open: bool = False
    members: dict[str, Said] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Name it in idempotency keys: by its alert, or by its own id."""
        return str(self.key[0][1]) if len(self.key) == 1 and self.key[0][0] == "alert" else self.id


@dataclass
class Held:
    """What was held back of a rule: alerts that are new, over, or there still."""

    title: str
    level: str
    new: int = 0
    over: int = 0
    repeats: int = 0


@dataclass
class Flow:
    """How much a channel was told lately: (time, rank of the level) of each notification, and what was held back.

    ``digest_at``: when the digest is due, None when nothing was held back.  ``digest_last``: the last digest's time.
    ``digests``: how many there were.  ``open``: a digest that a stateful channel was not told the end of.
    """

    sent: list[tuple[int, int]] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    held_since: int | None = None
    digest_at: int | None = None
    digest_last: int | None = None
    digests: int = 0
    open: bool = False


@dataclass
class PlanState:
    """All of it.  ``watched``: alerts that may still be routed.  ``number``: the last transition that was planned."""

    number: int = 0
    groups: dict[str, Group] = field(default_factory=dict)
    watched: dict[str, Facts] = field(default_factory=dict)
    flows: dict[str, Flow] = field(default_factory=dict)
    in_force: tuple[bool, ...] | None = None
    #: The groups of each alert, by their ids.
    of_alert: dict[str, set[str]] = field(default_factory=dict)

    def add(self, group: Group) -> None:
        """Take up a group with its members."""
        self.groups[group.id] = group
        for alert_id in group.members:
            self.of_alert.setdefault(alert_id, set()).add(group.id)

    def join(self, group: Group, alert_id: str, said: Said = "") -> None:
        """Make an alert a member of a group."""
        group.members[alert_id] = said
        self.of_alert.setdefault(alert_id, set()).add(group.id)

    def leave(self, group: Group, alert_id: str) -> None:
        """Take an alert out of a group."""
        group.members.pop(alert_id, None)
        groups = self.of_alert.get(alert_id)
        if groups is not None:
            groups.discard(group.id)
            if not groups:
                del self.of_alert[alert_id]

    def remove(self, group: Group) -> None:
        """Forget a group."""
        for alert_id in list(group.members):
            self.leave(group, alert_id)
        self.groups.pop(group.id, None)


def group_id(binding: Binding) -> str:
    """Return the id of a binding's group: the same for the same channel, route and values."""
    text = orjson.dumps([binding.channel, binding.route, binding.key])
    return f"g{hashlib.sha256(text).hexdigest()[:24]}"
