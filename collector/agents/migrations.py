"""The tables of the registry in ``state.db``.  Times are microseconds since the epoch.

- ``enrolment``: one row a one-time token ever made.  ``hash`` is its SHA-256; ``name`` is the name of the agent that
  may be enrolled with it, null for any; ``uses`` counts up to ``uses_max``.
- ``agent``: one row an agent.  ``enrolled`` is null for one that was only seen under the plain token named
  ``token``.  ``former`` is a JSON array of the names it had before; ``heartbeat`` the last one, as JSON.  A name is
  unique among the enrolled that are not revoked.
- ``agent_stream``: the agent that first used a stream.
- ``agent_report``: events of the collector's own that are still to be stored; ``key`` makes the second try a repeat.
"""

from typing import Final

from sqlite_utils.db import Database
from sqlite_utils.migrations import Migrations

MIGRATIONS: Final = Migrations("collector.agents")


@MIGRATIONS()
def create_agents(db: Database) -> None:
    """Create the tables."""
    db.execute(
        """CREATE TABLE enrolment (
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE,
            name TEXT,
            note TEXT,
            uses INTEGER NOT NULL DEFAULT 0,
            uses_max INTEGER NOT NULL,
            created INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            expires INTEGER NOT NULL,
            revoked INTEGER
        ) STRICT"""
    )
    db.execute(
        """CREATE TABLE agent (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            former TEXT NOT NULL DEFAULT '[]',
            token TEXT,
            host TEXT,
            version TEXT,
            enrolled INTEGER,
            enrolment INTEGER,
            last_seen INTEGER,
            heartbeat_at INTEGER,
            heartbeat TEXT,
            silent_since INTEGER,
            revoked INTEGER
        ) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX agent_name ON agent (name) WHERE enrolled IS NOT NULL AND revoked IS NULL")
    db.execute("CREATE TABLE agent_stream (stream TEXT PRIMARY KEY, agent TEXT NOT NULL) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE agent_report (id INTEGER PRIMARY KEY, key TEXT NOT NULL, document BLOB NOT NULL) STRICT")
