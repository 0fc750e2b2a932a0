"""The table of saved filters in ``state.db``.

``saved_filter``: one row a filter.  ``content`` is a JSON object ``{q, filters, exclude, range}``; ``name_key`` is the
name case-folded; ``owner`` and ``changed_by`` are names of tokens; ``version`` counts the changes from 1; times are
microseconds since the epoch.  A name is unique among the filters of one owner, and among those that everyone sees.
"""

from typing import Final

from sqlite_utils.db import Database
from sqlite_utils.migrations import Migrations

MIGRATIONS: Final = Migrations("collector.filters")


@MIGRATIONS()
def create_saved_filter(db: Database) -> None:
    """Create the table of saved filters."""
    db.execute(
        """CREATE TABLE saved_filter (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            name_key TEXT NOT NULL,
            owner TEXT NOT NULL,
            visibility TEXT NOT NULL CHECK (visibility IN ('mine', 'everyone')),
            content TEXT NOT NULL,
            version INTEGER NOT NULL,
            created INTEGER NOT NULL,
            changed INTEGER NOT NULL,
            changed_by TEXT NOT NULL
        ) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX saved_filter_mine ON saved_filter (owner, name_key)")
    db.execute("CREATE UNIQUE INDEX saved_filter_everyone ON saved_filter (name_key) WHERE visibility = 'everyone'")
