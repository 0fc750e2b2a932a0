"""Alerts on disk: rows, evidence, what happened, and how far the rules have read, changed together or not at all.

The store has its connection to itself and locks it, so any thread may call any method; ``apply`` is one short
transaction.  Applying a change a second time changes nothing: states are absolute, ids are derived.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.exception_rows import note_uses, read_exceptions, take_up_exceptions
from collector.alert.hiding import Hiding
from collector.alert.life import STATUSES, Life, follow
from collector.alert.pages import Filters, read_page
from collector.alert.rows import (
    COLUMNS,
    VIEW_COLUMNS,
    AlertView,
    parts,
    state_of,
    view_of,
    write_alerts,
    written,
)
from collector.alert.settings import AlertSettings
from collector.alert.transitions import Happened, Transition, transitions_after, write_transitions
from collector.finding import AlertChange, AlertState, ExceptionUse, Inhibition, RuleException
from collector.locked import LockedConnection
from watchbook.clock import Clock, now_us

_NO_USES: Final[Mapping[str, ExceptionUse]] = {}


class Watermark(NamedTuple):
    """How far the rules have read: the number of the last event of a block, and when that block was received.

    ``ticked``: up to which time the clock has ended what was quiet.
    """

    number: int
    received: int
    ticked: int = 0


class AlertStore:
    """The tables of :mod:`collector.alert.migrations` behind one connection, as rules and notifications use them.

    ``inhibitions``: which rules keep which quiet.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        settings: AlertSettings,
        *,
        inhibitions: Sequence[Inhibition] = (),
        clock: Clock = now_us,
    ) -> None:
        self.state = LockedConnection(connection)
        self.hiding = Hiding(inhibitions)
        self._evidence_max = settings.evidence_max
        self._clock = clock
        self._exceptions_changed = True

    def close(self) -> None:
        """Close the connection."""
        self.state.close()

    def apply(
        self,
        changes: Sequence[AlertChange],
        watermark: Watermark | None,
        uses: Mapping[str, ExceptionUse] = _NO_USES,
    ) -> int:
        """Write changes, their transitions and the watermark in one transaction; return how many transitions.

        ``watermark`` is None for changes that no block brought (a timer, a restart).  It never goes back.  ``uses`` is
        what exceptions kept from counting up to the watermark since the last call.
        """
        with self.state.transaction() as connection:
            added = self._write(connection, changes)
            note_uses(connection, uses)
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
        row = self.state.row("select number, received, ticked from rule_watermark")
        return None if row is None else Watermark(*row)

    def open_alerts(self) -> list[AlertState]:
        """Return the state of every alert that its rule is not done with, for the rules to take up after a restart.

        What people made of it is nothing to the rules: one that was resolved by hand goes on counting.
        """
        return [
            state_of(row)
            for row in self.state.rows(f"select {COLUMNS} from alert where resolved is null order by opened, id")
        ]

    def opened_since(self, time_us: int) -> dict[str, int]:
        """Return how many alerts each rule has opened since a time, by the rule's id."""
        rows = self.state.rows(f"select rule_id, count(*) from alert where opened >= {int(time_us)} group by rule_id")
        return dict(rows)

    def exceptions(self) -> list[RuleException]:
        """Return every exception that the rules have taken up, also those that are over: a replay needs them."""
        with self.state.transaction() as connection:
            return read_exceptions(connection)

    def fresh_exceptions(self, next_number: int) -> list[RuleException] | None:
        """Return all exceptions when people changed them, None when not; what is new holds from ``next_number`` on.

        The rules ask before they read the event with this arrival number, so that it is on disk from where on an
        exception holds before it does.
        """
        if not self._exceptions_changed:
            return None
        self._exceptions_changed = False
        try:
            with self.state.transaction() as connection:
                take_up_exceptions(connection, next_number)
                return read_exceptions(connection)
        except BaseException:
            self._exceptions_changed = True
            raise

    def exceptions_changed(self) -> None:
        """Take note that people made or ended an exception."""
        self._exceptions_changed = True

    def alert(self, alert_id: str) -> AlertView | None:
        """Return an alert as it is now, None when there is none."""
        row = self.state.row(f"select {VIEW_COLUMNS} from alert where id = ?", alert_id)
        return None if row is None else view_of(row)

    def evidence(self, alert_id: str) -> list[str]:
        """Return the ids of the events that an alert keeps: its first ones."""
        row = self.state.row("select event_ids from alert where id = ?", alert_id)
        return [] if row is None else list(orjson.loads(row[0]))

    def alerts_with_evidence(self, alert_ids: Collection[str]) -> dict[str, tuple[AlertView, list[str]]]:
        """Return those alerts that there are, as they are now, each with the ids of the events that it keeps."""
        found: dict[str, tuple[AlertView, list[str]]] = {}
        for part in parts(list(alert_ids)):
            marks = ", ".join("?" * len(part))
            for *row, ids in self.state.rows(f"select {VIEW_COLUMNS}, event_ids from alert where id in ({marks})", *part):
                found[row[0]] = (view_of(tuple(row)), orjson.loads(ids))
        return found

    def transitions_after(self, number: int, limit: int) -> list[Transition]:
        """Return what happened to alerts after a transition, oldest first; nothing of rules in shadow mode."""
        return transitions_after(self.state, number, limit)

    def page(self, filters: Filters | None = None, *, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
        """Return a page of alerts, newest first, ready for JSON: ``{"alerts": [...], "next_cursor": "…"}``.

        ``next_cursor`` is None when no more follow; it belongs to the same filters.  Raises CursorError for a
        cursor of another query.
        """
        return read_page(self.state, filters or Filters(), limit, cursor)

    def counts(self) -> dict[str, int]:
        """Return how many alerts there are by status, without those of rules in shadow mode."""
        found = dict(self.state.rows("select status, count(*) from alert where shadow = 0 group by status"))
        return {status: found.get(status, 0) for status in STATUSES}

    def shadow_counts(self) -> dict[str, int]:
        """Return how many alerts of rules in shadow mode there are by status."""
        found = dict(self.state.rows("select status, count(*) from alert where shadow = 1 group by status"))
        return {status: found.get(status, 0) for status in STATUSES}

    def hidden(self) -> dict[str, int]:
        """Return how many alerts that are not resolved are silenced, and how many are inhibited."""
        row = self.state.row("select count(silenced_by), count(inhibited_by) from alert where status <> 'resolved'")
        return {"silenced": row[0], "inhibited": row[1]}

    def _write(self, connection: sqlite3.Connection, changes: Sequence[AlertChange]) -> int:
        """Write what is left of each alert after all of its changes, and what happened."""
        now = self._clock()
        before = written(connection, list({change.alert.id: None for change in changes}))
        lives = {alert_id: each.life for alert_id, each in before.items()}
        kept = {alert_id: each.event_ids for alert_id, each in before.items()}
        last: dict[str, AlertState] = {}
        happened: list[Happened] = []
        for change in changes:
            alert = change.alert
            self._keep(kept.setdefault(alert.id, []), change.event_ids)
            last[alert.id] = _later(last.get(alert.id), alert)
            lives[alert.id] = self._follow(lives.get(alert.id), change, now, happened)
        write_alerts(connection, ((alert, lives[alert_id].status, kept[alert_id]) for alert_id, alert in last.items()))
        judged = [each.alert_id for each in happened if each.kind != "updated"]
        happened += self.hiding.judge(connection, list(dict.fromkeys(judged)), now)
        write_transitions(connection, happened)
        return len(happened)

    def _follow(self, life: Life | None, change: AlertChange, now: int, happened: list[Happened]) -> Life:
        """Return what a change makes of an alert, and add what happened."""
        known = life
        life, kind = follow(life, change)
        note = change.alert.resolution if kind == "resolved" else "it matched again" if kind == "reopened" else None
        if kind is not None:
            happened.append(Happened(change.alert.id, kind, now, None, note))
        if known is None and life.over:
            happened.append(Happened(change.alert.id, "resolved", now, None, change.alert.resolution))
        return life

    def _keep(self, ids: list[str], fresh: Sequence[str]) -> None:
        """Add the ids of events, as long as there is room for them."""
        room = self._evidence_max - len(ids)
        if room > 0 and fresh:
            known = set(ids)
            ids.extend(islice((event_id for event_id in fresh if event_id not in known), room))


def _later(before: AlertState | None, alert: AlertState) -> AlertState:
    """Return what two changes of one alert leave: what is resolved stays so, and no count goes back."""
    if before is None or (before.resolved is None and alert.events >= before.events):
        return alert
    return before
