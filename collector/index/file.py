"""The index file: an SQLite database whose bytes are stamped with their own checksum when nobody writes it.

Tables::

    head  id = 1, data              what the file covers (collector.index.head)
    col   id, data                  columns: id = chunk << 16 | field; blobs of collector.index.forms
    cnt   id, data                  how often each code is in a chunk, where there are few codes; id as in col
    page  id, n, sums, texts        pages of dictionaries: id = field << 28 | page (collector.index.dictionary)
    word  FTS5, contentless         words of the distinct texts: rowid = field << 28 | code

The *stamp* is the CRC-32 of all bytes of the file, those of the header's application id taken as zero, and it is kept
in that application id (SQLite file format 1.3.13; 0 is written as 1).  A file with a stamp of 0 is being written.  Such
a file is good as long as the machine runs on (``Head.boot``): SQLite commits survive the death of the process, and
with ``synchronous=OFF`` nothing is sure after a loss of power.
"""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final
from zlib import crc32

from collector.index.head import Head, this_boot, unpack_head
from collector.index.packing import PackingError

#: What reading a damaged file may raise; SQLite's messages may quote bytes that are no text.
UNREADABLE: Final = (sqlite3.Error, PackingError, UnicodeDecodeError)
#: Codes and pages of one field come before this.
FIELD_SHIFT: Final = 28
CHUNK_SHIFT: Final = 16
_STAMP_AT: Final = 68
_STAMP_BYTES: Final = 4
_HEADER_BYTES: Final = 100
_READ_BYTES: Final = 1 << 20
_BUSY_S: Final = 5.0
_SCHEMA: Final = (
    "CREATE TABLE head (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE col (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE cnt (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE page (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, sums BLOB NOT NULL, texts BLOB NOT NULL)",
    "CREATE VIRTUAL TABLE word USING fts5(t, content='', detail=none, columnsize=0, tokenize='ascii')",
)


def create(path: Path, *, growing: bool) -> sqlite3.Connection:
    """Return a connection to a new, empty index file; one that grows can be read meanwhile (WAL)."""
    remove(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    try:
        connection.execute("PRAGMA page_size=8192")
        _prepare(connection, growing=growing)
        connection.execute("BEGIN")
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def reopen(path: Path) -> sqlite3.Connection:
    """Return a connection that goes on writing a file that grows."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_S
    )
    try:
        _prepare(connection, growing=True)
    except BaseException:
        connection.close()
        raise
    return connection


def open_readonly(path: Path, *, immutable: bool) -> sqlite3.Connection:
    """Return a connection for reading; ``immutable`` promises that nobody will write the file any more."""
    option = "mode=ro&immutable=1" if immutable else "mode=ro"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{option}", uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_S
    )


def read_head(connection: sqlite3.Connection) -> Head | None:
    """Return the head of a file, None when there is none yet or it is of another format; raises PackingError."""
    data = read_head_data(connection)
    return None if data is None else unpack_head(data)


def read_head_data(connection: sqlite3.Connection) -> bytes | None:
    """Return the packed head of a file, None when there is none yet."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'head'").fetchone() is None:
        return None
    row = connection.execute("SELECT data FROM head WHERE id = 1").fetchone()
    return None if row is None else bytes(row[0])


def take_over(path: Path) -> tuple[sqlite3.Connection, Head] | None:
    """Open a file that is to grow on, if it can be trusted; None: it cannot, or is of another format.

    From then on it has no stamp.
    """
    if not path.exists():
        return None
    stamped = read_stamp(path) != 0
    if stamped:
        if not stamp_is_right(path):
            return None
        _write_stamp(path, 0)
    try:
        connection = reopen(path)
    except sqlite3.Error:
        return None
    try:
        head = read_head(connection)
        if head is not None and (stamped or written_in_this_boot(head)):
            return connection, head
    except UNREADABLE:
        pass
    connection.close()
    return None


def written_in_this_boot(head: Head) -> bool:
    """Return whether the machine has run on since the file was last written."""
    return bool(head.boot) and head.boot == this_boot()


def close_and_stamp(connection: sqlite3.Connection, path: Path) -> None:
    """Close a file that was written and stamp it, so that it can be trusted from now on.

    If readers keep SQLite from emptying the WAL the file stays without a stamp.
    """
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    if not busy and path.exists():
        _write_stamp(path, _checksum(path))


def remove(path: Path) -> None:
    """Remove an index file and what SQLite keeps beside it."""
    for beside in ("", "-wal", "-shm", "-journal"):
        Path(f"{path}{beside}").unlink(missing_ok=True)


def is_damage(error: Exception) -> bool:
    """Return whether an error means that the file's content is wrong; others (a full disk, a lock) pass."""
    if isinstance(error, PackingError | UnicodeDecodeError):
        return True
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def read_stamp(path: Path) -> int:
    """Return the stamp of a file, 0 when it has none."""
    with path.open("rb") as file:
        file.seek(_STAMP_AT)
        return int.from_bytes(file.read(_STAMP_BYTES), "big")


def stamp_is_right(path: Path) -> bool:
    """Return whether every byte of a file is as it was when it was stamped; reads all of it."""
    wal = Path(f"{path}-wal")
    with contextlib.suppress(FileNotFoundError):
        if wal.stat().st_size:
            return False
    stamp = read_stamp(path)
    return stamp != 0 and stamp == _checksum(path)


def _checksum(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        checksum = crc32(header[:_STAMP_AT] + bytes(_STAMP_BYTES) + header[_STAMP_AT + _STAMP_BYTES :])
        while piece := file.read(_READ_BYTES):
            checksum = crc32(piece, checksum)
    return checksum or 1


def _write_stamp(path: Path, stamp: int) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, stamp.to_bytes(_STAMP_BYTES, "big"), _STAMP_AT)
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, *, growing: bool) -> None:
    connection.execute(f"PRAGMA journal_mode={'WAL' if growing else 'OFF'}")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA journal_size_limit=16777216")
    connection.execute("PRAGMA cache_size=-16384")
