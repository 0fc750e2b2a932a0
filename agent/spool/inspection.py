"""A look into a spool from outside, also while its agent runs: what is unsent, what was refused, if all is well."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec

from agent.spool.spool import COMPATIBILITY, FILE_NAME
from watchbook import wire
from watchbook.database import connect_readonly
from watchbook.event import nest

_BATCH_BYTES_MAX: Final = 256 << 20
_STREAM: Final = re.compile(r"[0-9a-f]{32}")
#: Findings of SQLite's own check that are shown.
_PAGES_SHOWN: Final = 10


class Unsent(NamedTuple):
    """An unacknowledged batch; ``created`` in microseconds since the epoch, ``size`` in bytes."""

    sequence: int
    created: int
    n: int
    size: int


class Refused(NamedTuple):
    """An event that the collector would not take; ``created`` is when it said so."""

    created: int
    reason: str
    event: dict[str, Any]


class SpoolInspector:
    """A context that reads one spool.  Everything is as of one moment; raises sqlite3.Error and NewerDatabaseError."""

    def __init__(self, folder: Path) -> None:
        self._connection = connect_readonly(folder / FILE_NAME, compatibility=COMPATIBILITY)

    def __enter__(self) -> Self:
        self._connection.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def stream(self) -> str:
        """Return the name of the stream that the batches belong to."""
        return str(self._connection.execute("SELECT value FROM meta WHERE key = 'stream'").fetchone()[0])

    def unsent(self) -> list[Unsent]:
        """Return the unsent batches in order."""
        rows = self._connection.execute("SELECT sequence, created, n, length(data) FROM batch ORDER BY sequence")
        return list(map(Unsent._make, rows))

    def events(self, sequence: int) -> Iterator[dict[str, Any]]:
        """Yield the events of an unsent batch as the API would show them; raises KeyError and WireError."""
        row = self._connection.execute("SELECT data FROM batch WHERE sequence = ?", (sequence,)).fetchone()
        if row is None:
            raise KeyError(sequence)
        batch = wire.decode_batch(row[0], bytes_max=_BATCH_BYTES_MAX)
        return (nest(batch.event(index)) for index in range(batch.n))

    def refused(self) -> Iterator[Refused]:
        """Yield what the collector refused, oldest first."""
        rows = self._connection.execute("SELECT created, reason, document FROM rejected ORDER BY id")
        return (Refused(created, reason, _nested(json.loads(document))) for created, reason, document in rows)

    def problems(self) -> list[str]:
        """Return what is wrong with the file, in words; nothing when it is whole."""
        found = [row[0] for row in self._connection.execute(f"PRAGMA integrity_check({_PAGES_SHOWN})")]
        problems = [] if found == ["ok"] else [f"SQLite says: {text}" for text in found]
        if not _STREAM.fullmatch(self.stream()):
            problems.append(f"the stream's name is none: {self.stream()!r}")
        return problems + self._batch_problems() + self._position_problems()

    def _batch_problems(self) -> list[str]:
        problems = []
        expected = None
        for batch in self.unsent():
            if expected is not None and batch.sequence != expected:
                problems.append(f"batches {expected} to {batch.sequence - 1} are gone")
            expected = batch.sequence + 1
            try:
                events = sum(1 for _ in self.events(batch.sequence))
            except wire.WireError as error:
                problems.append(f"batch {batch.sequence} cannot be read: {error}")
                continue
            if events != batch.n:
                problems.append(f"batch {batch.sequence} holds {events} events, it should hold {batch.n}")
        return problems

    def _position_problems(self) -> list[str]:
        # A look at what the tailer keeps here: not its meaning, only that it is a document.
        problems = []
        for identifier, document in self._connection.execute("SELECT id, document FROM position ORDER BY id"):
            try:
                path = msgspec.json.decode(document)["path"]
            except (msgspec.MsgspecError, KeyError, TypeError) as error:
                problems.append(f"the position {identifier} cannot be read: {error}")
            else:
                problems += [] if isinstance(path, str) else [f"the position {identifier} names no file"]
        return problems


def _nested(document: dict[str, Any]) -> dict[str, Any]:
    """Return a refused event as the API would show it; a batch that was damaged is kept as it is."""
    return nest(document) if "time" in document else document
