"""An index file opened for reading: trusted, or not used."""

import sqlite3
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from collector.index.file import (
    open_readonly,
    read_head_data,
    read_stamp,
    stamp_is_right,
    written_in_this_boot,
)
from collector.index.head import Head, unpack_head


class DamagedFileError(Exception):
    """The file cannot be trusted."""


class NotReadyError(Exception):
    """The indexer has yet to look at the file, and to say that it can be trusted."""


class OpenIndex:
    """A read-only connection to a trusted index file and the head it had when it was last looked at.

    Raises DamagedFileError when it cannot be trusted, NotReadyError when it is not known yet whether it can, and
    FileNotFoundError when there is none.  Thread-safe; closed when
    the last view of it is gone.
    """

    def __init__(self, path: Path) -> None:
        self.identity = identity_of(path)
        self._lock = threading.Lock()
        self._connection, self._head_data = _open_trusted(path)
        weakref.finalize(self, self._connection.close)
        self._head: Head | None = None if self._head_data is None else unpack_head(self._head_data)

    def head(self) -> Head | None:
        """Return what the file covers at this moment; None: nothing yet, or it is of another format."""
        if self._head is not None and self._head.sealed:
            return self._head
        with self._lock:
            data = read_head_data(self._connection)
            if data != self._head_data:
                self._head_data = data
                self._head = None if data is None else unpack_head(data)
            return self._head

    def is_there(self, path: Path) -> bool:
        """Return whether the file is still the one of that name."""
        try:
            return identity_of(path) == self.identity
        except FileNotFoundError:
            return False

    def rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Return the rows of a SELECT; each call sees what is committed."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def identity_of(path: Path) -> tuple[int, int]:
    """Return what tells a file from another one that took its name; raises FileNotFoundError."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _open_trusted(path: Path) -> tuple[sqlite3.Connection, bytes | None]:
    connection = open_readonly(path, immutable=False)
    try:
        # Through SQLite: opening and closing the file ourselves would drop the locks of other connections to it.
        (stamp,) = connection.execute("PRAGMA application_id").fetchone()
        if not stamp:
            return connection, _head_of_growing(connection, path)
    except BaseException:
        connection.close()
        raise
    connection.close()
    if stamp_is_right(path):
        return _open_stamped(path)
    if read_stamp(path):
        raise DamagedFileError(f"{path}: its bytes are not those that were written")
    raise NotReadyError(path)  # an indexer has just begun to go on with it


def _head_of_growing(connection: sqlite3.Connection, path: Path) -> bytes | None:
    data = read_head_data(connection)
    head = None if data is None else unpack_head(data)
    if data is None and not Path(f"{path}-wal").exists():
        raise DamagedFileError(f"{path}: it is empty, and nobody is about to fill it")
    if head is not None and head.sealed:
        raise DamagedFileError(f"{path}: it has no stamp")
    if head is not None and not written_in_this_boot(head):
        raise NotReadyError(path)
    return data


def _open_stamped(path: Path) -> tuple[sqlite3.Connection, bytes | None]:
    for immutable in (False, True):
        connection = open_readonly(path, immutable=immutable)
        try:
            data = read_head_data(connection)
            head = None if data is None else unpack_head(data)
        except BaseException:
            connection.close()
            raise
        if immutable or head is None or not head.sealed:
            break
        connection.close()
    return connection, data
