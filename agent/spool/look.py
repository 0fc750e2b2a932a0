"""What a look at a spool from outside shows, also while its agent runs."""

import json
import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent.spool.spool import COMPATIBILITY, FILE_NAME
from watchbook.database import connect_readonly

_REACH: Final = "SELECT offsets FROM reach WHERE sequence IN (SELECT sequence FROM batch) ORDER BY sequence"


class SpoolView(NamedTuple):
    """What a look at a spool from outside shows."""

    stream: str
    batches: int
    size: int
    events: int
    oldest: int | None
    rejected: int
    positions: list[bytes]
    counters: dict[str, dict[str, int]]
    acknowledged: dict[int, int]


def look_into(folder: Path, *, with_positions: bool = True) -> SpoolView:
    """Return what is in a folder's spool while its agent may be running; raises sqlite3.Error when there is none.

    Without ``positions`` unless asked for: with thousands of files that is most of the work.
    ``acknowledged``: by id of a position that unsent batches hold lines of, the offset up to which the collector has
    all.
    """
    connection = connect_readonly(folder / FILE_NAME, compatibility=COMPATIBILITY)
    try:
        execute = connection.execute
        execute("BEGIN")
        batches, size, events, oldest = execute(
            "SELECT count(*), coalesce(sum(length(data)), 0), coalesce(sum(n), 0), min(created) FROM batch"
        ).fetchone()
        counters: dict[str, dict[str, int]] = {}
        for name, counter, value in execute("SELECT input, name, value FROM counter"):
            counters.setdefault(name, {})[counter] = value
        stream: Any = execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()
        if stream is None:
            raise sqlite3.OperationalError("it is just being made; ask again")
        rejected = execute("SELECT count(*) FROM rejected").fetchone()[0]
        positions: list[bytes] = []
        if with_positions:
            positions = [row[0] for row in execute("SELECT document FROM position ORDER BY id")]
        acknowledged: dict[int, int] = {}
        if execute("SELECT 1 FROM sqlite_master WHERE name = 'reach'").fetchone():
            for (offsets,) in execute(_REACH):
                acknowledged = {int(key): offset for key, offset in json.loads(offsets).items()} | acknowledged
        return SpoolView(stream[0], batches, size, events, oldest, rejected, positions, counters, acknowledged)
    finally:
        connection.close()
