"""Alerts as rows of ``state.db`` and back, written many at a time.

A statement with many rows is one call into SQLite.  One call a row would give up the interpreter's lock at each, and
beside a busy thread wait for it again up to its switch interval of 5 ms: thousands of alerts would take seconds.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.life import Life, Status
from collector.finding import AlertState, RuleBrief

_FIELDS: Final = (
    "id", "rule_id", "title", "level", "description", "response", "runbook", "tags", "falsepositives", "group_key",
    "track", "events", "first", "last", "holds_from", "holds_until", "received", "opened", "resolved", "resolution",
)  # fmt: skip
#: What :func:`state_of` reads.
COLUMNS: Final = ", ".join(_FIELDS)
#: What :func:`view_of` reads.
VIEW_COLUMNS: Final = (
    f"{COLUMNS}, status, acknowledged, acknowledged_by, acknowledged_note, closed, closed_by, closed_note, "
    "silenced_by, inhibited_by, disposition, disposition_at, disposition_by, disposition_note, "
    "shadow"
)
#: What a later change of an alert may change.  What its rule is done with stays so.
_CHANGING: Final = (
    "events", "first", "last", "holds_from", "holds_until", "received", "resolved", "resolution", "status", "event_ids",
)  # fmt: skip
_INSERT_ALERTS: Final = f"insert into alert ({COLUMNS}, status, closed, event_ids, shadow)"
#: Whoever looked after an alert that is open again does so no more; one that people resolved stays theirs.
_OF_PEOPLE: Final = (
    *(f"{name} = iif(excluded.status = 'open', null, alert.{name})"
      for name in ("acknowledged", "acknowledged_by", "acknowledged_note")),
    "closed = iif(excluded.status = 'resolved', coalesce(alert.closed, excluded.closed), null)",
    *(f"{name} = iif(excluded.status = 'resolved', alert.{name}, null)" for name in ("closed_by", "closed_note")),
)  # fmt: skip
_OR_UPDATE: Final = (
    f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)}, "
    f"{', '.join(_OF_PEOPLE)} where alert.resolved is null and excluded.events >= alert.events"
)
#: Rows of one statement: the number of different statements is as bounded as their length.
_SIZES: Final = (128, 16, 4, 1)


class Written(NamedTuple):
    """What is known of an alert before a change: its life, and the ids of the events that it keeps."""

    life: Life
    event_ids: list[str]


class AlertView(NamedTuple):
    """An alert as people see it: what its rule knows of it (``state``), and what they made of it (see ``migrations``).

    ``silenced_by`` and ``inhibited_by`` say whether it is to be kept quiet.  ``shadow``: its rule is on trial.
    """

    state: AlertState
    status: Status
    acknowledged: int | None = None
    acknowledged_by: str | None = None
    acknowledged_note: str | None = None
    closed: int | None = None
    closed_by: str | None = None
    closed_note: str | None = None
    silenced_by: str | None = None
    inhibited_by: str | None = None
    disposition: str | None = None
    disposition_at: int | None = None
    disposition_by: str | None = None
    disposition_note: str | None = None
    shadow: bool = False


def write_alerts(connection: sqlite3.Connection, alerts: Iterable[tuple[AlertState, Status, Sequence[str]]]) -> None:
    """Write alerts with the ids of their events; one that is over, or counted more events, stays as it is."""
    insert(connection, _INSERT_ALERTS, [_row_of(*alert) for alert in alerts], _OR_UPDATE)


def written(connection: sqlite3.Connection, alert_ids: Sequence[str]) -> dict[str, Written]:
    """Return what is known of those alerts that are there, by id."""
    found: dict[str, Written] = {}
    for part in parts(alert_ids):
        marks = ", ".join("?" * len(part))
        rows = connection.execute(
            f"select id, status, events, resolved is not null, event_ids from alert where id in ({marks})", part
        )
        for alert_id, status, events, over, ids in rows.fetchall():
            found[alert_id] = Written(Life(status, events, bool(over)), orjson.loads(ids))
    return found


def view_of(row: tuple[Any, ...]) -> AlertView:
    """Return the alert of a row of :data:`VIEW_COLUMNS`."""
    width = len(_FIELDS)
    return AlertView(state_of(row[:width]), *row[width:])


def state_of(row: tuple[Any, ...]) -> AlertState:
    """Return the alert of a row of :data:`COLUMNS`."""
    rule_id, title, level, description, response, runbook, tags, falsepositives = row[1:9]
    texts = (tuple(orjson.loads(tags)), tuple(orjson.loads(falsepositives)))
    group = tuple((name, value) for name, value in orjson.loads(row[9]))
    return AlertState(
        row[0], RuleBrief(rule_id, title, level, description, response, runbook, *texts), group, *row[10:]
    )


def _row_of(alert: AlertState, status: Status, event_ids: Sequence[str]) -> tuple[Any, ...]:
    return (*_state_columns(alert), status, alert.resolved, _json(event_ids), int(alert.rule.shadow))


def _state_columns(alert: AlertState) -> tuple[Any, ...]:
    return (alert.id, *_rule_columns(alert.rule), _json(alert.group), *alert[3:])


@lru_cache(maxsize=1024)
def _rule_columns(rule: RuleBrief) -> tuple[str | None, ...]:
    return (*rule[:6], _json(rule.tags), _json(rule.falsepositives))


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], conflict: str) -> int:
    """Insert many rows with few statements; return how many were."""
    inserted = 0
    for part in parts(rows):
        marks = f"({', '.join('?' * len(part[0]))})"
        values = ", ".join([marks] * len(part))
        inserted += connection.execute(f"{into} values {values} {conflict}", list(chain.from_iterable(part))).rowcount
    return inserted


def parts(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Yield the rows in parts, of few different lengths."""
    start = 0
    while start < len(rows):
        size = next(size for size in _SIZES if size <= len(rows) - start)
        yield rows[start : start + size]
        start += size


def _json(value: Sequence[Any]) -> str:
    return orjson.dumps(value).decode()
