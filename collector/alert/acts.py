"""What people do with an alert: acknowledge, resolve, reopen it, say what it was.  Everything here blocks.

Each act is one transaction: the alert, its transition, whom it keeps quiet no more, and the event that tells of it.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Final

from collector.alert.hiding import AtHand, Hiding
from collector.alert.life import Act, Life, WrongActError, act_on
from collector.alert.reports import Subject, note_reports, report
from collector.alert.rows import ALERTS, VIEW_COLUMNS, AlertView, view_of
from collector.alert.transitions import Happened, write_transitions
from collector.alert.wishes import check_note, wrong
from collector.locked import LockedConnection
from collector.problem import ApiProblem
from watchbook.clock import Clock

DISPOSITIONS: Final = ("true_positive", "false_positive", "benign")
#: From so many characters on, what an id begins with stands for it.
PREFIX_CHARS_MIN: Final = 6
_EVENT_TYPES: Final[dict[Act, tuple[str, str]]] = {
    "acknowledge": ("alert.acknowledged", "acknowledged"),
    "resolve": ("alert.resolved", "resolved"),
    "reopen": ("alert.reopened", "reopened"),
}
_SETS: Final[dict[Act, str]] = {
    "acknowledge": "status = 'acknowledged', acknowledged = ?, acknowledged_by = ?, acknowledged_note = ?",
    "resolve": "status = 'resolved', closed = ?, closed_by = ?, closed_note = ?",
    "reopen": (
        "status = 'open', acknowledged = null, acknowledged_by = null, acknowledged_note = null, closed = null, "
        "closed_by = null, closed_note = null"
    ),
}


def find_alert(read: Callable[..., list[Any]], alert_id: str) -> AlertView:
    """Return the alert with an id, or the one whose id begins so; raises ApiProblem 404 and 409 (several do)."""
    rows = read(f"select {VIEW_COLUMNS} from {ALERTS} where id = ?", alert_id)
    if not rows and len(alert_id) >= PREFIX_CHARS_MIN:
        rows = read(
            f"select {VIEW_COLUMNS} from {ALERTS} where id >= ? and id < ? order by id limit 3",
            alert_id, f"{alert_id}\U0010ffff",
        )  # fmt: skip
    if not rows:
        short = (
            f"; of an id {PREFIX_CHARS_MIN} characters are needed at least" if len(alert_id) < PREFIX_CHARS_MIN else ""
        )
        raise ApiProblem(404, "not-found", f"there is no alert {alert_id[:80]!r}{short}")
    if len(rows) > 1:
        ids = ", ".join(row[0] for row in rows)
        raise ApiProblem(409, "alert-ambiguous", f"several alerts begin with {alert_id[:80]!r} ({ids} …); write more")
    return view_of(rows[0])


class Acts:
    """Acts on alerts; ``by`` is the name of the token of whoever acts."""

    def __init__(self, state: LockedConnection, hiding: Hiding, clock: Clock) -> None:
        self._state = state
        self._hiding = hiding
        self._clock = clock

    def act(self, alert_id: str, act: Act, by: str, note: str | None) -> str:
        """Do something with an alert and return its id; raises ApiProblem 404, 409 and 422."""
        note = check_note(note)
        with self._state.transaction() as connection:
            view = find_alert(reading(connection), alert_id)
            life = Life(view.status, view.state.events, view.state.resolved is not None)
            try:
                after, kind = act_on(life, act)
            except WrongActError as error:
                text = f"the alert {view.state.id} cannot be changed so: {error}"
                raise ApiProblem(409, "alert-state", text) from error
            now = self._clock()
            values = () if act == "reopen" else (now, by, note)
            connection.execute(f"update alert set {_SETS[act]} where id = ?", (*values, view.state.id))
            happened = [Happened(view.state.id, kind, now, by, note)]
            happened += self._hiding.judge_alone(connection, _at_hand(view, after), now)
            write_transitions(connection, happened)
            event_type, word = _EVENT_TYPES[act]
            event = report(
                now, by, "update", event_type, subject_of(view), f"{by} {word} the alert {view.state.rule.title!r}",
                details={"note": note, "rule_id": view.state.rule.id, "level": view.state.rule.level},
                changes=[{"field": "status", "old": view.status, "new": _STATUS_OF[act]}],
            )  # fmt: skip
            note_reports(connection, [event])
        return view.state.id

    def dispose(self, alert_id: str, disposition: str, by: str, note: str | None) -> str:
        """Say what an alert turned out to be and return its id; raises ApiProblem 404, 409 and 422."""
        note = check_note(note)
        if disposition not in DISPOSITIONS:
            raise wrong("disposition", f"expected one of {', '.join(DISPOSITIONS)}, found {disposition[:40]!r}")
        with self._state.transaction() as connection:
            view = find_alert(reading(connection), alert_id)
            now = self._clock()
            connection.execute(
                "update alert set disposition = ?, disposition_at = ?, disposition_by = ?, disposition_note = ? "
                "where id = ?", (disposition, now, by, note, view.state.id),
            )  # fmt: skip
            change = {"field": "disposition", "new": disposition}
            if view.disposition is not None:
                change["old"] = view.disposition
            message = f"{by} said that the alert {view.state.rule.title!r} was a {disposition.replace('_', ' ')}"
            event = report(
                now, by, "update", "alert.disposed", subject_of(view), message,
                details={"note": note, "rule_id": view.state.rule.id}, changes=[change],
            )  # fmt: skip
            note_reports(connection, [event])
        return view.state.id


_STATUS_OF: Final[dict[Act, str]] = {"acknowledge": "acknowledged", "resolve": "resolved", "reopen": "open"}


def _at_hand(view: AlertView, life: Life) -> AtHand:
    is_hidden = view.silenced_by is not None or view.inhibited_by is not None
    return AtHand(view.state, life.status == "resolved", is_hidden, view.shadow)


def subject_of(view: AlertView) -> Subject:
    """Return an alert as what a report is about."""
    return Subject("alert", view.state.id, view.state.rule.title)


def reading(connection: sqlite3.Connection) -> Callable[..., list[Any]]:
    """Return what reads rows in the transaction under way."""
    return lambda sql, *values: connection.execute(sql, values).fetchall()
