"""What the collector writes into its own log about alerts, silences and exceptions, and who did it.

A report is noted in the transaction of what it tells; it waits in ``alert_report`` until the store has it.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from collector.locked import LockedConnection

Report = dict[str, Any]
#: Reports that are stored at once.
AT_ONCE: Final = 500
_CATEGORY: Final = "meta"


class Waiting(NamedTuple):
    """A report that is still to be stored, once for its key."""

    id: int
    key: str
    event: Mapping[str, Any]


class Subject(NamedTuple):
    """What a report is about: an ``alert``, a ``silence`` or an ``exception``."""

    type: str
    id: str
    name: str


def report(
    now: int,
    by: str | None,
    action: str,
    event_type: str,
    subject: Subject,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    changes: Sequence[Mapping[str, Any]] = (),
) -> Report:
    """Return a flat event, as the wire takes it; ``by`` is a token's name, None: the collector's own clock."""
    event: Report = {
        "time": now,
        "actor.type": "system" if by is None else "api_key",
        "actor.id": "watchbook" if by is None else by,
        "action": action,
        "event_type": event_type,
        "category": _CATEGORY,
        "resource.type": subject.type,
        "resource.id": subject.id,
        "resource.name": subject.name,
        "module": "alerts",
        "outcome": "success",
        "message": message,
    }
    known = {name: value for name, value in (details or {}).items() if value is not None}
    return event | ({"details": known} if known else {}) | ({"changes": list(changes)} if changes else {})


def note_reports(connection: sqlite3.Connection, reports: Iterable[Report]) -> None:
    """Note reports in the transaction under way."""
    connection.executemany(
        "insert into alert_report (key, document) values (?, ?)",
        [(f"alerts-{secrets.token_hex(16)}", msgspec.json.encode(each)) for each in reports],
    )


def waiting_reports(state: LockedConnection) -> list[Waiting]:
    """Return what is to be stored next, oldest first."""
    rows = state.rows("select id, key, document from alert_report order by id limit ?", AT_ONCE)
    return [Waiting(row[0], row[1], msgspec.json.decode(row[2])) for row in rows]


def drop_reports(state: LockedConnection, reports: Iterable[Waiting]) -> None:
    """Forget reports that are stored."""
    with state.transaction() as connection:
        connection.executemany("delete from alert_report where id = ?", [(each.id,) for each in reports])
