"""Read-only connections to segment files: as few open as possible, each used by one thread at a time."""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from watchbook.database import connect_readonly, refuse_newer

#: One format number for hot and sealed files; a file with a higher one is refused.
COMPATIBILITY: Final = 2

#: What of a file that nobody writes may be mapped into memory; pages come and go as the kernel sees fit.
_MAPPED_BYTES_MAX: Final = 1 << 30


class FileKey(NamedTuple):
    """A file and its content: a file replaced under the same name has another ``generation``."""

    path: Path
    generation: str
    immutable: bool = False


class Connections:
    """Lends connections, and keeps up to ``open_max`` idle ones, the last used.  Safe from any thread."""

    def __init__(self, open_max: int) -> None:
        self._open_max = open_max
        self._lock = threading.Lock()
        self._idle: OrderedDict[FileKey, list[sqlite3.Connection]] = OrderedDict()
        self._count = 0
        self._closed = False

    @contextmanager
    def lent(self, key: FileKey) -> Iterator[sqlite3.Connection]:
        """Lend a connection; raises KeyError when there is no such file (any more)."""
        connection = self._take(key) or open_segment(key.path, immutable=key.immutable)
        try:
            yield connection
        finally:
            self._give(key, connection)

    def forget(self, is_current: Callable[[FileKey], bool]) -> None:
        """Close the idle connections to files that are no longer current, so that their space is freed."""
        with self._lock:
            gone = [key for key in self._idle if not is_current(key)]
            for key in gone:
                self._close_all(self._idle.pop(key))

    def close(self) -> None:
        """Close every idle connection now and every other one when it comes back."""
        with self._lock:
            self._closed = True
            for connections in self._idle.values():
                self._close_all(connections)
            self._idle.clear()

    def _take(self, key: FileKey) -> sqlite3.Connection | None:
        with self._lock:
            idle = self._idle.get(key)
            if not idle:
                return None
            self._count -= 1
            connection = idle.pop()
            if not idle:
                del self._idle[key]
            return connection

    def _give(self, key: FileKey, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._idle.setdefault(key, []).append(connection)
            self._idle.move_to_end(key)
            self._count += 1
            if self._closed:
                self._close_all(self._idle.pop(key))
            while self._count > self._open_max:
                oldest = next(iter(self._idle))
                self._close_all([self._idle[oldest].pop(0)])
                if not self._idle[oldest]:
                    del self._idle[oldest]

    def _close_all(self, connections: list[sqlite3.Connection]) -> None:
        for connection in connections:
            connection.close()
        self._count -= len(connections)


def open_segment(path: Path, *, immutable: bool) -> sqlite3.Connection:
    """Open a segment file for reading; raises KeyError when it is gone and NewerDatabaseError.

    ``immutable`` leaves out every lock and look at a journal: only for files that nobody writes.
    """
    try:
        if not immutable:
            return connect_readonly(path, compatibility=COMPATIBILITY)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        if not path.exists():
            raise KeyError(path.name) from error
        raise
    try:
        refuse_newer(connection, path, COMPATIBILITY)
        # A block lies in a chain of pages: mapped, reading it is a copy and not a system call a page.
        connection.execute(f"PRAGMA mmap_size={_MAPPED_BYTES_MAX}")
    except BaseException:
        connection.close()
        raise
    return connection
