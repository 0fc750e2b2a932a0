"""How Watchbook opens a SQLite file: durable, and never one that a newer version wrote.

Every file states a compatibility number in ``PRAGMA user_version``.  A file with a higher number than the code knows is
refused before anything in it is read or changed.
"""

import sqlite3
from pathlib import Path
from typing import Final

#: Exit code when a database cannot be used (EX_DATAERR, sysexits.h).
EX_DATA: Final = 65


class NewerDatabaseError(Exception):
    """The file was written by a newer Watchbook than this one."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"{path}: written by a newer Watchbook (format {found}, this version knows {known}); "
            "start the newer version, or give this one another folder"
        )


def connect(path: Path, *, compatibility: int, page_bytes: int = 4096, busy_ms: int = 10_000) -> sqlite3.Connection:
    """Return a connection for writing: WAL, ``synchronous=FULL`` (a commit is on disk), explicit transactions.

    The connection may be used from any one thread at a time.  Raises NewerDatabaseError.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000)
    try:
        refuse_newer(connection, path, compatibility)
        connection.execute(f"PRAGMA page_size={page_bytes}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA journal_size_limit=67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_readonly(path: Path, *, compatibility: int, busy_ms: int = 10_000) -> sqlite3.Connection:
    """Return a connection that cannot write; raises NewerDatabaseError, and OperationalError when there is no file."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False,
        timeout=busy_ms / 1000,
    )  # fmt: skip
    try:
        refuse_newer(connection, path, compatibility)
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_newer(connection: sqlite3.Connection, path: Path, compatibility: int) -> None:
    """Raise NewerDatabaseError when the file's compatibility number is above what the code knows."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > compatibility:
        raise NewerDatabaseError(path, found, compatibility)
