"""Reads a hot segment: its directory, block by block what it holds, and which batches of a stream are in it.

The format is stated in :mod:`collector.store.segment`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from collector.block import BlockInfo
from collector.store.directory import Directory
from watchbook.logs import get_logger

log = get_logger("store")

_ENTRY: Final = "SELECT number - ?, number, n, tmin, tmax, received, stream, sequence FROM block"
_ENTRIES_AT_ONCE: Final = 20_000


class HotMeta(NamedTuple):
    """What a hot segment says of itself: its first arrival number, the hash that its chain begins with, its store."""

    first_number: int
    chain_start: bytes
    store: str


def is_begun(connection: sqlite3.Connection) -> bool:
    """Whether the transaction that makes the segment has happened."""
    return bool(connection.execute("PRAGMA user_version").fetchone() != (0,))


def read_meta(connection: sqlite3.Connection) -> HotMeta:
    """Return what the segment says of itself."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    return HotMeta(meta["first_number"], meta["chain_start"], meta["store"])


def extend_directory(connection: sqlite3.Connection, directory: Directory, first_number: int) -> None:
    """Add the blocks that were committed since the last time.

    Blocks in damaged pages are left out: what is still readable can be read; ``watchbook verify`` names the others.
    """
    try:
        _extend(connection, directory, first_number)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        if not directory.damaged:
            directory.damaged = True
            next_step = "run 'watchbook verify'"
            log.error("segment_damaged", segment=directory.segment, error=str(error), next_step=next_step)  # noqa: TRY400
        after = first_number + directory.end_row
        directory.extend(readable_entries(connection, first_number, after))
    _extend_names(connection, directory)


def _extend(connection: sqlite3.Connection, directory: Directory, first_number: int) -> None:
    rows = connection.execute(
        f"{_ENTRY} WHERE number >= ? ORDER BY number", (first_number, first_number + directory.end_row)
    )
    while entries := rows.fetchmany(_ENTRIES_AT_ONCE):
        directory.extend(entries)


def _extend_names(connection: sqlite3.Connection, directory: Directory) -> None:
    names = directory.names
    if not directory.size or int(directory.column("stream").max()) < len(names):
        return
    for identifier, name in connection.execute(
        "SELECT id, name FROM stream WHERE id >= ? ORDER BY id", (len(names),)
    ).fetchall():
        names.extend([""] * (identifier - len(names)))
        names.append(name)


def readable_entries(connection: sqlite3.Connection, first_number: int, after: int) -> Sequence[tuple[int, ...]]:
    """Return the directory's entries from number ``after`` on that can be read in a damaged file, one by one."""
    entries: list[tuple[int, ...]] = []
    for number in block_numbers(connection):
        try:
            if number >= after:
                entries.extend(connection.execute(f"{_ENTRY} WHERE number = ?", (first_number, number)))
        except sqlite3.DatabaseError:
            continue
    return entries


def block_numbers(connection: sqlite3.Connection) -> list[int]:
    """Return the numbers of the blocks as the index over streams knows them, so far as that can be read.

    The index lies in other pages than the blocks: it names blocks that can no longer be read.
    """
    numbers: list[int] = []
    try:
        for (number,) in connection.execute("SELECT number FROM block INDEXED BY block_stream"):
            numbers.append(number)
    except sqlite3.DatabaseError:
        pass
    return sorted(numbers)


def block_data(connection: sqlite3.Connection, number: int) -> bytes | None:
    """Return the bytes of a block, None when there is no such block."""
    row = connection.execute("SELECT data FROM block WHERE number = ?", (number,)).fetchone()
    return None if row is None else bytes(row[0])


def linked_block(connection: sqlite3.Connection, number: int) -> tuple[bytes | None, bytes, bytes] | None:
    """Return the hash of the block before (None for the first), a block's own and its bytes; None when it is gone."""
    row = connection.execute(
        "SELECT (SELECT hash FROM block WHERE number < ?1 ORDER BY number DESC LIMIT 1), hash, data FROM block"
        " WHERE number = ?1",
        (number,),
    ).fetchone()
    return None if row is None else (row[0], bytes(row[1]), bytes(row[2]))


def first_received(connection: sqlite3.Connection) -> int | None:
    """Return when the first block was received, None when there is none."""
    row = connection.execute("SELECT received FROM block ORDER BY number LIMIT 1").fetchone()
    return int(row[0]) if row else None


def last_sequence(connection: sqlite3.Connection, stream: str) -> int:
    """Return the last sequence of a stream that was committed when this segment ended, 0 for an unknown stream."""
    row = connection.execute("SELECT sequence FROM stream WHERE name = ?", (stream,)).fetchone()
    return int(row[0]) if row else 0


def number_of(connection: sqlite3.Connection, stream: str, sequence: int) -> int | None:
    """Return the number of the block that holds a stream's batch, None when it is not in this segment."""
    row = connection.execute(
        "SELECT number FROM block WHERE stream = (SELECT id FROM stream WHERE name = ?) AND sequence = ?",
        (stream, sequence),
    ).fetchone()
    return int(row[0]) if row else None


class StoredBlock(NamedTuple):
    """A block as it lies in the file."""

    info: BlockInfo
    hash: bytes
    data: bytes


def stored_blocks(connection: sqlite3.Connection, first: int = 0, last: int = 1 << 62) -> Iterator[StoredBlock]:
    """Yield the blocks whose first number is from ``first`` to ``last``, in order of arrival."""
    rows = connection.execute(
        "SELECT number, n, tmin, tmax, received, name, block.sequence, hash, data FROM block"
        " LEFT JOIN stream ON stream.id = block.stream WHERE number BETWEEN ? AND ? ORDER BY number",
        (first, last),
    )
    for *spans, stream, sequence, chained, data in rows:
        yield StoredBlock(BlockInfo._make((*spans, stream or "", sequence, "", 0)), chained, data)
