"""Exceptions on disk, as the rules use them: which there are, from where on each holds, and what each kept away."""

import sqlite3
from collections.abc import Mapping
from typing import Any

import orjson

from collector.finding import ExceptionUse, RuleException


def read_exceptions(connection: sqlite3.Connection) -> list[RuleException]:
    """Return every exception that the rules have taken up, oldest first."""
    rows = connection.execute(
        "select id, rule_id, fields, since, until, ended_number from alert_exception where since is not null "
        "order by created, id"
    )
    return [_exception(*row) for row in rows.fetchall()]


def take_up_exceptions(connection: sqlite3.Connection, next_number: int) -> None:
    """Let what people made since the last call hold, and what they ended hold no more, from an arrival number on."""
    connection.execute("update alert_exception set since = ? where since is null", (next_number,))
    connection.execute(
        "update alert_exception set ended_number = ? where ended is not null and ended_number is null", (next_number,)
    )


def note_uses(connection: sqlite3.Connection, uses: Mapping[str, ExceptionUse]) -> None:
    """Add what exceptions kept from counting."""
    connection.executemany(
        "update alert_exception set events = events + ?, last = max(coalesce(last, ?), ?) where id = ?",
        [(use.events, use.last, use.last, exception_id) for exception_id, use in uses.items()],
    )


def _exception(exception_id: str, rule_id: str, fields: str, *rest: Any) -> RuleException:
    named = tuple((name, value) for name, value in orjson.loads(fields))
    return RuleException(exception_id, rule_id, named, *rest)
