"""A connection to a database that a room has to itself, with a lock that makes it safe from any thread."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class LockedConnection:
    """Statements take the lock one by one, a transaction holds it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def row(self, sql: str, *values: Any) -> Any:
        """Return the first row, None when there is none."""
        with self._lock:
            return self._connection.execute(sql, values).fetchone()

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Return all rows."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """Hold the lock, for reading alone."""
        with self._lock:
            yield self._connection

    @contextmanager
    def transaction(self, undone: Callable[[], object] | None = None) -> Iterator[sqlite3.Connection]:
        """Hold the lock and a write transaction: all of it is on disk afterwards, or nothing.

        ``undone`` is called when it came to nothing, before anybody else may write.
        """
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                if undone is not None:
                    undone()
                raise

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()
