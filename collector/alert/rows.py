"""Alerts as rows of ``state.db`` and back, written many at a time.

A statement with many rows is one call into SQLite.  One call a row would give up the interpreter's lock at each, and
beside a busy thread wait for it again up to its switch interval of 5 ms: thousands of alerts would take seconds.

Whatever a row is to become is decided before it is written, within the same transaction: so a new alert is inserted,
and one that is there is changed in place, without a search for what is in the way.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from collector.alert.life import Life, Status
from collector.finding import AlertState, RuleBrief

#: What to select :data:`COLUMNS` from: each alert with what its rule said when it opened.  Alerts come first, whatever
#: is asked for: there are few briefs, and no index leads from one to its alerts.
_BRIEF_OF: Final = "cross join alert_brief on alert_brief.number = alert.brief"
ALERTS: Final = f"alert {_BRIEF_OF}"
#: The same by way of an index, where the one that is chosen without statistics would be the wrong one.
ALERTS_BY: Final = f"alert indexed by {{index}} {_BRIEF_OF}"
_BRIEF: Final = ("title", "level", "description", "response", "runbook", "tags", "falsepositives")
_FACTS: Final = (
    "group_key", "track", "events", "first", "last", "holds_from", "holds_until", "received", "opened", "resolved",
    "resolution",
)  # fmt: skip
_FIELDS: Final = ("id", "rule_id", *_BRIEF, *_FACTS)
#: What :func:`state_of` reads.
COLUMNS: Final = ", ".join(_FIELDS)
#: What :func:`view_of` reads.
VIEW_COLUMNS: Final = (
    f"{COLUMNS}, status, acknowledged, acknowledged_by, acknowledged_note, closed, closed_by, closed_note, "
    "silenced_by, inhibited_by, disposition, disposition_at, disposition_by, disposition_note, "
    "shadow"
)
_INSERT: Final = (
    f"insert into alert (number, brief, shadow, id, rule_id, {', '.join(_FACTS)}, status, closed, event_ids)"
)
#: What a change of an alert may change.
_CHANGING: Final = (
    "events", "first", "last", "holds_from", "holds_until", "received", "resolved", "resolution", "status", "event_ids",
)  # fmt: skip
_STATUS: Final = f"new.column{2 + _CHANGING.index('status')}"
_OVER: Final = f"new.column{2 + _CHANGING.index('resolved')}"
_REOPENED: Final = f"new.column{2 + len(_CHANGING)}"
#: Whoever looked after an alert that was opened again does so no more, also when it is over by now; one that people
#: resolved stays theirs.
_OF_PEOPLE: Final = (
    *(
        f"{name} = iif({_STATUS} = 'open' or {_REOPENED}, null, {name})"
        for name in ("acknowledged", "acknowledged_by", "acknowledged_note")
    ),
    f"closed = iif({_STATUS} = 'resolved', iif({_REOPENED}, {_OVER}, coalesce(closed, {_OVER})), null)",
    *(
        f"{name} = iif({_STATUS} = 'resolved' and not {_REOPENED}, {name}, null)"
        for name in ("closed_by", "closed_note")
    ),
)
_CHANGE: Final = (
    "update alert set "
    + ", ".join([*(f"{name} = new.column{place}" for place, name in enumerate(_CHANGING, 2)), *_OF_PEOPLE])
    + " from (values {rows}) as new where number = new.column1"
)
#: Rows of one statement: the number of different statements is as bounded as their length.
_SIZES: Final = (128, 16, 4, 1)


class Written(NamedTuple):
    """What is known of an alert before a change: its life, and the ids of the events that it keeps, as JSON.

    ``is_hidden``: something keeps it quiet; ``is_shadow``: its rule was on trial when it opened.
    """

    number: int
    life: Life
    event_ids: str
    is_hidden: bool
    is_shadow: bool


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


class Briefs:
    """The numbers of what rules say of their alerts, which is kept once for all of them.

    It remembers those that were given in transactions: :meth:`forget` is for one that came to nothing.
    """

    def __init__(self) -> None:
        self._numbers: dict[RuleBrief, int] = {}

    def number_of(self, connection: sqlite3.Connection, brief: RuleBrief) -> int:
        """Return the number of a brief; it is written down if it is new."""
        number = self._numbers.get(brief)
        if number is None:
            values = (*brief[1:6], _json(brief.tags), _json(brief.falsepositives))
            same = " and ".join(f"{name} is ?" for name in _BRIEF)
            row = connection.execute(f"select number from alert_brief where {same}", values).fetchone()
            if row is None:
                marks = ", ".join("?" * len(values))
                row = connection.execute(
                    f"insert into alert_brief ({', '.join(_BRIEF)}) values ({marks}) returning number", values
                ).fetchone()
            number = self._numbers[brief] = int(row[0])
        return number

    def forget(self) -> None:
        """Forget all."""
        self._numbers.clear()


def written(connection: sqlite3.Connection, alert_ids: Collection[str]) -> dict[str, Written]:
    """Return what is known of those alerts that are there, by id."""
    rows = connection.execute(
        "select id, number, status, events, resolved is not null, event_ids, "
        f"silenced_by is not null or inhibited_by is not null, shadow from alert where {AMONG}",
        (among(alert_ids),),
    )
    return {
        alert_id: Written(number, Life(status, events, bool(over)), event_ids, bool(is_hidden), bool(is_shadow))
        for alert_id, number, status, events, over, event_ids, is_hidden, is_shadow in rows.fetchall()
    }


def next_number(connection: sqlite3.Connection) -> int:
    """Return the number that the next new alert is given."""
    (number,) = connection.execute("select coalesce(max(number), 0) + 1 from alert").fetchone()
    return int(number)


def new_row(number: int, brief: int, alert: AlertState, status: Status, event_ids: str) -> tuple[Any, ...]:
    """Return the row of an alert that is not there, for :func:`insert_alerts`."""
    alert_id, rule, group, *facts = alert
    shadow = int(rule.shadow)
    return number, brief, shadow, alert_id, rule.id, _json(group), *facts, status, alert.resolved, event_ids


def insert_alerts(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write alerts that are not there yet."""
    insert(connection, _INSERT, rows)


