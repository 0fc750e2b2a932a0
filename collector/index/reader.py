"""Reads indexes: views of segments, with everything that was decoded remembered up to a number of bytes."""

import sqlite3
import threading
from collections import OrderedDict
from pathlib import Path

from collector.index.cache import ByteCache
from collector.index.file import UNREADABLE
from collector.index.head import Head
from collector.index.opened import DamagedFileError, NotReadyError, OpenIndex, identity_of
from collector.index.segment_view import SegmentView


class IndexReader:
    """Implements :class:`collector.view.IndexSource`.  Thread-safe; never writes.

    ``damaged`` collects the names of the segments whose index turned out to be damaged: whoever may write makes them
    again.  Such a file is not looked at any more until another one has taken its place.
    """

    def __init__(self, cache_bytes: int, open_files_max: int = 256) -> None:
        self.cache = ByteCache(cache_bytes)
        self.damaged: set[str] = set()
        self._open_files_max = open_files_max
        self._lock = threading.Lock()
        self._files: OrderedDict[Path, OpenIndex] = OrderedDict()
        self._views: dict[Path, tuple[Head, SegmentView]] = {}
        self._distrusted: dict[Path, tuple[int, ...]] = {}

    def view(self, name: str, generation: str, path: object) -> SegmentView | None:
        """Return the index of a segment as it is now; None: there is none, or none that can be used."""
        path = path if isinstance(path, Path) else Path(str(path))
        try:
            file = self._file(path)
            head = None if file is None else file.head()
        except FileNotFoundError:
            return None
        except (*UNREADABLE, DamagedFileError) as error:
            self._distrust(name, path, error)
            return None
        if file is None or head is None or (head.name, head.generation) != (name, generation):
            return None
        with self._lock:
            shown = self._views.get(path)
            if shown is None or shown[0] is not head:
                view = SegmentView(file, head, self.cache, lambda error: self._distrust(name, path, error))
                shown = self._views[path] = (head, view)
            return shown[1]

    def close(self) -> None:
        """Give up all files; those that views still use are closed when these are gone."""
        with self._lock:
            self._files.clear()
            self._views.clear()

    def _file(self, path: Path) -> OpenIndex | None:
        identity = identity_of(path)
        with self._lock:
            if path in self._distrusted:
                if self._distrusted[path] == _state_of(path):
                    return None
                del self._distrusted[path]
            known = self._files.get(path)
            if known is not None and known.identity == identity:
                self._files.move_to_end(path)
                return known
            try:
                # Under the lock: a file is read through once, however many ask for it.
                opened = self._files[path] = OpenIndex(path)
            except NotReadyError:
                return None
            self._files.move_to_end(path)
            self._give_up_gone()
            while len(self._files) > self._open_files_max:
                given_up, _ = self._files.popitem(last=False)
                self._views.pop(given_up, None)
            return opened

    def _give_up_gone(self) -> None:
        """Close files that are no longer there: the disk has their space back only then."""
        for path in [path for path, file in self._files.items() if not file.is_there(path)]:
            del self._files[path]
            self._views.pop(path, None)

    def _distrust(self, name: str, path: Path, error: Exception) -> None:
        if isinstance(error, sqlite3.Error) and _passes_by(error):
            return
        with self._lock:
            self.damaged.add(name)
            self._files.pop(path, None)
            self._views.pop(path, None)
            try:
                self._distrusted[path] = _state_of(path)
            except FileNotFoundError:
                self._distrusted.pop(path, None)


def _state_of(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written or another takes its place, though it may get the same inode."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def _passes_by(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
