"""The alerts that are not resolved of rules of which one inhibits another, by the values that must be equal.

A rule may have very many of them: who inhibits whom must not take a look at each whenever one opens.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from collector.finding import GroupValue, Inhibition

Group = tuple[tuple[str, GroupValue], ...]
Values = tuple[GroupValue, ...]
#: An alert: when it opened, and its id.
_Alert = tuple[int, str]
_READ: Final = (
    "select id, rule_id, group_key, opened from alert indexed by alert_unresolved where status <> 'resolved' "
    "and shadow = 0 and rule_id in (select value from json_each(?))"
)


class Unresolved:
    """Read once, then told of each change; it belongs to the transaction in which it is changed."""

    def __init__(self, connection: sqlite3.Connection, inhibitions: Sequence[Inhibition]) -> None:
        self.inhibitions = inhibitions
        self._inhibiting: dict[str, list[Inhibition]] = {}
        self._inhibited: dict[str, list[Inhibition]] = {}
        for each in inhibitions:
            self._inhibiting.setdefault(each.rule_id, []).append(each)
            self._inhibited.setdefault(each.inhibits, []).append(each)
        self._inhibitors: dict[Inhibition, dict[Values, set[_Alert]]] = {each: defaultdict(set) for each in inhibitions}
        self._targets: dict[Inhibition, dict[Values, set[_Alert]]] = {each: defaultdict(set) for each in inhibitions}
        rules = list({*self._inhibiting, *self._inhibited})
        if rules:
            for alert_id, rule_id, group, opened in connection.execute(_READ, (orjson.dumps(rules).decode(),)):
                pairs = tuple((name, value) for name, value in orjson.loads(group))
                self.note(alert_id, rule_id, pairs, opened, is_resolved=False)

    def concerns(self, rule_id: str) -> bool:
        """Return whether a rule inhibits another or is inhibited."""
        return rule_id in self._inhibiting or rule_id in self._inhibited

    def note(self, alert_id: str, rule_id: str, group: Group, opened: int, *, is_resolved: bool) -> None:
        """Take note of how an alert stands."""
        for inhibitions, found in ((self._inhibiting, self._inhibitors), (self._inhibited, self._targets)):
            for inhibition in inhibitions.get(rule_id, ()):
                values = _values(group, inhibition)
                if values is None:
                    continue
                alerts = found[inhibition]
                if not is_resolved:
                    alerts[values].add((opened, alert_id))
                elif values in alerts:
                    alerts[values].discard((opened, alert_id))
                    if not alerts[values]:
                        del alerts[values]

    def inhibitor_of(self, rule_id: str, group: Group) -> str | None:
        """Return the alert that inhibits one of a rule and group, the first there was; None: nothing does."""
        for inhibition in self._inhibited.get(rule_id, ()):
            if not self._inhibitors[inhibition]:
                continue
            values = _values(group, inhibition)
            alerts = None if values is None else self._inhibitors[inhibition].get(values)
            if alerts:
                return min(alerts)[1]
        return None

    def targets_of(self, rule_id: str, group: Group) -> Iterator[str]:
        """Yield the alerts that one of a rule and group inhibits or inhibited, the first there was first."""
        for inhibition in self._inhibiting.get(rule_id, ()):
            values = _values(group, inhibition)
            if values is not None:
                yield from (alert_id for _, alert_id in sorted(self._targets[inhibition].get(values, ())))


def _values(group: Group, inhibition: Inhibition) -> Values | None:
    """Return the values that must be equal; None when an alert is not grouped by one of them (any more)."""
    equal = inhibition.equal
    if len(group) == 1 == len(equal):  # nearly all of them
        ((name, value),) = group
        return (value,) if name == equal[0] else None
    known = dict(group)
    return tuple(known[name] for name in equal) if all(name in known for name in equal) else None
