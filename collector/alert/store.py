"""Alerts on disk: rows, evidence, what happened, and how far the rules have read, changed together or not at all.

The store has its connection to itself and locks it, so any thread may call any method; ``apply`` is one short
transaction.  Applying a change a second time changes nothing: states are absolute, ids are derived.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.exception_rows import note_uses, read_exceptions, take_up_exceptions
from collector.alert.hiding import AtHand, Hiding
from collector.alert.life import STATUSES, Life, follow
from collector.alert.pages import Filters, read_page
from collector.alert.rows import (
    ALERTS,
    AMONG,
    COLUMNS,
    VIEW_COLUMNS,
    AlertView,
    Briefs,
    Written,
    among,
    change_alerts,
    changed_row,
    insert_alerts,
    new_row,
    next_number,
    state_of,
    view_of,
    written,
)
from collector.alert.settings import AlertSettings
from collector.alert.transitions import Happened, Transition, transitions_after, write_transitions
from collector.finding import AlertChange, AlertState, ExceptionUse, Inhibition, RuleException
from collector.locked import LockedConnection
from watchbook.clock import Clock, now_us

_NO_USES: Final[Mapping[str, ExceptionUse]] = {}
_NO_EVIDENCE: Final = "[]"
_WATERMARK: Final = (
    "insert into rule_watermark (id, number, received, ticked) values (1, ?, ?, ?) on conflict (id) do update set "
    "number = excluded.number, received = excluded.received, ticked = excluded.ticked where excluded.number >= number"
)


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
        self._briefs = Briefs()
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
        with self.state.transaction(self._forget) as connection:
            added = self._write(connection, changes)
            note_uses(connection, uses)
            if watermark is not None:
                connection.execute(_WATERMARK, watermark)
        return added

    def _forget(self) -> None:
        """Forget what is remembered of a transaction that came to nothing."""
        self._briefs.forget()
        self.hiding.forget()

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
            for row in self.state.rows(f"select {COLUMNS} from {ALERTS} where resolved is null order by opened, id")
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
        row = self.state.row(f"select {VIEW_COLUMNS} from {ALERTS} where id = ?", alert_id)
        return None if row is None else view_of(row)

    def evidence(self, alert_id: str) -> list[str]:
        """Return the ids of the events that an alert keeps: its first ones."""
        row = self.state.row("select event_ids from alert where id = ?", alert_id)
        return [] if row is None else list(orjson.loads(row[0]))

    def alerts_with_evidence(self, alert_ids: Collection[str]) -> dict[str, tuple[AlertView, list[str]]]:
        """Return those alerts that there are, as they are now, each with the ids of the events that it keeps."""
        rows = self.state.rows(f"select event_ids, {VIEW_COLUMNS} from {ALERTS} where {AMONG}", among(alert_ids))
        return {row[1]: (view_of(row[1:]), orjson.loads(row[0])) for row in rows}

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
        return self._counts(shadow=0)

    def shadow_counts(self) -> dict[str, int]:
        """Return how many alerts of rules in shadow mode there are by status."""
        return self._counts(shadow=1)

    def _counts(self, shadow: int) -> dict[str, int]:
        """Count few rows and one index: most alerts are resolved, and there may be very many."""
        with self.state.locked() as connection:
            (total,) = connection.execute("select count(*) from alert where shadow = ?", (shadow,)).fetchone()
            found = dict(
                connection.execute(
                    "select status, count(*) from alert indexed by alert_unresolved where status <> 'resolved' "
                    "and shadow = ? group by status", (shadow,),
                )
            )  # fmt: skip
        return {"resolved": total - sum(found.values())} | {
            status: found.get(status, 0) for status in STATUSES if status != "resolved"
        }

    def hidden(self) -> dict[str, int]:
        """Return how many alerts that are not resolved are silenced, and how many are inhibited."""
        row = self.state.row("select count(silenced_by), count(inhibited_by) from alert where status <> 'resolved'")
        return {"silenced": row[0], "inhibited": row[1]}

    def _write(self, connection: sqlite3.Connection, changes: Sequence[AlertChange]) -> int:
        """Write what is left of each alert after all of its changes, and what happened."""
        if not changes:
            return 0
        now = self._clock()
        before = written(connection, {change.alert.id for change in changes})
        lives: dict[str, Life] = {alert_id: each.life for alert_id, each in before.items()}
        fresh: dict[str, Sequence[str]] = {}
        last: dict[str, AlertState] = {}
        happened: list[Happened] = []
        for change in changes:
            alert = change.alert
            alert_id = alert.id
            if change.event_ids:
                earlier = fresh.get(alert_id)
                fresh[alert_id] = change.event_ids if earlier is None else (*earlier, *change.event_ids)
            last[alert_id] = _later(last.get(alert_id), alert)
            lives[alert_id] = _follow(lives.get(alert_id), change, now, happened)
        reopened = {each.alert_id for each in happened if each.kind == "reopened"}
        numbers = self._write_rows(connection, before, last, lives, fresh, reopened)
        turned = dict.fromkeys(each.alert_id for each in happened if each.kind != "updated")
        at_hand = [_at_hand(last[each], lives[each], before.get(each)) for each in turned]
        happened += self.hiding.judge(connection, at_hand, now)
        write_transitions(connection, happened, numbers)
        return len(happened)

    def _write_rows(
        self,
        connection: sqlite3.Connection,
        before: Mapping[str, Written],
        last: Mapping[str, AlertState],
        lives: Mapping[str, Life],
        fresh: Mapping[str, Sequence[str]],
        reopened: Collection[str],
    ) -> dict[str, int]:
        """Write alerts as they are now, and return their numbers; ``before`` are those that are there.

        One that its rule was done with, or that had counted more events, stays as it is.
        """
        number = next_number(connection)
        numbers: dict[str, int] = {}
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        for alert_id, alert in last.items():
            known, status = before.get(alert_id), lives[alert_id].status
            if known is None:
                ids = self._evidence(_NO_EVIDENCE, fresh.get(alert_id, ()))
                new.append(new_row(number, self._briefs.number_of(connection, alert.rule), alert, status, ids))
                numbers[alert_id] = number
                number += 1
                continue
            numbers[alert_id] = known.number
            if not known.life.over and alert.events >= known.life.events:
                ids = self._evidence(known.event_ids, fresh.get(alert_id, ()))
                changed.append(changed_row(known.number, alert, status, ids, reopened=alert_id in reopened))
        insert_alerts(connection, new)
        change_alerts(connection, sorted(changed))  # neighbours share a page
        return numbers

    def _evidence(self, kept: str, fresh: Sequence[str]) -> str:
        """Return the ids of events with further ones, as long as there is room for them."""
        if not fresh:
            return kept
        ids = [] if kept == _NO_EVIDENCE else orjson.loads(kept)
        if len(ids) >= self._evidence_max:
            return kept
        return orjson.dumps(list(dict.fromkeys((*ids, *fresh)))[: self._evidence_max]).decode()


def _follow(life: Life | None, change: AlertChange, now: int, happened: list[Happened]) -> Life:
    """Return what a change makes of an alert, and add what happened."""
    alert, known = change.alert, life
    life, kind = follow(life, change)
    if kind is not None:
        note = alert.resolution if kind == "resolved" else "it matched again" if kind == "reopened" else None
        happened.append(Happened(alert.id, kind, now, None, note))
    if known is None and life.over:
        happened.append(Happened(alert.id, "resolved", now, None, alert.resolution))
    return life


def _at_hand(alert: AlertState, life: Life, before: Written | None) -> AtHand:
    is_resolved = life.status == "resolved"
    if before is None:
        return AtHand(alert, is_resolved, is_hidden=False, is_shadow=alert.rule.shadow, is_new=True)
    return AtHand(alert, is_resolved, before.is_hidden, before.is_shadow)


def _later(before: AlertState | None, alert: AlertState) -> AlertState:
    """Return what two changes of one alert leave: what is resolved stays so, and no count goes back."""
    if before is None or (before.resolved is None and alert.events >= before.events):
        return alert
    return before
