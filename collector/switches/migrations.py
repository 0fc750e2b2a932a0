"""The tables of switched rules in ``state.db``.

``rule_state``: one row a rule that was switched; ``enabled`` is 0 or 1, ``shadow`` is 0, 1 or
null (what the file says), ``changed`` microseconds since the epoch,
``by`` the name of a token.  ``rule_report``: events (JSON) that are still to be stored, under the key that makes a
repeat harmless.
"""

from typing import Final

from sqlite_utils.db import Database
from sqlite_utils.migrations import Migrations

MIGRATIONS: Final = Migrations("collector.switches")


@MIGRATIONS()
def create_rule_state(db: Database) -> None:
    """Create the tables."""
    db.execute(
        """CREATE TABLE rule_state (
            rule_id TEXT PRIMARY KEY,
            enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
            reason TEXT,
            by TEXT NOT NULL,
            changed INTEGER NOT NULL
        ) STRICT"""
    )
    db.execute("CREATE TABLE rule_report (id INTEGER PRIMARY KEY, key TEXT NOT NULL, document TEXT NOT NULL) STRICT")


@MIGRATIONS()
def switch_shadow(db: Database) -> None:
    """Let a rule be put on trial, and be taken off it."""
    db.execute("ALTER TABLE rule_state ADD COLUMN shadow INTEGER CHECK (shadow IN (0, 1))")
