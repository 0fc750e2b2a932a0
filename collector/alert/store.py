"""Alerts on disk: rows, evidence, notifications and how far the rules have read, changed together or not at all.

The store has its connection to itself and locks it, so any thread may call any method; ``apply`` is one short
transaction.  Applying a change a second time changes nothing: states are absolute, ids are derived.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.cursor import read_cursor, write_cursor
from collector.alert.outbox import Outbox
from collector.alert.payload import TYPES, alert_json, notification_body, notification_id
from collector.alert.settings import AlertSettings
from collector.alert.state import State
from collector.finding import AlertChange, AlertState, RuleBrief

#: Finds an event by its id and gives it in flat form; None when it is gone.
EventOf = Callable[[str], Mapping[str, Any] | None]

LIST_MAX: Final = 1000
STATUSES: Final = ("open", "resolved")


class Watermark(NamedTuple):
    """How far the rules have read: the number of the last event of a block, and when that block was received."""

    number: int
    received: int


class AlertStore:
    """The tables of :mod:`collector.alert.migrations` behind one connection.

    ``outbox`` holds the notifications that ``apply`` writes.  ``event_of`` is asked for the first event of an alert
    that opens or ends, to put it into the notification.
    """

    def __init__(self, connection: sqlite3.Connection, settings: AlertSettings, event_of: EventOf) -> None:
        self._state = State(connection)
        self.outbox = Outbox(self._state)
        self._channels = settings.notify
        self._evidence_max = settings.evidence_max
        self._event_of = event_of

    def close(self) -> None:
        """Close the connection."""
        self._state.close()

    def apply(self, changes: Sequence[AlertChange], watermark: Watermark | None) -> int:
        """Write changes, their notifications and the watermark in one transaction; return how many notifications.

        ``watermark`` is None for changes that no block brought (a timer, a restart).  It never goes back.
        """
        # Read before the transaction, so that the database is locked as short as can be.
        events = self._first_events([change for change in changes if self._told(change)])
        with self._state.transaction() as connection:
            added = sum(self._apply_one(connection, change, events.get(change.alert.id)) for change in changes)
            if watermark is not None:
                connection.execute(
                    "insert into rule_watermark (id, number, received) values (1, ?, ?) on conflict (id) do update set "
                    "number = excluded.number, received = excluded.received where excluded.number > number",
                    watermark,
                )
        return added

    def watermark(self) -> Watermark | None:
        """Return how far the rules have read, None when they have read nothing yet."""
        row = self._state.row("select number, received from rule_watermark")
        return None if row is None else Watermark(*row)

    def open_alerts(self) -> list[AlertState]:
        """Return the state of every open alert, for the rules to take up after a restart."""
        return [
            _state(row)
            for row in self._state.rows(f"select {_COLUMNS} from alert where status = 'open' order by opened, id")
        ]

    def get(self, alert_id: str) -> dict[str, Any] | None:
        """Return one alert with the ids of its events, ready for JSON; None when there is none."""
        row = self._state.row(f"select {_COLUMNS} from alert where id = ?", alert_id)
        if row is None:
            return None
        ids = self._state.rows("select event_id from alert_event where alert_id = ? order by position", alert_id)
        return {**alert_json(_state(row)), "event_ids": [event_id for (event_id,) in ids]}

    def page(
        self,
        *,
        status: str | None = None,
        rule: str | None = None,
        level: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """Return a page of alerts, newest first, ready for JSON: ``{"alerts": [...], "next_cursor": "…"}``.

        ``rule`` is a rule's id.  ``next_cursor`` is there when more alerts may follow; it belongs to the same filters.
        Raises CursorError for a cursor of another query.
        """
        limit = min(max(limit, 1), LIST_MAX)
        filters = {"status": status, "rule_id": rule, "level": level}
        wheres = [f"{column} = ?" for column, value in filters.items() if value is not None]
        values: list[Any] = [value for value in filters.values() if value is not None]
        if cursor is not None:
            wheres.append("(opened, id) < (?, ?)")
            values.extend(read_cursor(cursor, filters))
        where = f"where {' and '.join(wheres)}" if wheres else ""
        rows = self._state.rows(
            f"select {_COLUMNS} from alert {where} order by opened desc, id desc limit ?", *values, limit
        )
        states = [_state(row) for row in rows]
        page: dict[str, Any] = {"alerts": [alert_json(state) for state in states]}
        if len(states) == limit:
            page["next_cursor"] = write_cursor(states[-1].opened, states[-1].id, filters)
        return page

    def counts(self) -> dict[str, int]:
        """Return how many alerts there are by status."""
        found = dict(self._state.rows("select status, count(*) from alert group by status"))
        return {status: found.get(status, 0) for status in STATUSES}

    def _told(self, change: AlertChange) -> bool:
        return change.kind in TYPES and bool(self._channels)

    def _first_events(self, changes: Sequence[AlertChange]) -> dict[str, Mapping[str, Any] | None]:
        """Return the first event of each alert, by the alert's id."""
        events: dict[str, Mapping[str, Any] | None] = {}
        for change in changes:
            if change.alert.id not in events:
                event_id = change.event_ids[0] if change.event_ids else self._first_event_id(change.alert.id)
                events[change.alert.id] = None if event_id is None else self._event_of(event_id)
        return events

    def _first_event_id(self, alert_id: str) -> str | None:
        row = self._state.row("select event_id from alert_event where alert_id = ? order by position limit 1", alert_id)
        return None if row is None else str(row[0])

    def _apply_one(self, connection: sqlite3.Connection, change: AlertChange, event: Mapping[str, Any] | None) -> int:
        _write_alert(connection, change.alert)
        self._write_evidence(connection, change)
        if not self._told(change):
            return 0
        kept = connection.execute(
            "select event_id from alert_event where alert_id = ? order by position", (change.alert.id,)
        )
        payload = notification_body(change, [event_id for (event_id,) in kept], event)
        added = 0
        for channel in self._channels:
            if change.kind == "resolved" and not channel.resolved:
                continue
            when = change.alert.received
            added += connection.execute(
                "insert into outbox (id, alert_id, channel, payload, created, next_attempt) values (?, ?, ?, ?, ?, 0) "
                "on conflict (id) do nothing",
                (notification_id(change, channel.name), change.alert.id, channel.name, payload, when),
            ).rowcount
        return added

    def _write_evidence(self, connection: sqlite3.Connection, change: AlertChange) -> None:
        if not change.event_ids:
            return
        (have,) = connection.execute(
            "select count(*) from alert_event where alert_id = ?", (change.alert.id,)
        ).fetchone()
        connection.executemany(
            "insert into alert_event (alert_id, position, event_id) values (?, ?, ?) on conflict do nothing",
            [
                (change.alert.id, have + index, event_id)
                for index, event_id in enumerate(change.event_ids[: max(self._evidence_max - have, 0)])
            ],
        )


