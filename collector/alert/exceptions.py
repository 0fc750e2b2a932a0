"""Exceptions made from an alert: events with its field values no longer count for its rule.  Everything here blocks."""

import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.acts import find_alert, reading
from collector.alert.matchers import text_of
from collector.alert.reports import Report, Subject, note_reports, report
from collector.alert.rows import AlertView
from collector.alert.settings import AlertSettings
from collector.alert.wishes import wrong
from collector.finding import GroupValue
from collector.locked import LockedConnection
from collector.problem import ApiProblem
from watchbook.clock import Clock, format_rfc3339

EXCEPTION_STATES: Final = ("waiting", "active", "over", "ended")
FIELDS_MAX: Final = 10
_VALUES_SHOWN: Final = 5
_COLUMNS: Final = (
    "id, rule_id, title, alert_id, fields, author, reason, created, until, since, ended, ended_by, events, last"
)

#: Finds an event by its id and gives it in flat form; None when it is gone.
EventOf = Callable[[str], Mapping[str, Any] | None]


class Fields(NamedTuple):
    """What the rules say about fields: what is wrong with a name (None: nothing), and its value in a flat event."""

    complaint: Callable[[str], str | None]
    value: Callable[[Mapping[str, Any], str], GroupValue]


class Wanted(NamedTuple):
    """A field of an exception; ``given``: with ``value``, else the alert's own value is meant."""

    name: str
    given: bool = False
    value: GroupValue = None


class ExceptionRow(NamedTuple):
    """A row of ``alert_exception``: see ``migrations``."""

    id: str
    rule_id: str
    title: str
    alert_id: str
    fields: str
    author: str
    reason: str
    created: int
    until: int
    since: int | None = None
    ended: int | None = None
    ended_by: str | None = None
    events: int = 0
    last: int | None = None

    def state(self, now: int) -> str:
        """Return one of :data:`EXCEPTION_STATES`; ``waiting``: the rules take it up with the next event."""
        if self.ended is not None:
            return "ended"
        if now >= self.until:
            return "over"
        return "waiting" if self.since is None else "active"


