"""A finding: what the rules say about an alert.  The word that the rules, the alert store and the notifications share.

A change carries the whole state of its alert in absolute numbers, so that applying it twice is the same as once.
"""

import re
from typing import Final, Literal, NamedTuple

Level = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")

#: What the ids of rules begin with that stand in no file: the collector looks after their alerts itself.
OWN_RULES: Final = "watchbook."

#: A value of a group-by field; None when the event had no such field (only where the rule allows that).
GroupValue = str | int | float | bool | None


class RuleBrief(NamedTuple):
    """What an alert keeps of its rule, so that it can be read when the rule is gone.

    ``shadow``: the rule is on trial; its alerts are kept, and nobody is told of them.
    """

    id: str
    title: str
    level: Level
    description: str | None = None
    response: str | None = None
    runbook: str | None = None
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    shadow: bool = False


class AlertState(NamedTuple):
    """An alert as the rules see it.  Times are microseconds since the epoch.

    ``id`` is derived from the rule, the group and the first event: the same cause gives the same id.  ``track`` is ""
    or the stream whose events came too late to be counted with those of other streams.  ``events`` is how many were
    counted, ``first`` and ``last`` are the times of the earliest and the latest.  The rule's condition held from
    ``holds_from`` to ``holds_until`` (event time).  ``received`` is when the last event of the group was stored,
    ``opened`` when the event that fired it was.  ``resolved`` is the event time at which it was over, ``resolution``
    why: ``quiet``, ``state_evicted`` or ``rule_changed``; of a silence ``returned`` or ``given_up``.  A silence that
    began before anything was heard has no ``events``; ``first`` and ``last`` are then when it began to be expected.
    """

    id: str
    rule: RuleBrief
    group: tuple[tuple[str, GroupValue], ...]
    track: str
    events: int
    first: int
    last: int
    holds_from: int
    holds_until: int
    received: int
    opened: int
    resolved: int | None = None
    resolution: str | None = None


_PLACE: Final = re.compile(r"<([A-Za-z_][\w.]*)>")
#: What may stand in a command that somebody copies into a shell: nothing there can end a quote or begin another word.
_HARMLESS: Final = re.compile(r"[\w@][\w.@:/+=,%-]{0,199}")


def response_of(alert: AlertState) -> str | None:
    """Return what its rule says is to be done, with the values of the group where ``<field>`` stands.

    A value comes from an event, that is perhaps from an attacker, and the text holds commands: what could steer a shell
    or a query is left as ``<field>``.
    """
    values = dict(alert.group)

    def value_at(found: re.Match[str]) -> str:
        value = values.get(found[1])
        return str(value) if value is not None and _HARMLESS.fullmatch(str(value)) else found[0]

    return None if alert.rule.response is None else _PLACE.sub(value_at, alert.rule.response)


class AlertChange(NamedTuple):
    """Something new about an alert: it opened, it went on, or it is over.

    ``event_ids`` are the events counted since the last change, in the order they were counted; the first id of an
    ``opened`` change is the alert's first event.
    """

    kind: Literal["opened", "updated", "resolved"]
    alert: AlertState
    event_ids: tuple[str, ...] = ()


class RuleException(NamedTuple):
    """Events that do not count for a rule, because somebody said so: those with all of these field values.

    It holds for events that arrived as number ``since`` or later, until (not including) number ``ended``, and that
    happened before ``until`` (microseconds since the epoch).  Numbers of arrival and event times are what a replay and
    a back-test see too: so all of them decide alike.
    """

    id: str
    rule_id: str
    fields: tuple[tuple[str, GroupValue], ...]
    since: int
    until: int
    ended: int | None = None


class ExceptionUse(NamedTuple):
    """How many matches an exception kept from counting, and when the latest of them happened."""

    events: int
    last: int


class Inhibition(NamedTuple):
    """While an alert of ``rule_id`` is not resolved, those of ``inhibits`` with equal values of ``equal`` stay quiet.

    Both are ids of rules, ``equal`` are fields that both rules group by.
    """

    rule_id: str
    inhibits: str
    equal: tuple[str, ...]