def changed_row(number: int, alert: AlertState, status: Status, event_ids: str, *, reopened: bool) -> tuple[Any, ...]:
    """Return what a row becomes, for :func:`change_alerts`; ``reopened``: it was, whatever it is by now."""
    return (
        number, alert.events, alert.first, alert.last, alert.holds_from, alert.holds_until, alert.received,
        alert.resolved, alert.resolution, status, event_ids, reopened,
    )  # fmt: skip


def change_alerts(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write what alerts became that are there; what people made of them stays, as far as it still holds."""
    for part in parts(rows):
        connection.execute(_CHANGE.format(rows=_marks(len(part), len(part[0]))), list(chain.from_iterable(part)))


def view_of(row: Sequence[Any]) -> AlertView:
    """Return the alert of a row of :data:`VIEW_COLUMNS`."""
    width = len(_FIELDS)
    return AlertView(state_of(row[:width]), *row[width:])


def state_of(row: Sequence[Any]) -> AlertState:
    """Return the alert of a row of :data:`COLUMNS`."""
    width = 2 + len(_BRIEF)
    group = tuple((name, value) for name, value in orjson.loads(row[width]))
    return AlertState(row[0], _brief_of(*row[1:width]), group, *row[width + 1 :])


@lru_cache(maxsize=1024)
def _brief_of(*columns: Any) -> RuleBrief:
    return RuleBrief(*columns[:-2], *(tuple(orjson.loads(each)) for each in columns[-2:]))


#: The condition that an alert is one of those that :func:`among` stands for, however many they are.
AMONG: Final = "id in (select value from json_each(?))"


def among(alert_ids: Collection[str]) -> str:
    """Return the value of :data:`AMONG`."""
    return orjson.dumps(list(alert_ids)).decode()


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[Any]]) -> None:
    """Insert many rows with few statements."""
    for part in parts(rows):
        values = _marks(len(part), len(part[0]))
        connection.execute(f"{into} values {values}", list(chain.from_iterable(part)))


def parts(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Yield the rows in parts, of few different lengths."""
    start = 0
    while start < len(rows):
        size = next(size for size in _SIZES if size <= len(rows) - start)
        yield rows[start : start + size]
        start += size


@lru_cache(maxsize=64)
def _marks(rows: int, width: int) -> str:
    return ", ".join([f"({', '.join('?' * width)})"] * rows)


def _json(value: Sequence[Any]) -> str:
    return orjson.dumps(value).decode()
