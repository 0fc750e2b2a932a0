"""The access room's tables in ``state.db``.

``token``: one row a token ever created.  ``hash`` is the SHA-256 of the whole token; ``scopes`` are separated by
blanks; times are microseconds since the epoch.  A name is unique among the tokens that are not revoked.  ``agent`` is
the id of the enrolled agent whose token it is, null for a plain token.
"""

from typing import Final

from sqlite_utils.db import Database
from sqlite_utils.migrations import Migrations

MIGRATIONS: Final = Migrations("collector.access")


@MIGRATIONS()
def create_token(db: Database) -> None:
    """Create the table of tokens."""
    db.execute(
        """CREATE TABLE token (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            scopes TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            created INTEGER NOT NULL,
            last_used INTEGER,
            revoked INTEGER
        ) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked IS NULL")


@MIGRATIONS()
def add_token_agent(db: Database) -> None:
    """Let a token be an agent's.  A version that does not know the column goes on taking the token for a plain one."""
    db.execute("ALTER TABLE token ADD COLUMN agent TEXT")
