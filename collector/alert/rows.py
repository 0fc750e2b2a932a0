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

from collector.finding import AlertState, RuleBrief

_FIELDS: Final = (
    "id", "rule_id", "title", "level", "description", "response", "runbook", "tags", "falsepositives", "group_key",
    "track", "events", "first", "last", "holds_from", "holds_until", "received", "opened", "resolved", "resolution",
)  # fmt: skip
#: What :func:`state_of` reads.
COLUMNS: Final = ", ".join(_FIELDS)
#: What a later change of an alert may change.  An alert that is resolved stays so.
_CHANGING: Final = (
    "events",
    "first",
    "last",
    "holds_from",
    "holds_until",
    "received",
    "resolved",
    "resolution",
    "status",
    "event_ids",
)
_INSERT_ALERTS: Final = f"insert into alert ({COLUMNS}, status, event_ids)"
_OR_UPDATE: Final = (
    f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)} "
    "where alert.status = 'open' and excluded.events >= alert.events"
)
_INSERT_NOTIFICATIONS: Final = "insert into outbox (id, alert_id, channel, payload, created, next_attempt)"
#: Rows of one statement: the number of different statements is as bounded as their length.
_SIZES: Final = (128, 16, 4, 1)


class Notification(NamedTuple):
    """A notification as the outbox keeps it, due at once."""

    id: str
    alert_id: str
    channel: str
    payload: str
    created: int
    next_attempt: int = 0


def write_alerts(connection: sqlite3.Connection, alerts: Iterable[tuple[AlertState, Sequence[str]]]) -> None:
    """Write alerts with the ids of their events; one that is resolved, or counted more events, stays as it is."""
    _insert(connection, _INSERT_ALERTS, [_row_of(alert, ids) for alert, ids in alerts], _OR_UPDATE)


def write_notifications(connection: sqlite3.Connection, notifications: Sequence[Notification]) -> int:
    """Write notifications that are not there yet; return how many they were."""
    return _insert(connection, _INSERT_NOTIFICATIONS, notifications, "on conflict (id) do nothing")


def event_ids_of(connection: sqlite3.Connection, alert_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the ids of the events that those alerts keep that are there."""
    found: dict[str, list[str]] = {}
    for part in _parts(alert_ids):
        marks = ", ".join("?" * len(part))
        rows = connection.execute(f"select id, event_ids from alert where id in ({marks})", part)
        found.update((alert_id, orjson.loads(ids)) for alert_id, ids in rows.fetchall())
    return found


def state_of(row: tuple[Any, ...]) -> AlertState:
    """Return the alert of a row of :data:`COLUMNS`."""
    rule_id, title, level, description, response, runbook, tags, falsepositives = row[1:9]
    texts = (tuple(orjson.loads(tags)), tuple(orjson.loads(falsepositives)))
    group = tuple((name, value) for name, value in orjson.loads(row[9]))
    return AlertState(
        row[0], RuleBrief(rule_id, title, level, description, response, runbook, *texts), group, *row[10:]
    )


def _row_of(alert: AlertState, event_ids: Sequence[str]) -> tuple[Any, ...]:
    status = "open" if alert.resolved is None else "resolved"
    return (alert.id, *_rule_columns(alert.rule), _json(alert.group), *alert[3:], status, _json(event_ids))


@lru_cache(maxsize=1024)
def _rule_columns(rule: RuleBrief) -> tuple[str | None, ...]:
    return (*rule[:6], _json(rule.tags), _json(rule.falsepositives))


def _insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]], conflict: str) -> int:
    inserted = 0
    for part in _parts(rows):
        marks = f"({', '.join('?' * len(part[0]))})"
        values = ", ".join([marks] * len(part))
        inserted += connection.execute(f"{into} values {values} {conflict}", list(chain.from_iterable(part))).rowcount
    return inserted


def _parts(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    start = 0
    while start < len(rows):
        size = next(size for size in _SIZES if size <= len(rows) - start)
        yield rows[start : start + size]
        start += size


def _json(value: Sequence[Any]) -> str:
    return orjson.dumps(value).decode()
