"""What happened to alerts, in order: rows that are written with what they tell, for whoever tells people of it."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from collector.alert.life import Kind
from collector.alert.rows import AMONG, among, insert
from collector.locked import LockedConnection

_READ: Final = (
    'select happened.number, alert.id, kind, time, "by", note from alert_transition as happened '
    "cross join alert on alert.number = happened.alert"
)


class Happened(NamedTuple):
    """Something that happened to an alert; ``by`` is a token's name, None for the rules and the clock."""

    alert_id: str
    kind: Kind
    time: int
    by: str | None = None
    note: str | None = None


class Transition(NamedTuple):
    """The same with its number: numbers grow, and none is given twice."""

    number: int
    alert_id: str
    kind: Kind
    time: int
    by: str | None
    note: str | None


def write_transitions(
    connection: sqlite3.Connection, happened: Sequence[Happened], numbers: Mapping[str, int] | None = None
) -> None:
    """Write transitions; of an alert's ``updated`` the last takes the place of the one before.

    ``numbers``: those of the alerts, as far as they are known.
    """
    found = {} if numbers is None else numbers
    unknown = {each.alert_id for each in happened if each.alert_id not in found}
    if unknown:
        found = {**found, **dict(connection.execute(f"select id, number from alert where {AMONG}", (among(unknown),)))}
    rows = [(found[alert_id], *rest) for alert_id, *rest in happened]
    insert(connection, 'insert or replace into alert_transition (alert, kind, time, "by", note)', rows)


def transitions_after(state: LockedConnection, number: int, limit: int) -> list[Transition]:
    """Return the transitions after a number, oldest first, of alerts that people are to be told of."""
    rows = state.rows(
        f"{_READ} where happened.number > ? and shadow = 0 order by happened.number limit ?", number, limit
    )
    return list(map(Transition._make, rows))


def transitions_of(state: LockedConnection, alert_id: str, limit: int) -> list[Transition]:
    """Return the latest transitions of an alert, oldest first."""
    rows = state.rows(
        f"{_READ} where happened.alert = (select number from alert where id = ?) order by happened.number desc limit ?",
        alert_id, limit,
    )  # fmt: skip
    return [Transition(*row) for row in reversed(rows)]
