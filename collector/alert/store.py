"""Alerts on disk: rows, evidence, notifications and how far the rules have read, changed together or not at all.

The store has its connection to itself and locks it, so any thread may call any method; ``apply`` is one short
transaction.  Applying a change a second time changes nothing: states are absolute, ids are derived.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.cursor import read_cursor, write_cursor
from collector.alert.outbox import Outbox
from collector.alert.payload import TYPES, alert_json, notification_body, notification_id
from collector.alert.rows import COLUMNS, Notification, event_ids_of, state_of, write_alerts, write_notifications
from collector.alert.settings import AlertSettings
from collector.alert.state import State
from collector.finding import AlertChange, AlertState

#: Finds an event by its id and gives it in flat form; None when it is gone.
EventOf = Callable[[str], Mapping[str, Any] | None]

LIST_MAX: Final = 1000
STATUSES: Final = ("open", "resolved")


class Watermark(NamedTuple):
    """How far the rules have read: the number of the last event of a block, and when that block was received.

    ``ticked``: up to which time the clock has ended what was quiet.
    """

    number: int
    received: int
    ticked: int = 0


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
            added = self._write(connection, changes, events)
            if watermark is not None:
                connection.execute(
                    "insert into rule_watermark (id, number, received, ticked) values (1, ?, ?, ?) on conflict (id) "
                    "do update set number = excluded.number, received = excluded.received, "
                    "ticked = excluded.ticked where excluded.number >= number",
                    watermark,
                )
        return added

    def watermark(self) -> Watermark | None:
        """Return how far the rules have read, None when they have read nothing yet."""
        row = self._state.row("select number, received, ticked from rule_watermark")
        return None if row is None else Watermark(*row)

    def open_alerts(self) -> list[AlertState]:
        """Return the state of every open alert, for the rules to take up after a restart."""
        return [
            state_of(row)
            for row in self._state.rows(f"select {COLUMNS} from alert where status = 'open' order by opened, id")
        ]

    def get(self, alert_id: str) -> dict[str, Any] | None:
        """Return one alert with the ids of its events, ready for JSON; None when there is none."""
        row = self._state.row(f"select {COLUMNS}, event_ids from alert where id = ?", alert_id)
        if row is None:
            return None
        *columns, event_ids = row
        return {**alert_json(state_of(tuple(columns))), "event_ids": orjson.loads(event_ids)}

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
            f"select {COLUMNS} from alert {where} order by opened desc, id desc limit ?", *values, limit
        )
        states = [state_of(row) for row in rows]
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
        row = self._state.row("select json_extract(event_ids, '$[0]') from alert where id = ?", alert_id)
        return None if row is None else row[0]

    def _write(
        self,
        connection: sqlite3.Connection,
        changes: Sequence[AlertChange],
        events: Mapping[str, Mapping[str, Any] | None],
    ) -> int:
        """Write what is left of each alert after all of its changes, and what each change tells."""
        kept = event_ids_of(connection, list({change.alert.id: None for change in changes}))
        last: dict[str, AlertState] = {}
        notifications: list[Notification] = []
        for change in changes:
            alert = change.alert
            ids = kept.setdefault(alert.id, [])
            self._keep(ids, change.event_ids)
            last[alert.id] = _later(last.get(alert.id), alert)
            if self._told(change):
                notifications += self._notifications(change, ids, events.get(alert.id))
        write_alerts(connection, ((alert, kept[alert_id]) for alert_id, alert in last.items()))
        return write_notifications(connection, notifications)

    def _keep(self, ids: list[str], fresh: Sequence[str]) -> None:
        """Add the ids of events, as long as there is room for them."""
        room = self._evidence_max - len(ids)
        if room > 0 and fresh:
            known = set(ids)
            ids.extend(islice((event_id for event_id in fresh if event_id not in known), room))

    def _notifications(
        self, change: AlertChange, event_ids: Sequence[str], event: Mapping[str, Any] | None
    ) -> list[Notification]:
        payload = notification_body(change, event_ids, event)
        return [
            Notification(
                notification_id(change, channel.name), change.alert.id, channel.name, payload, change.alert.received
            )
            for channel in self._channels
            if change.kind != "resolved" or channel.resolved
        ]


def _later(before: AlertState | None, alert: AlertState) -> AlertState:
    """Return what two changes of one alert leave: what is resolved stays so, and no count goes back."""
    if before is None or (before.resolved is None and alert.events >= before.events):
        return alert
    return before