class AlertExceptions:
    """The exceptions in ``state.db``; raises ApiProblem 404, 409 and 422."""

    def __init__(
        self, state: LockedConnection, fields: Fields, event_of: EventOf, settings: AlertSettings, clock: Clock
    ) -> None:
        self._state = state
        self._fields = fields
        self._event_of = event_of
        self._settings = settings
        self._clock = clock

    def listed(self, state: str | None = None, rule: str | None = None) -> list[dict[str, Any]]:
        """Return all exceptions, or those in one state or of one rule, the newest first."""
        now = self._clock()
        rows = self._state.rows(
            f"select {_COLUMNS} from alert_exception where ? is null or rule_id = ? order by created desc, id",
            rule, rule,
        )  # fmt: skip
        found = [ExceptionRow(*row) for row in rows]
        return [_document(each, now) for each in found if state in (None, each.state(now))]

    def get(self, exception_id: str) -> dict[str, Any]:
        """Return one exception."""
        row = self._state.row(f"select {_COLUMNS} from alert_exception where id = ?", exception_id)
        if row is None:
            raise _unknown(exception_id)
        return _document(ExceptionRow(*row), self._clock())

    def add(self, alert_id: str, wanted: Sequence[Wanted], until: int, reason: str, by: str) -> dict[str, Any]:
        """Let events with some values of an alert's fields count no more for its rule, until a time."""
        view = find_alert(self._state.rows, alert_id)
        fields = self._values(view, wanted)
        with self._state.transaction() as connection:
            now = self._clock()
            self._check_room(connection, now)
            row = ExceptionRow(
                secrets.token_hex(6), view.state.rule.id, view.state.rule.title, view.state.id,
                orjson.dumps(fields).decode(), by, reason, now, until,
            )  # fmt: skip
            connection.execute(f"insert into alert_exception ({_COLUMNS}) values ({', '.join('?' * len(row))})", row)
            message = f"{by} made an exception of {row.title!r} for {words_of(row)} until {format_rfc3339(until)}"
            note_reports(connection, [_report(now, by, "create", "exception.created", row, message)])
        return self.get(row.id)

    def end(self, exception_id: str, by: str) -> dict[str, Any]:
        """Take an exception out again."""
        with self._state.transaction() as connection:
            rows = reading(connection)(f"select {_COLUMNS} from alert_exception where id = ?", exception_id)
            if not rows:
                raise _unknown(exception_id)
            found, now = ExceptionRow(*rows[0]), self._clock()
            if (state := found.state(now)) in ("over", "ended"):
                raise ApiProblem(409, "exception-over", f"the exception {exception_id} is {state} already")
            connection.execute(
                "update alert_exception set ended = ?, ended_by = ? where id = ?", (now, by, exception_id)
            )
            message = f"{by} ended the exception of {found.title!r} for {words_of(found)}"
            note_reports(connection, [_report(now, by, "delete", "exception.ended", found, message)])
        return self.get(exception_id)

    def look(self, connection: sqlite3.Connection, now: int) -> None:
        """Tell of the exceptions that are over."""
        rows = reading(connection)(
            f"select {_COLUMNS} from alert_exception where ended is null and told is null and until <= ?", now
        )
        reports: list[Report] = []
        for row in (ExceptionRow(*row) for row in rows):
            connection.execute("update alert_exception set told = ? where id = ?", (now, row.id))
            message = f"the exception of {row.title!r} for {words_of(row)} is over"
            reports.append(_report(now, None, "delete", "exception.expired", row, message))
        note_reports(connection, reports)

    def has_news(self, now: int) -> bool:
        """Return whether :meth:`look` has something to do."""
        row = self._state.row(
            "select 1 from alert_exception where ended is null and told is null and until <= ? limit 1", now
        )
        return row is not None

    def counts(self) -> tuple[int, int]:
        """Return how many exceptions are not over, and how many matches all of them kept from counting."""
        row = self._state.row(
            "select coalesce(sum(ended is null and until > ?), 0), coalesce(sum(events), 0) from alert_exception",
            self._clock(),
        )
        return row[0], row[1]

    def _values(self, view: AlertView, wanted: Sequence[Wanted]) -> list[tuple[str, GroupValue]]:
        """Return the fields with their values: those given, else the group's, else what all its events share."""
        if not 0 < len(wanted) <= FIELDS_MAX:
            raise wrong("fields", f"expected 1 to {FIELDS_MAX} fields, found {len(wanted)}")
        group = dict(view.state.group)
        fields: dict[str, GroupValue] = {}
        events: list[Mapping[str, Any]] | None = None
        for each in wanted:
            complaint = self._fields.complaint(each.name)
            if complaint is not None and each.name not in group:
                raise wrong("fields", complaint)
            if each.name in fields:
                raise wrong("fields", f"{each.name!r} is named twice; events have one value of it")
            if each.given:
                fields[each.name] = each.value
            elif each.name in group:
                fields[each.name] = group[each.name]
            else:
                events = self._events(view) if events is None else events
                fields[each.name] = self._shared(events, each.name)
        return list(fields.items())

    def _events(self, view: AlertView) -> list[Mapping[str, Any]]:
        row = self._state.row("select event_ids from alert where id = ?", view.state.id)
        found = (self._event_of(event_id) for event_id in orjson.loads(row[0]))
        return [event for event in found if event is not None]

    def _shared(self, events: Sequence[Mapping[str, Any]], name: str) -> GroupValue:
        values = list(dict.fromkeys(self._fields.value(event, name) for event in events))
        if len(values) == 1 and values[0] is not None:
            return values[0]
        if not values or values == [None]:
            raise wrong("fields", f"no event that the alert keeps has {name!r}; name its value too")
        shown = ", ".join("none" if value is None else text_of(value) for value in values[:_VALUES_SHOWN])
        raise wrong("fields", f"the alert's events have several values of {name!r} ({shown}); name the one you mean")

    def _check_room(self, connection: sqlite3.Connection, now: int) -> None:
        (there,) = connection.execute(
            "select count(*) from alert_exception where ended is null and until > ?", (now,)
        ).fetchone()
        if there >= self._settings.exceptions_max:
            text = f"there are {there} exceptions, more are not allowed ('alert.exceptions_max'); end some first"
            raise ApiProblem(409, "too-many-exceptions", text)


def words_of(row: ExceptionRow) -> str:
    """Return the events that are meant: ``actor.id=backup source.ip=10.0.0.7``."""
    pairs = orjson.loads(row.fields)
    return " ".join(f"{name}={'none' if value is None else text_of(value)}" for name, value in pairs)


def _document(row: ExceptionRow, now: int) -> dict[str, Any]:
    shown = {
        "id": row.id,
        "state": row.state(now),
        "rule_id": row.rule_id,
        "title": row.title,
        "alert_id": row.alert_id,
        "author": row.author,
        "reason": row.reason,
        "created": format_rfc3339(row.created),
        "until": format_rfc3339(row.until),
        "since_number": row.since,
        "ended": None if row.ended is None else format_rfc3339(row.ended),
        "ended_by": row.ended_by,
        "events": row.events,
        "last": None if row.last is None else format_rfc3339(row.last),
    }
    fields = [{"name": name, "value": value} for name, value in orjson.loads(row.fields)]
    return {"fields": fields, **{name: value for name, value in shown.items() if value is not None}}


def _report(now: int, by: str | None, action: str, event_type: str, row: ExceptionRow, message: str) -> Report:
    details = {
        "rule_id": row.rule_id,
        "alert_id": row.alert_id,
        "fields": dict(orjson.loads(row.fields)),
        "reason": row.reason,
        "author": row.author,
        "until": format_rfc3339(row.until),
        "events": row.events,
    }
    subject = Subject("exception", row.id, f"{row.title}: {words_of(row)}")
    return report(now, by, action, event_type, subject, message, details=details)


def _unknown(exception_id: str) -> ApiProblem:
    return ApiProblem(404, "not-found", f"there is no exception {exception_id[:80]!r}")
