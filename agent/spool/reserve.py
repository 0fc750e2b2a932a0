"""Space on the spool's disk that is given free when the spool itself has filled it: deleting takes space, too.

SQLite writes what a deletion changes into its log (WAL) first, and can shorten that only when the database file may
grow by what is waiting there.  On a disk that is full to the last block neither works, and a spool that filled it would
stay full for ever, however much the collector has taken.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FILE_NAME: Final = "reserve"


class Reserve:
    """A file of ``size`` bytes that holds nothing; none where there is no space for it, or where ``size`` is 0."""

    def __init__(self, folder: Path, size: int) -> None:
        self._path = folder / FILE_NAME
        self._size = size

    def hold(self) -> None:
        """Take the space, if it is there."""
        if not self._size:
            self._path.unlink(missing_ok=True)
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, self._size)
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError:
            self._path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the space free for what is done within, and take it again."""
        self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.hold()
