"""What happened to alerts, in order: rows that are written with what they tell, for whoever tells people of it."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from collector.alert.life import Kind
from collector.alert.rows import insert
from collector.locked import LockedConnection


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


def write_transitions(connection: sqlite3.Connection, happened: Iterable[Happened]) -> None:
    """Write transitions; of an alert's ``updated`` the last takes the place of the one before."""
    insert(connection, 'insert or replace into alert_transition (alert_id, kind, time, "by", note)', list(happened), "")


def transitions_after(state: LockedConnection, number: int, limit: int) -> list[Transition]:
    """Return the transitions after a number, oldest first, of alerts that people are to be told of."""
    rows = state.rows(
        'select number, alert_id, kind, time, "by", note from alert_transition where number > ? '
        "and not exists (select 1 from alert where alert.id = alert_id and shadow = 1) "
        "order by number limit ?", number, limit,
    )  # fmt: skip
    return list(map(Transition._make, rows))


def transitions_of(state: LockedConnection, alert_id: str, limit: int) -> list[Transition]:
    """Return the latest transitions of an alert, oldest first."""
    rows = state.rows(
        'select number, alert_id, kind, time, "by", note from alert_transition where alert_id = ? '
        "order by number desc limit ?", alert_id, limit,
    )  # fmt: skip
    return [Transition(*row) for row in reversed(rows)]
