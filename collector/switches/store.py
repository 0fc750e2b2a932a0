"""Keeps the switches.  Everything here blocks; the event loop calls it in worker threads."""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from watchbook.database import connect, connect_readonly

_AT_ONCE: Final = 500


class Switch(NamedTuple):
    """Whether a rule is on, why, who said so, and when (microseconds since the epoch).

    ``shadow``: whether it is on trial; None: as its file says.
    """

    rule_id: str
    enabled: bool
    reason: str | None
    by: str
    changed: int
    shadow: bool | None = None


class Report(NamedTuple):
    """An event that is still to be stored, and the key that names it."""

    id: int
    key: str
    event: Mapping[str, Any]


class RuleSwitches:
    """The switches in ``state.db``, whose migrations have been applied.  Safe to use from any thread."""

    def __init__(self, path: Path, compatibility: int) -> None:
        self._path = path
        self._compatibility = compatibility

    def all(self) -> dict[str, Switch]:
        """Return the switches by the id of their rule."""
        with closing(connect_readonly(self._path, compatibility=self._compatibility)) as connection:
            rows = connection.execute("SELECT rule_id, enabled, reason, by, changed, shadow FROM rule_state")
            return {row[0]: _switch(*row) for row in rows}

    def put(self, switch: Switch, event: Mapping[str, Any]) -> None:
        """Keep a switch, and the event that tells of it, or neither."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO rule_state (rule_id, enabled, reason, by, changed, shadow) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (rule_id) DO UPDATE SET enabled = excluded.enabled, reason = excluded.reason, "
                "by = excluded.by, changed = excluded.changed, shadow = excluded.shadow",
                switch,
            )
            _note(connection, event)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Keep an event that is to be stored."""
        with self._writing() as connection:
            _note(connection, event)

    def waiting(self) -> list[Report]:
        """Return the events to be stored next, oldest first."""
        with closing(connect_readonly(self._path, compatibility=self._compatibility)) as connection:
            rows = connection.execute("SELECT id, key, document FROM rule_report ORDER BY id LIMIT ?", (_AT_ONCE,))
            return [Report(row[0], row[1], msgspec.json.decode(row[2])) for row in rows]

    def stored(self, reports: Iterable[Report]) -> None:
        """Forget events that are stored."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM rule_report WHERE id = ?", [(report.id,) for report in reports])

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self._path, compatibility=self._compatibility)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


def _switch(rule_id: str, enabled: int, reason: str | None, by: str, changed: int, shadow: int | None) -> Switch:
    return Switch(rule_id, bool(enabled), reason, by, changed, None if shadow is None else bool(shadow))


def _note(connection: sqlite3.Connection, event: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT INTO rule_report (key, document) VALUES (?, ?)",
        (f"rules-{secrets.token_hex(16)}", msgspec.json.encode(event).decode()),
    )
