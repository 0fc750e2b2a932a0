"""Events of the collector's own on their way into the store, kept in the transaction of what they tell."""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from watchbook.database import connect, connect_readonly

#: Reports that are stored at once.
AT_ONCE: Final = 500


class Waiting(NamedTuple):
    """A report that is still to be stored."""

    id: int
    key: str
    event: Mapping[str, Any]


def note_reports(connection: sqlite3.Connection, events: Iterable[Mapping[str, Any]]) -> None:
    """Note events in the transaction under way."""
    connection.executemany(
        "INSERT INTO agent_report (key, document) VALUES (?, ?)",
        [(f"agents-{secrets.token_hex(16)}", msgspec.json.encode(event)) for event in events],
    )


def waiting_reports(connection: sqlite3.Connection) -> list[Waiting]:
    """Return what is to be told next, oldest first."""
    rows = connection.execute("SELECT id, key, document FROM agent_report ORDER BY id LIMIT ?", (AT_ONCE,))
    return [Waiting(row[0], row[1], msgspec.json.decode(row[2])) for row in rows]


def drop_reports(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Forget reports that are stored."""
    connection.executemany("DELETE FROM agent_report WHERE id = ?", [(each,) for each in ids])


@contextmanager
def writing(path: Path, compatibility: int) -> Iterator[sqlite3.Connection]:
    """Give a connection in a transaction that is committed unless something is raised."""
    with closing(connect(path, compatibility=compatibility)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")


@contextmanager
def reading(path: Path, compatibility: int) -> Iterator[sqlite3.Connection]:
    """Give a connection that cannot write."""
    with closing(connect_readonly(path, compatibility=compatibility)) as connection:
        yield connection