_FIELDS: Final = (
    "id", "rule_id", "title", "level", "description", "response", "runbook", "tags", "falsepositives", "group_key",
    "track", "events", "first", "last", "holds_from", "holds_until", "received", "opened", "resolved", "resolution",
)  # fmt: skip
_COLUMNS: Final = ", ".join(_FIELDS)
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
)
_WRITE: Final = (
    f"insert into alert ({_COLUMNS}, status) values ({', '.join('?' * (len(_FIELDS) + 1))}) "
    f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)} "
    "where alert.status = 'open' and excluded.events >= alert.events"
)


def _write_alert(connection: sqlite3.Connection, alert: AlertState) -> None:
    rule = alert.rule
    connection.execute(
        _WRITE,
        (
            alert.id, rule.id, rule.title, rule.level, rule.description, rule.response, rule.runbook,
            _json(rule.tags), _json(rule.falsepositives), _json(alert.group), alert.track, alert.events,
            alert.first, alert.last, alert.holds_from, alert.holds_until, alert.received, alert.opened, alert.resolved,
            alert.resolution, "open" if alert.resolved is None else "resolved",
        ),
    )  # fmt: skip


def _json(value: Sequence[Any]) -> str:
    return orjson.dumps(value).decode()


def _state(row: tuple[Any, ...]) -> AlertState:
    rule_id, title, level, description, response, runbook, tags, falsepositives = row[1:9]
    texts = (tuple(orjson.loads(tags)), tuple(orjson.loads(falsepositives)))
    group = tuple((name, value) for name, value in orjson.loads(row[9]))
    return AlertState(
        row[0], RuleBrief(rule_id, title, level, description, response, runbook, *texts), group, *row[10:]
    )
