"""The file ``state.db``: tokens, agents, saved filters, alerts, notifications.  Each room brings its own migrations."""

import sqlite3
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from collector.access import MIGRATIONS as ACCESS_MIGRATIONS
from collector.agents import MIGRATIONS as AGENT_MIGRATIONS
from collector.alert import MIGRATIONS as ALERT_MIGRATIONS
from collector.filters import MIGRATIONS as FILTER_MIGRATIONS
from collector.notify import MIGRATIONS as NOTIFY_MIGRATIONS
from collector.switches import MIGRATIONS as SWITCH_MIGRATIONS
from watchbook.database import connect

#: Raised with every change that an older version could not work with.
COMPATIBILITY: Final = 4


def open_state(path: Path) -> sqlite3.Connection:
    """Return a connection to the state file, made or brought up to date if need be.  Raises NewerDatabaseError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = connect(path, compatibility=COMPATIBILITY)
    try:
        database = Database(connection)
        for migrations in (
            ACCESS_MIGRATIONS, AGENT_MIGRATIONS, ALERT_MIGRATIONS, FILTER_MIGRATIONS, NOTIFY_MIGRATIONS,
            SWITCH_MIGRATIONS,
        ):  # fmt: skip
            migrations.apply(database)
        connection.execute(f"PRAGMA user_version={COMPATIBILITY}")
    except BaseException:
        connection.close()
        raise
    return connection
