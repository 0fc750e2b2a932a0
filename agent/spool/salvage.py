"""A damaged spool: set aside, and what can be read of it taken over, so that nothing is sent twice.

The positions in the files are what counts: without all of them the agent does not start, because whatever it did, lines
would be sent twice or never.  With them it goes on in a new file, in the same stream; a batch that cannot be read is
replaced by an empty one, because a stream has no holes.  The damaged files stay in a folder ``damaged-…`` beside.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent.spool.spool import COMPATIBILITY, FILE_NAME, Spool
from watchbook import wire
from watchbook.clock import SECOND_US, Clock
from watchbook.database import connect
from watchbook.logs import get_logger

log = get_logger("spool")
_REPORT: Final = "salvaged.json"
_ASIDE: Final = "damaged-"
_CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_FILES: Final = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm")
#: Sequences that are tried one by one when SQLite cannot say which there are.
_TRIED_MAX: Final = 1_000_000


Opening = Callable[[], Spool]


class SpoolDamagedError(Exception):
    """The spool is damaged, and not even the positions in the log files can be read."""


class Salvaged(NamedTuple):
    """What was taken over from a damaged spool that is kept in ``folder``, and how many batches could not be read."""

    folder: Path
    batches: int
    batches_lost: int


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that the file is damaged, as against busy, full or not allowed."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def open_spool(
    folder: Path, clock: Clock, process_start: int = 0, reserve_bytes: int = 0
) -> tuple[Spool, Salvaged | None]:
    """Return the spool of a folder, salvaged when it is damaged.

    Raises SpoolDamagedError when it cannot be, and whatever :class:`Spool` raises.
    """
    opening = partial(Spool, folder, clock, process_start, reserve_bytes)
    cut_off = next((aside for aside in asides(folder) if not (aside / _REPORT).exists()), None)
    if cut_off is not None:
        return _filled(cut_off, folder, clock, opening)
    try:
        spool = opening()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return _replaced(folder, clock, opening, str(error))
    damage = spool.damage()
    if damage is None:
        return spool, None
    spool.close()
    return _replaced(folder, clock, opening, damage)


def asides(folder: Path) -> list[Path]:
    """Return the folders of damaged spools that were set aside, oldest first."""
    return sorted(path for path in folder.glob(f"{_ASIDE}*") if path.is_dir())


def set_aside(folder: Path, clock: Clock) -> Path:
    """Move the spool's files into a folder beside and return it."""
    aside = folder / f"{_ASIDE}{clock() // SECOND_US}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for name in reversed(_FILES):  # the database last: as long as it is there, nothing has happened
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    return aside


def mark_given_up(aside: Path) -> None:
    """Note that nothing is to be taken over from a spool that was set aside."""
    (aside / _REPORT).write_text(json.dumps({"given_up": True}), encoding="utf-8")


def _replaced(folder: Path, clock: Clock, opening: Opening, damage: str) -> tuple[Spool, Salvaged]:
    try:
        with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as damaged:
            list(_needed(damaged))
    except sqlite3.Error as error:
        raise SpoolDamagedError(
            f"{damage}; and the positions in the log files cannot be read ({error}). Nothing was changed. Restore the "
            "file, or run 'watchbook agent spool set-aside': then every file is read as at the very first start"
        ) from error
    aside = set_aside(folder, clock)
    log.error("spool_damaged", damage=damage, set_aside=str(aside))
    return _filled(aside, folder, clock, opening)


def _filled(aside: Path, folder: Path, clock: Clock, opening: Opening) -> tuple[Spool, Salvaged]:
    """Return a new spool with what can be read of a damaged one; may be done again when it was cut off."""
    opening().close()
    salvaged = _salvage(aside, folder, clock)
    return opening(), salvaged


def _needed(damaged: sqlite3.Connection) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """Yield the rows of the tables without which nothing can go on; raises sqlite3.Error."""
    known = {row[0] for row in damaged.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in ("meta", "position", "mark"):
        if table in known or table != "mark":
            yield table, damaged.execute(f"SELECT * FROM {table}").fetchall()


def _salvage(aside: Path, folder: Path, clock: Clock) -> Salvaged:
    """Fill the new, empty spool with what can be read of the damaged one."""
    with (
        closing(sqlite3.connect(aside / FILE_NAME, isolation_level=None)) as damaged,
        closing(connect(folder / FILE_NAME, compatibility=COMPATIBILITY)) as spool,
    ):
        spool.execute("BEGIN IMMEDIATE")
        for table, rows in _needed(damaged):
            _insert(spool, table, rows)
        for table in ("counter", "rejected"):
            _insert(spool, table, _readable_rows(damaged, table))
        last = _last_sequence(damaged)
        batches = list(_readable_batches(damaged, last))
        first = batches[0][0] if batches else last + 1
        gone = sorted(set(range(first, last + 1)) - {row[0] for row in batches})
        empty = wire.compress(wire.encode_json(0, {}))
        _insert(spool, "batch", [*batches, *((sequence, clock(), 0, empty) for sequence in gone)])
        spool.execute("DELETE FROM sqlite_sequence WHERE name = 'batch'")
        spool.execute("INSERT INTO sqlite_sequence VALUES ('batch', ?)", (last,))
        spool.execute("COMMIT")
    salvaged = Salvaged(aside, len(batches), len(gone))
    report = {"batches": salvaged.batches, "batches_lost": salvaged.batches_lost}
    (aside / _REPORT).write_text(json.dumps(report), encoding="utf-8")
    return salvaged


def _insert(spool: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        places = ", ".join("?" * len(rows[0]))
        spool.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({places})", rows)


def _readable_rows(damaged: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    try:
        rows.extend(damaged.execute(f"SELECT * FROM {table}"))
    except sqlite3.Error as error:
        log.error("spool_table_damaged", table=table, error=str(error))  # noqa: TRY400
    return rows


def _last_sequence(damaged: sqlite3.Connection) -> int:
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = 'batch'", "SELECT max(sequence) FROM batch"):
        try:
            row = damaged.execute(query).fetchone()
        except sqlite3.Error:
            continue
        if row and row[0] is not None:
            return int(row[0])
    return 0


def _readable_batches(damaged: sqlite3.Connection, last: int) -> Iterator[tuple[Any, ...]]:
    try:
        (first,) = damaged.execute("SELECT coalesce(min(sequence), ?) FROM batch", (last + 1,)).fetchone()
    except sqlite3.Error:
        first = max(1, last - _TRIED_MAX)
    for sequence in range(first, last + 1):
        try:
            row = damaged.execute("SELECT sequence, created, n, data FROM batch WHERE sequence = ?", (sequence,))
            yield from row.fetchall()
        except sqlite3.Error:
            continue
